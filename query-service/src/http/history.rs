//! The past of a segment: `GET …/history`, `GET …/diff`, and `GET /segments/{segmentId}` with `version` or `asOf`. All of it is
//! for who manages, and that a segment is deleted hides nothing.

use serde_json::Value;
use shared::{
    http::{ApiError, ApiResult, Call, paging::Page, past::Moment},
    ids::SegmentId,
};

use super::{
    App, answer,
    fresh::Awaited,
    shape::{self, Languages, Shape},
};
use crate::{
    q::Resource,
    views::{self, PageOf, history},
};

/// `GET /segments/{segmentId}/history`: what happened to the document, the latest first, every life of the id included.
pub async fn list(app: App, call: Call) -> ApiResult {
    let page = Page::of(&call)?;
    let (from, to) = (call.query().get_instant("from")?, call.query().get_instant("to")?);
    if from.zip(to).is_some_and(|(from, to)| from > to) {
        return Err(ApiError::invalid_parameter("from", "range", "from must not be after to"));
    }
    let languages = Languages::of(&app, &call);
    let awaited = Awaited::of(&app, &call)?;
    let segment_id = segment_id(&call)?;
    let shown = awaited.wait(&app, &call, Some(&segment_id)).await?;
    let page = views::Page { limit: page.size, offset: page.offset(), count: page.with_total };
    let wanted = history::Wanted { tenant: &call.tenant, segment_id: &segment_id, from, to, page };
    let found = history::list(&app.reader, &wanted).await.map_err(super::database)?;
    // Where the page is empty, the segment may still have been there at another time.
    if found.rows.is_empty()
        && !history::is_known(&app.reader, &call.tenant, &segment_id).await.map_err(super::database)?
    {
        return Err(ApiError::not_found(&call.path.segment_id));
    }
    let rows = found.rows.into_iter().map(|entry| reduce(entry, &languages)).collect::<Result<_, _>>()?;
    Ok(answer::many(&app, shown, PageOf { rows, ..found }))
}

/// `GET /segments/{segmentId}?version=` and `?asOf=`: the document as it was.
pub async fn get(app: App, call: Call, moment: Moment) -> ApiResult {
    let shape = Shape::of(&app, &call, Resource::Segment)?;
    let condition = answer::if_none_match(&call)?;
    let awaited = Awaited::of(&app, &call)?;
    let segment_id = segment_id(&call)?;
    let shown = awaited.wait(&app, &call, Some(&segment_id)).await?;
    let found = history::documents(&app.reader, &call.tenant, &segment_id, [moment]).await;
    let [Some(doc)] = found.map_err(super::database)? else {
        return Err(ApiError::not_found(&call.path.segment_id));
    };
    answer::one_past(&app, shown, doc, condition, &shape)
}

/// `GET /segments/{segmentId}/diff`: from one version to another, as a JSON Patch of the whole documents.
pub async fn diff(app: App, call: Call) -> ApiResult {
    let (from, to) = (version(&call, "from")?, version(&call, "to")?);
    let awaited = Awaited::of(&app, &call)?;
    let segment_id = segment_id(&call)?;
    let shown = awaited.wait(&app, &call, Some(&segment_id)).await?;
    let found = history::documents(&app.reader, &call.tenant, &segment_id, [from, to]).await;
    let [Some(from), Some(to)] = found.map_err(super::database)? else {
        return Err(ApiError::not_found(&call.path.segment_id));
    };
    let patch = json_patch::diff(&shape::parsed(&from)?, &shape::parsed(&to)?);
    Ok(answer::patch(&app, shown, &patch))
}

/// An id that no segment can have is one that none ever had.
fn segment_id(call: &Call) -> Result<SegmentId, ApiError> {
    SegmentId::parse(&call.path.segment_id).map_err(|_| ApiError::not_found(&call.path.segment_id))
}

fn version(call: &Call, name: &str) -> Result<Moment, ApiError> {
    let version = call.query().get_number(name, u64::MAX)?;
    version.map(Moment::Version).ok_or_else(|| ApiError::invalid_parameter(name, "required", "a version is wanted"))
}

/// Shows one language of an entry's document, if one is asked for.
fn reduce(entry: String, languages: &Languages) -> Result<String, ApiError> {
    if languages.are_all() {
        return Ok(entry);
    }
    let mut value: Value = shape::parsed(&entry)?;
    for pointer in ["/document/name", "/document/description"] {
        languages.choose(value.pointer_mut(pointer));
    }
    Ok(value.to_string())
}
