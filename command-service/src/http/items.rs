//! Items of a segment: assign and unassign products and categories; one, or up to 200 of a type at once.

use std::sync::Arc;

use serde_json::{Map, Value};
use shared::{
    http::{ApiError, ApiResult, Call, Details},
    ids::{ItemId, ItemRef, ItemType, SegmentId, SegmentKey},
};

use super::{
    App, answer,
    bulk::{self, Bulk, Item},
    error,
    headers::{CanonicalBody, WriteHeaders},
};
use crate::domain::{self, Action, AssignmentDraft, Command, Condition};

/// `PUT /segments/{segmentId}/items/{type}/{itemId}`: assigns the item, or replaces its assignment.
#[tracing::instrument(level = "debug", name = "http.items.put", skip_all, fields(tenant = %call.tenant, segment.id = %call.path.segment_id))]
pub async fn put(app: Arc<App>, mut call: Call) -> ApiResult {
    let (key, kind) = segment_and_type(&call)?;
    let item = path_item(&call, kind)?;
    let headers = WriteHeaders::of(&call, &app.settings.default_language)?;
    let mut body = call.json().await?.unwrap_or_else(|| Value::Object(Map::new()));
    let canonical = CanonicalBody::of(&mut body);
    let action = assign(item, body)?;
    let command = Command { key, condition: headers.condition.clone(), action };
    let request = headers.request(&call, command, &canonical, None);
    let answered =
        app.execute(&call, request).await.map_err(|failure| error::of_failure(failure, &call.path.item_id))?;
    let path = &call.path;
    Ok(answer::assigned(&call, &answered, &[&path.segment_id, "items", kind.as_str(), &path.item_id]))
}

/// `DELETE /segments/{segmentId}/items/{type}/{itemId}`: takes the assignment away, if it is there.
#[tracing::instrument(level = "debug", name = "http.items.delete", skip_all, fields(tenant = %call.tenant, segment.id = %call.path.segment_id))]
pub async fn delete(app: Arc<App>, call: Call) -> ApiResult {
    let (key, kind) = segment_and_type(&call)?;
    let action = Action::UnassignItem { item: path_item(&call, kind)? };
    let headers = WriteHeaders::of(&call, &app.settings.default_language)?;
    let command = Command { key, condition: headers.condition.clone(), action };
    let request = headers.request(&call, command, &CanonicalBody::none(), None);
    let answered =
        app.execute(&call, request).await.map_err(|failure| error::of_failure(failure, &call.path.item_id))?;
    Ok(answer::no_content(&answered))
}

/// `PUT /segments/{segmentId}/items/{type}/bulk`: assigns each item of a list.
#[tracing::instrument(level = "debug", name = "http.items.bulk_put", skip_all, fields(tenant = %call.tenant, segment.id = %call.path.segment_id))]
pub async fn bulk_put(app: Arc<App>, mut call: Call) -> ApiResult {
    let (key, kind) = segment_and_type(&call)?;
    let headers = WriteHeaders::of(&call, &app.settings.default_language)?;
    let bulk = Bulk::read(&mut call).await?;
    let items = bulk.items(|index, body, canonical| {
        let id = required_id(&body);
        let request = id.and_then(|id| {
            let action = assign(ItemRef { kind, id }, body)?;
            let command = Command { key: key.clone(), condition: Condition::default(), action };
            Ok(headers.request(&call, command, &canonical, Some(index)))
        });
        Item::of_assignment(request)
    });
    let results = bulk::execute(&app, &call, items).await?;
    if results.lack_segment() { Err(error::segment_missing()) } else { Ok(results.response(&app)) }
}

/// `DELETE /segments/{segmentId}/items/{type}/bulk`: takes the assignments of these items away. An entry is an id, or an
/// object with one, as some clients send it.
#[tracing::instrument(level = "debug", name = "http.items.bulk_delete", skip_all, fields(tenant = %call.tenant, segment.id = %call.path.segment_id))]
pub async fn bulk_delete(app: Arc<App>, mut call: Call) -> ApiResult {
    let (key, kind) = segment_and_type(&call)?;
    let headers = WriteHeaders::of(&call, &app.settings.default_language)?;
    let bulk = Bulk::read(&mut call).await?;
    let items = bulk.items(|index, body, canonical| {
        let id = match body.as_str() {
            Some(text) => {
                ItemId::parse(text).map_err(|why| ApiError::invalid_body(Details::new("pattern", why.to_string())))
            }
            None => required_id(&body),
        };
        let request = id.map(|id| {
            let action = Action::UnassignItem { item: ItemRef { kind, id } };
            let command = Command { key: key.clone(), condition: Condition::default(), action };
            headers.request(&call, command, &canonical, Some(index))
        });
        Item::of_assignment(request)
    });
    Ok(bulk::execute(&app, &call, items).await?.response(&app))
}

fn assign(item: ItemRef, body: Value) -> Result<Action, ApiError> {
    let expected = domain::expected_version(&body).map_err(error::of_body)?;
    let draft = AssignmentDraft::parse(body).map_err(error::of_body)?;
    Ok(Action::AssignItem { item, draft, expected })
}

fn segment_and_type(call: &Call) -> Result<(SegmentKey, ItemType), ApiError> {
    let id = SegmentId::parse(&call.path.segment_id).map_err(|why| error::of_path("segmentId", why))?;
    let kind = ItemType::parse(&call.path.item_type).map_err(|why| error::of_path("type", why))?;
    Ok((SegmentKey::new(call.tenant.clone(), id), kind))
}

fn path_item(call: &Call, kind: ItemType) -> Result<ItemRef, ApiError> {
    let id = ItemId::parse(&call.path.item_id).map_err(|why| error::of_path("itemId", why))?;
    Ok(ItemRef { kind, id })
}

fn required_id(body: &Value) -> Result<ItemId, ApiError> {
    let required = || ApiError::invalid_body(Details::new("required", "an item needs an id").of("id"));
    domain::item_id(body).map_err(error::of_body)?.ok_or_else(required)
}
