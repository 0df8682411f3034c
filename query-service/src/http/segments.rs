//! `GET /segments`, `GET /segments/me`, `POST /segments/search`, `GET /segments/{segmentId}`.

use shared::{
    http::{ApiError, ApiResult, Call, past::Moment},
    ids::SegmentId,
};

use super::{
    App, answer,
    fresh::Awaited,
    history,
    listing::{Listing, query_of_list, query_of_search},
    shape::Shape,
    sight,
};
use crate::{
    q::{Query, Resource},
    views::{Visible, segments},
};

/// `GET /segments`.
pub async fn list(app: App, call: Call) -> ApiResult {
    let visible = sight::of_segments(&app, &call)?;
    let listing = Listing::of(&app, &call, Resource::Segment)?;
    let query = query_of_list(&call)?;
    answer_list(&app, &call, listing, query, visible).await
}

/// `GET /segments/me`: the list of the calling customer, also for who may read everything.
pub async fn list_own(app: App, call: Call) -> ApiResult {
    let visible = sight::own(&app, &call)?;
    let listing = Listing::of(&app, &call, Resource::Segment)?;
    let query = query_of_list(&call)?;
    answer_list(&app, &call, listing, query, visible).await
}

/// `POST /segments/search`.
pub async fn search(app: App, mut call: Call) -> ApiResult {
    let visible = sight::of_segments(&app, &call)?;
    let listing = Listing::of(&app, &call, Resource::Segment)?;
    let query = query_of_search(&mut call).await?;
    answer_list(&app, &call, listing, query, visible).await
}

/// `GET /segments/{segmentId}`: as it is, or as it was.
pub async fn get(app: App, call: Call) -> ApiResult {
    if let Some(moment) = Moment::of(call.query())? {
        return history::get(app, call, moment).await;
    }
    let visible = sight::of_caller(&app, &call)?;
    let shape = Shape::of(&app, &call, Resource::Segment)?;
    let condition = answer::if_none_match(&call)?;
    let awaited = Awaited::of(&app, &call)?;
    let not_found = || ApiError::not_found(&call.path.segment_id);
    // An id that no segment can have; and whoever can see nothing.
    let id = SegmentId::parse(&call.path.segment_id).map_err(|_| not_found())?;
    let visible = visible.ok_or_else(not_found)?;
    let shown = awaited.wait(&app, &call, Some(&id)).await?;
    let found = segments::get(&app.reader, &call.tenant, &visible, &id).await.map_err(super::database)?;
    answer::one(&app, shown, found.ok_or_else(not_found)?, condition, &shape)
}

async fn answer_list(app: &App, call: &Call, listing: Listing, query: Query, visible: Option<Visible>) -> ApiResult {
    let shown = listing.awaited.wait(app, call, None).await?;
    let page = match &visible {
        None => listing.nothing(),
        Some(visible) => {
            let (tenant, sort, page) = (&call.tenant, &listing.sort, listing.page);
            let wanted = segments::Wanted { tenant, visible, query: &query, sort, page };
            segments::list(&app.reader, &wanted).await.map_err(super::database)?
        }
    };
    listing.answer(app, shown, page)
}
