//! Items of a segment: assign and unassign products and categories; one, or up to 200 of a type at once.

use std::sync::Arc;

use serde_json::Value;
use shared::{
    http::{ApiError, ApiResult, Call, Details},
    ids::{ItemId, ItemRef, ItemType},
};

use super::{App, assignments, error};
use crate::domain::{self, Target};

/// `PUT /segments/{segmentId}/items/{type}/{itemId}`: assigns the item, or replaces its assignment.
#[tracing::instrument(level = "debug", name = "http.items.put", skip_all, fields(tenant = %call.tenant, segment.id = %call.path.segment_id))]
pub async fn put(app: Arc<App>, call: Call) -> ApiResult {
    let (key, target) = (assignments::segment(&call)?, path_item(&call)?);
    assignments::put(&app, call, key, target).await
}

/// `DELETE /segments/{segmentId}/items/{type}/{itemId}`: takes the assignment away, if it is there.
#[tracing::instrument(level = "debug", name = "http.items.delete", skip_all, fields(tenant = %call.tenant, segment.id = %call.path.segment_id))]
pub async fn delete(app: Arc<App>, call: Call) -> ApiResult {
    let (key, target) = (assignments::segment(&call)?, path_item(&call)?);
    assignments::delete(&app, call, key, target).await
}

/// `PUT /segments/{segmentId}/items/{type}/bulk`: assigns each item of a list.
#[tracing::instrument(level = "debug", name = "http.items.bulk_put", skip_all, fields(tenant = %call.tenant, segment.id = %call.path.segment_id))]
pub async fn bulk_put(app: Arc<App>, call: Call) -> ApiResult {
    let (key, kind) = (assignments::segment(&call)?, path_type(&call)?);
    assignments::bulk_put(&app, call, key, |entry| Ok(ItemRef { kind, id: required_id(entry)? }.into())).await
}

/// `DELETE /segments/{segmentId}/items/{type}/bulk`: takes the assignments of these items away. An entry is an id, or an
/// object with one, as some clients send it.
#[tracing::instrument(level = "debug", name = "http.items.bulk_delete", skip_all, fields(tenant = %call.tenant, segment.id = %call.path.segment_id))]
pub async fn bulk_delete(app: Arc<App>, call: Call) -> ApiResult {
    let (key, kind) = (assignments::segment(&call)?, path_type(&call)?);
    let target = |entry: &Value| -> Result<Target, ApiError> {
        let id = match entry.as_str() {
            Some(text) => {
                ItemId::parse(text).map_err(|why| ApiError::invalid_body(Details::new("pattern", why.to_string())))?
            }
            None => required_id(entry)?,
        };
        Ok(ItemRef { kind, id }.into())
    };
    assignments::bulk_delete(&app, call, key, target).await
}

fn path_type(call: &Call) -> Result<ItemType, ApiError> {
    ItemType::parse(&call.path.item_type).map_err(|why| error::of_path("type", why))
}

fn path_item(call: &Call) -> Result<Target, ApiError> {
    let kind = path_type(call)?;
    let id = ItemId::parse(&call.path.item_id).map_err(|why| error::of_path("itemId", why))?;
    Ok(ItemRef { kind, id }.into())
}

fn required_id(entry: &Value) -> Result<ItemId, ApiError> {
    let required = || ApiError::invalid_body(Details::new("required", "an item needs an id").of("id"));
    domain::item_id(entry).map_err(error::of_body)?.ok_or_else(required)
}
