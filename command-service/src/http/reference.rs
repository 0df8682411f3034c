//! Reference data: what other systems own, up to 200 entries of a kind at once. Nothing is decided here, the last write counts:
//! there are no versions, no conditions and no idempotency keys, and whatever went wrong can be sent again. The consistency
//! token speaks of the reference log.

use std::sync::Arc;

use actix_web::{HttpResponse, http::StatusCode};
use serde_json::Value;
use shared::{
    consistency::Positions,
    http::{ApiError, ApiResult, Call, Details},
    ids::Tenant,
    reference::{Change, Entry, Id, Key, Kind, MAX_RECORD_BYTES},
};
use tokio::time::timeout;

use super::{
    App, answer,
    bulk::{Bulk, ItemResult},
    error,
};

/// `PUT /reference/{tenant}/{kind}/bulk`: each entry of the list is now so, whatever it was.
#[tracing::instrument(level = "debug", name = "http.reference.bulk_put", skip_all, fields(tenant = %call.tenant))]
pub async fn bulk_put(app: Arc<App>, call: Call) -> ApiResult {
    bulk(&app, call, |tenant, kind, entry| {
        let entry = Entry::from_json(kind, entry).map_err(|why| invalid(&why))?;
        Ok(Change::Put { tenant, entry })
    })
    .await
}

/// `DELETE /reference/{tenant}/{kind}/bulk`: these entries are gone, if they were there. Each is an id (of a `productCategory`
/// `productId/categoryId`), or an object that names one as a put does.
#[tracing::instrument(level = "debug", name = "http.reference.bulk_delete", skip_all, fields(tenant = %call.tenant))]
pub async fn bulk_delete(app: Arc<App>, call: Call) -> ApiResult {
    bulk(&app, call, |tenant, kind, entry| {
        let id = id(kind, &entry).ok_or_else(|| invalid(&format_args!("an id of a {kind} is wanted")))?;
        Ok(Change::Delete(Key { tenant, id }))
    })
    .await
}

async fn bulk(
    app: &App,
    mut call: Call,
    change: impl Fn(Tenant, Kind, Value) -> Result<Change, ApiError>,
) -> ApiResult {
    let kind = path_kind(&call)?;
    let entries = Bulk::read(&mut call).await?.into_entries();
    let mut changes = Vec::with_capacity(entries.len());
    let mut results = Vec::with_capacity(entries.len());
    for (entry, index) in entries.into_iter().zip(app.settings.index_base..) {
        let shown = id(kind, &entry).map(|id| id.to_string());
        match change(call.tenant.clone(), kind, entry).and_then(of_bounded_size) {
            Ok(change) => {
                changes.push(change);
                results.push(ItemResult::done(index, shown));
            }
            Err(error) => results.push(ItemResult::refused(index, shown, &error)),
        }
    }
    let positions = if changes.is_empty() { Positions::default() } else { write(app, changes).await? };
    if let Some(acknowledged) = &app.acknowledged {
        acknowledged.record(&call.tenant, &positions);
    }
    let mut response = HttpResponse::build(StatusCode::MULTI_STATUS);
    answer::mark(&mut response, &positions, false);
    Ok(response.json(results))
}

async fn write(app: &App, changes: Vec<Change>) -> Result<Positions, ApiError> {
    let written = timeout(app.settings.answer_within, app.reference.write(changes)).await;
    let reason = match written {
        Ok(Ok(positions)) => return Ok(positions),
        Ok(Err(doubt)) => doubt.to_string(),
        Err(_) => "the log of reference data did not answer in time".to_owned(),
    };
    tracing::warn!(reason, "reference data may not have been written");
    let details = Details::new("outcome-unknown", "any of the entries may have been written; send them again");
    Err(ApiError::new(StatusCode::GATEWAY_TIMEOUT, "The outcome is unknown.").with_details(details))
}

fn path_kind(call: &Call) -> Result<Kind, ApiError> {
    let words = || Kind::ALL.map(Kind::as_str).join(", ");
    Kind::parse(&call.path.reference_kind)
        .ok_or_else(|| error::of_path("kind", format_args!("one of {} is wanted", words())))
}

/// What an entry of the list names: all of it if it is a text, else by the members that name an entry of its kind.
fn id(kind: Kind, entry: &Value) -> Option<Id> {
    let text = |name: &str| entry.get(name).and_then(Value::as_str);
    let id = match (entry, kind) {
        (Value::String(id), _) => id.clone(),
        (_, Kind::ProductCategory) => format!("{}/{}", text("productId")?, text("categoryId")?),
        (_, Kind::Customer | Kind::LegalEntity | Kind::Product | Kind::Category) => text("id")?.to_owned(),
    };
    Id::parse(kind, &id).ok()
}

fn of_bounded_size(change: Change) -> Result<Change, ApiError> {
    match change.size() {
        ..=MAX_RECORD_BYTES => Ok(change),
        size => Err(invalid(&format_args!("the record would have {size} bytes, more than {MAX_RECORD_BYTES}"))),
    }
}

/// The results of a bulk have no place for details, so the message says what is wrong.
fn invalid(why: &dyn std::fmt::Display) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, why.to_string())
}
