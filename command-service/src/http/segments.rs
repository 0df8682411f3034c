//! Segments: create, put, patch, delete; one, or up to 200 at once.

use std::sync::Arc;

use serde_json::Value;
use shared::{
    http::{ApiError, ApiResult, Call, Details},
    ids::{SegmentId, SegmentKey},
};

use super::{
    App, answer,
    bulk::{self, Bulk, Item},
    error,
    headers::{CanonicalBody, WriteHeaders},
};
use crate::domain::{self, Action, Command, Condition, Draft, Patch};

const FORCE_DELETE: &str = "forceDelete";

/// `POST /segments`: creates a segment, under the id of its body or a generated one.
#[tracing::instrument(level = "debug", name = "http.segments.create", skip_all, fields(tenant = %call.tenant))]
pub async fn create(app: Arc<App>, mut call: Call) -> ApiResult {
    let headers = WriteHeaders::of(&call, &app.settings.default_language)?;
    let mut body = call.required_json().await?;
    let canonical = CanonicalBody::of(&mut body);
    let id = id_of(&body, &headers, None)?;
    let action = Action::CreateSegment(Draft::parse(body, &headers.language).map_err(error::of_body)?);
    // Conditions are about a document that the request names in its path.
    let command = command(&call, &id, Condition::default(), action);
    let request = headers.request(&call, command, &canonical, None);
    let answered = app.execute(&call, request).await.map_err(|failure| error::of_failure(failure, id.as_str()))?;
    Ok(answer::created_or_changed(&call, &answered, id.as_str()))
}

/// `PUT /segments/{segmentId}`: creates the segment, or replaces it whole.
#[tracing::instrument(level = "debug", name = "http.segments.put", skip_all, fields(tenant = %call.tenant, segment.id = %call.path.segment_id))]
pub async fn put(app: Arc<App>, mut call: Call) -> ApiResult {
    let id = path_id(&call)?;
    let headers = WriteHeaders::of(&call, &app.settings.default_language)?;
    let mut body = call.required_json().await?;
    let canonical = CanonicalBody::of(&mut body);
    if domain::segment_id(&body).map_err(error::of_body)?.is_some_and(|other| other != id) {
        return Err(ApiError::invalid_body(Details::new("mismatch", "the id is not that of the path").of("id")));
    }
    let action = put_action(body, &headers)?;
    let command = command(&call, &id, headers.condition.clone(), action);
    let request = headers.request(&call, command, &canonical, None);
    let answered = app.execute(&call, request).await.map_err(|failure| error::of_failure(failure, id.as_str()))?;
    Ok(answer::created_or_changed(&call, &answered, id.as_str()))
}

/// `PATCH /segments/{segmentId}`: changes parts of the segment.
#[tracing::instrument(level = "debug", name = "http.segments.patch", skip_all, fields(tenant = %call.tenant, segment.id = %call.path.segment_id))]
pub async fn patch(app: Arc<App>, mut call: Call) -> ApiResult {
    let id = path_id(&call)?;
    let headers = WriteHeaders::of(&call, &app.settings.default_language)?;
    let mut body = call.required_json().await?;
    let canonical = CanonicalBody::of(&mut body);
    let action = Action::PatchSegment(Patch::parse(body, &headers.language).map_err(error::of_body)?);
    let command = command(&call, &id, headers.condition.clone(), action);
    let request = headers.request(&call, command, &canonical, None);
    let answered = app.execute(&call, request).await.map_err(|failure| error::of_failure(failure, id.as_str()))?;
    Ok(answer::no_content(&answered))
}

/// `DELETE /segments/{segmentId}`: deletes the segment; with `forceDelete=true` its assignments too.
#[tracing::instrument(level = "debug", name = "http.segments.delete", skip_all, fields(tenant = %call.tenant, segment.id = %call.path.segment_id))]
pub async fn delete(app: Arc<App>, call: Call) -> ApiResult {
    let id = path_id(&call)?;
    let headers = WriteHeaders::of(&call, &app.settings.default_language)?;
    let action = Action::DeleteSegment { force: call.query().get_bool(FORCE_DELETE)? };
    let command = command(&call, &id, headers.condition.clone(), action);
    let request = headers.request(&call, command, &CanonicalBody::none(), None);
    let answered = app.execute(&call, request).await.map_err(|failure| error::of_failure(failure, id.as_str()))?;
    Ok(answer::no_content(&answered))
}

