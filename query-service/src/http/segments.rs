//! `GET /segments`, `POST /segments/search`, `GET /segments/{segmentId}`.

use shared::{
    http::{ApiError, ApiResult, Call, Details},
    ids::SegmentId,
};

use super::{
    App,
    answer::{self, Tagged},
    fresh::Awaited,
    listing::{Listing, query_of_list, query_of_search},
    shape::Shape,
};
use crate::{
    q::{Query, Resource},
    views::segments,
};

/// `GET /segments`.
pub async fn list(app: App, call: Call) -> ApiResult {
    let customer = customer_filter(&call)?;
    let listing = Listing::of(&app, &call, Resource::Segment)?;
    let query = query_of_list(&call)?;
    answer_list(&app, &call, listing, query, customer).await
}

/// `POST /segments/search`.
pub async fn search(app: App, mut call: Call) -> ApiResult {
    let customer = customer_filter(&call)?;
    let listing = Listing::of(&app, &call, Resource::Segment)?;
    let query = query_of_search(&mut call).await?;
    answer_list(&app, &call, listing, query, customer).await
}

/// `GET /segments/{segmentId}`.
pub async fn get(app: App, call: Call) -> ApiResult {
    let shape = Shape::of(&app, &call, Resource::Segment)?;
    let condition = answer::if_none_match(&call)?;
    let awaited = Awaited::of(&app, &call)?;
    let not_found = || ApiError::not_found(&call.path.segment_id);
    // An id that no segment can have; and whoever reads only what a customer is assigned to is assigned to nothing.
    let id = SegmentId::parse(&call.path.segment_id).map_err(|_| not_found())?;
    if !call.caller.reads_all() {
        return Err(not_found());
    }
    let shown = awaited.wait(&app, &call, Some(&id)).await?;
    let found = segments::get(&app.pool, &call.tenant, &id).await.map_err(super::database)?.ok_or_else(not_found)?;
    let found = Tagged { doc: found.doc, incarnation: found.incarnation, version: found.version };
    answer::one(&app, shown, found, condition, |doc| shape.reduce(doc))
}

/// Whose segments a list shows.
enum Of {
    Everybody,
    /// Of one customer. There are no customer assignments yet, so that is none.
    Customer,
}

/// `customerId` belongs to those who read everything; others are shown their own in any case.
fn customer_filter(call: &Call) -> Result<Of, ApiError> {
    let customer_id = call.query().get_text("customerId")?;
    match (call.caller.reads_all(), customer_id) {
        (true, None) => Ok(Of::Everybody),
        (true, Some(_)) | (false, None) => Ok(Of::Customer),
        (false, Some(_)) => {
            let message = "missing scope: customersegment.segment_read, which customerId needs";
            Err(ApiError::forbidden(Details::new("scope", message).of("customerId")))
        }
    }
}

async fn answer_list(app: &App, call: &Call, listing: Listing, query: Query, of: Of) -> ApiResult {
    let shown = listing.awaited.wait(app, call, None).await?;
    let mut page = match of {
        Of::Customer => listing.nothing(),
        Of::Everybody => {
            let (tenant, sort, page) = (&call.tenant, &listing.sort, listing.page);
            let wanted = segments::Wanted { tenant, query: &query, sort, page };
            segments::list(&app.pool, &wanted).await.map_err(super::database)?
        }
    };
    page.rows = page.rows.into_iter().map(|doc| listing.shape.reduce(doc)).collect::<Result<_, _>>()?;
    Ok(answer::many(app, shown, page))
}
