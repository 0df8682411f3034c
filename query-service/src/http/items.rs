//! `GET /segments/items`, and below a segment: `GET …/items`, `POST …/items/search`, `GET …/items/{type}/{itemId}`.

use shared::{
    Timestamp,
    http::{ApiError, ApiResult, Call, past::AS_OF},
    ids::{ItemId, ItemRef, ItemType, SegmentId},
};

use super::{
    App, answer,
    fresh::Awaited,
    listing::{Listing, query_of_list, query_of_search},
    shape::Shape,
    sight,
};
use crate::{
    q::{Query, Resource},
    views::{Visible, items},
};

/// `GET /segments/items`.
pub async fn list(app: App, call: Call) -> ApiResult {
    let listing = Listing::of(&app, &call, Resource::Item)?;
    let only_active = call.query().get_bool("onlyActive")?;
    let site_code = call.query().get_text("siteCode")?;
    let query = query_of_list(&call)?;
    let part = Part { segment: Below::AnySegment, site_code, only_active, as_of: None };
    answer_list(&app, &call, listing, query, part).await
}

/// `GET /segments/{segmentId}/items`: as they are, or as they were.
pub async fn list_of_segment(app: App, call: Call) -> ApiResult {
    let listing = Listing::of(&app, &call, Resource::Item)?;
    let query = query_of_list(&call)?;
    let as_of = call.query().get_instant(AS_OF)?;
    answer_list(&app, &call, listing, query, Part { as_of, ..Part::of_segment(&call) }).await
}

/// `POST /segments/{segmentId}/items/search`.
pub async fn search_of_segment(app: App, mut call: Call) -> ApiResult {
    let listing = Listing::of(&app, &call, Resource::Item)?;
    let query = query_of_search(&mut call).await?;
    answer_list(&app, &call, listing, query, Part::of_segment(&call)).await
}

/// `GET /segments/{segmentId}/items/{type}/{itemId}`.
pub async fn get(app: App, call: Call) -> ApiResult {
    let kind = ItemType::parse(&call.path.item_type)
        .map_err(|error| ApiError::invalid_parameter("type", "enum", error.to_string()))?;
    let shape = Shape::of(&app, &call, Resource::Item)?;
    let condition = answer::if_none_match(&call)?;
    let awaited = Awaited::of(&app, &call)?;
    let visible = sight::of_caller(&app, &call)?;
    let not_found = || ApiError::not_found(&call.path.item_id);
    let segment_id = SegmentId::parse(&call.path.segment_id).map_err(|_| not_found())?;
    let item = ItemRef { kind, id: ItemId::parse(&call.path.item_id).map_err(|_| not_found())? };
    let visible = visible.ok_or_else(not_found)?;
    let shown = awaited.wait(&app, &call, Some(&segment_id)).await?;
    let found = items::get(&app.reader, &call.tenant, &visible, &segment_id, &item).await.map_err(super::database)?;
    answer::one(&app, shown, found.ok_or_else(not_found)?, condition, &shape)
}

/// Which assignments a list is about.
struct Part<'a> {
    segment: Below,
    site_code: Option<&'a str>,
    only_active: bool,
    as_of: Option<Timestamp>,
}

enum Below {
    AnySegment,
    Segment(SegmentId),
    /// The id is none, so there is no such segment.
    NoSegment,
}

impl Part<'_> {
    fn of_segment(call: &Call) -> Self {
        let segment = SegmentId::parse(&call.path.segment_id).map_or(Below::NoSegment, Below::Segment);
        Self { segment, site_code: None, only_active: false, as_of: None }
    }
}

async fn answer_list(app: &App, call: &Call, listing: Listing, query: Query, part: Part<'_>) -> ApiResult {
    // Who may see the past sees all of it.
    let visible = if part.as_of.is_some() { Some(Visible::Everything) } else { sight::of_caller(app, call)? };
    let segment_id = match &part.segment {
        Below::Segment(id) => Some(id),
        Below::AnySegment | Below::NoSegment => None,
    };
    let shown = listing.awaited.wait(app, call, segment_id).await?;
    let page = match &visible {
        Some(visible) if !matches!(part.segment, Below::NoSegment) => {
            let wanted = items::Wanted {
                tenant: &call.tenant,
                visible,
                segment_id,
                site_code: part.site_code,
                only_active: part.only_active,
                as_of: part.as_of,
                query: &query,
                sort: &listing.sort,
                page: listing.page,
            };
            items::list(&app.reader, &wanted).await.map_err(super::database)?
        }
        _ => listing.nothing(),
    };
    listing.answer(app, shown, page)
}