/// `POST /segments/bulk`: creates each segment of a list.
#[tracing::instrument(level = "debug", name = "http.segments.bulk_create", skip_all, fields(tenant = %call.tenant))]
pub async fn bulk_create(app: Arc<App>, mut call: Call) -> ApiResult {
    let headers = WriteHeaders::of(&call, &app.settings.default_language)?;
    let bulk = Bulk::read(&mut call).await?;
    let items = bulk.items(|index, body, canonical| {
        let id = id_of(&body, &headers, Some(index));
        let shown = domain::segment_id(&body).ok().flatten();
        let request = id.and_then(|id| {
            let action = Action::CreateSegment(Draft::parse(body, &headers.language).map_err(error::of_body)?);
            let command = command(&call, &id, Condition::default(), action);
            Ok(headers.request(&call, command, &canonical, Some(index)))
        });
        Item::of_segment(shown, request)
    });
    Ok(bulk::execute(&app, &call, items).await?.response(&app))
}

/// `PUT /segments/bulk`: creates or replaces each segment of a list; one without an id is created.
#[tracing::instrument(level = "debug", name = "http.segments.bulk_put", skip_all, fields(tenant = %call.tenant))]
pub async fn bulk_put(app: Arc<App>, mut call: Call) -> ApiResult {
    let headers = WriteHeaders::of(&call, &app.settings.default_language)?;
    let bulk = Bulk::read(&mut call).await?;
    let items = bulk.items(|index, body, canonical| {
        let id = id_of(&body, &headers, Some(index));
        let shown = domain::segment_id(&body).ok().flatten();
        let request = id.and_then(|id| {
            let command = command(&call, &id, Condition::default(), put_action(body, &headers)?);
            Ok(headers.request(&call, command, &canonical, Some(index)))
        });
        Item::of_segment(shown, request)
    });
    Ok(bulk::execute(&app, &call, items).await?.response(&app))
}

/// `DELETE /segments/bulk`: deletes the segments with these ids.
#[tracing::instrument(level = "debug", name = "http.segments.bulk_delete", skip_all, fields(tenant = %call.tenant))]
pub async fn bulk_delete(app: Arc<App>, mut call: Call) -> ApiResult {
    let headers = WriteHeaders::of(&call, &app.settings.default_language)?;
    let force = call.query().get_bool(FORCE_DELETE)?;
    let bulk = Bulk::read(&mut call).await?;
    let items = bulk.items(|index, body, canonical| {
        let text = body.as_str().ok_or_else(|| ApiError::invalid_body(Details::new("type", "an id is a string")));
        let id = text.and_then(|text| {
            SegmentId::parse(text).map_err(|why| ApiError::invalid_body(Details::new("pattern", why.to_string())))
        });
        let shown = id.as_ref().ok().cloned();
        let request = id.map(|id| {
            let command = command(&call, &id, Condition::default(), Action::DeleteSegment { force });
            headers.request(&call, command, &canonical, Some(index))
        });
        Item::of_segment(shown, request)
    });
    Ok(bulk::execute(&app, &call, items).await?.response(&app))
}

fn command(call: &Call, id: &SegmentId, condition: Condition, action: Action) -> Command {
    Command { key: SegmentKey::new(call.tenant.clone(), id.clone()), condition, action }
}

fn put_action(body: Value, headers: &WriteHeaders) -> Result<Action, ApiError> {
    let expected = domain::expected_version(&body).map_err(error::of_body)?;
    let draft = Draft::parse(body, &headers.language).map_err(error::of_body)?;
    Ok(Action::PutSegment { draft, expected })
}

fn path_id(call: &Call) -> Result<SegmentId, ApiError> {
    SegmentId::parse(&call.path.segment_id).map_err(|why| error::of_path("segmentId", why))
}

/// The id of the body, or a generated one.
fn id_of(body: &Value, headers: &WriteHeaders, index: Option<usize>) -> Result<SegmentId, ApiError> {
    match domain::segment_id(body).map_err(error::of_body)? {
        Some(id) => Ok(id),
        None => headers.generated_id(index).map_err(|_| ApiError::internal()),
    }
}
