//! What writes of assignments have in common, whatever is assigned: one, or up to 200 at once.
//!
//! The handlers of `items.rs` and `customers.rs` say which segment and which [`Target`].

use serde_json::{Map, Value};
use shared::{
    http::{ApiError, ApiResult, Call},
    ids::{SegmentId, SegmentKey},
};

use super::{
    App, answer,
    bulk::{self, Bulk, Item},
    error,
    headers::{CanonicalBody, WriteHeaders},
};
use crate::domain::{self, Action, AssignmentDraft, Command, Condition, Target};

/// The segment of the path.
pub fn segment(call: &Call) -> Result<SegmentKey, ApiError> {
    let id = SegmentId::parse(&call.path.segment_id).map_err(|why| error::of_path("segmentId", why))?;
    Ok(SegmentKey::new(call.tenant.clone(), id))
}

/// Assigns the target, or replaces its assignment. A request without a body is one with an empty object.
pub async fn put(app: &App, mut call: Call, key: SegmentKey, target: Target) -> ApiResult {
    let headers = WriteHeaders::of(&call, &app.settings.default_language)?;
    let mut body = call.json().await?.unwrap_or_else(|| Value::Object(Map::new()));
    let canonical = CanonicalBody::of(&mut body);
    let command = Command { key, condition: headers.condition.clone(), action: assign(target.clone(), body)? };
    let request = headers.request(&call, command, &canonical, None);
    let answered = app.execute(&call, request).await.map_err(|failure| error::of_failure(failure, id(&target)))?;
    Ok(answer::assigned(&call, &answered, &place(&call, &target)))
}

/// Takes the assignment away, if it is there.
pub async fn delete(app: &App, call: Call, key: SegmentKey, target: Target) -> ApiResult {
    let headers = WriteHeaders::of(&call, &app.settings.default_language)?;
    let action = Action::Unassign { target: target.clone() };
    let command = Command { key, condition: headers.condition.clone(), action };
    let request = headers.request(&call, command, &CanonicalBody::none(), None);
    let answered = app.execute(&call, request).await.map_err(|failure| error::of_failure(failure, id(&target)))?;
    Ok(answer::no_content(&answered))
}

/// Assigns the target of each entry of the list.
pub async fn bulk_put(
    app: &App,
    call: Call,
    key: SegmentKey,
    target: impl Fn(&Value) -> Result<Target, ApiError>,
) -> ApiResult {
    let results = bulk(app, call, key, |entry| assign(target(&entry)?, entry)).await?;
    if results.lack_segment() { Err(error::segment_missing()) } else { Ok(results.response(app)) }
}

/// Takes the assignment of each entry of the list away.
pub async fn bulk_delete(
    app: &App,
    call: Call,
    key: SegmentKey,
    target: impl Fn(&Value) -> Result<Target, ApiError>,
) -> ApiResult {
    let results = bulk(app, call, key, |entry| Ok(Action::Unassign { target: target(&entry)? })).await?;
    Ok(results.response(app))
}

async fn bulk(
    app: &App,
    mut call: Call,
    key: SegmentKey,
    action: impl Fn(Value) -> Result<Action, ApiError>,
) -> Result<bulk::Results, ApiError> {
    let headers = WriteHeaders::of(&call, &app.settings.default_language)?;
    let bulk = Bulk::read(&mut call).await?;
    let items = bulk.items(|index, entry, canonical| {
        Item::of_assignment(action(entry).map(|action| {
            // Conditions are about a document that the request names in its path.
            let command = Command { key: key.clone(), condition: Condition::default(), action };
            headers.request(&call, command, &canonical, Some(index))
        }))
    });
    bulk::execute(app, &call, items).await
}

fn assign(target: Target, body: Value) -> Result<Action, ApiError> {
    let expected = domain::expected_version(&body).map_err(error::of_body)?;
    let draft = AssignmentDraft::parse(body).map_err(error::of_body)?;
    Ok(Action::Assign { target, draft, expected })
}

/// The id that errors name.
fn id(target: &Target) -> &str {
    match target {
        Target::Item(item) => item.id.as_str(),
        Target::Customer(customer) => customer.id.as_str(),
    }
}

/// The parts of the assignment's path behind the word `segments`.
fn place<'a>(call: &'a Call, target: &'a Target) -> Vec<&'a str> {
    let mut parts = vec![call.path.segment_id.as_str()];
    match target {
        Target::Item(item) => parts.extend(["items", item.kind.as_str(), item.id.as_str()]),
        Target::Customer(customer) => {
            parts.extend(["customers", customer.id.as_str()]);
            parts.extend(customer.legal_entity.as_ref().map(|legal_entity| legal_entity.as_str()));
        }
    }
    parts
}
