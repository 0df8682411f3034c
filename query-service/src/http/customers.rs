//! Below a segment: `GET …/customers`, `POST …/customers/search`, `GET …/customers/{customerId}` and
//! `GET …/customers/{customerId}/{legalEntityId}`.

use shared::{
    Timestamp,
    http::{ApiError, ApiResult, Call, past::AS_OF},
    ids::{CustomerId, CustomerRef, InvalidId, LegalEntityId, SegmentId},
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
    views::{Visible, customers},
};

/// `GET /segments/{segmentId}/customers`: as they are, or as they were; to a customer only their own assignments, and of an active segment.
pub async fn list(app: App, call: Call) -> ApiResult {
    let listing = Listing::of(&app, &call, Resource::Customer)?;
    let query = query_of_list(&call)?;
    let as_of = call.query().get_instant(AS_OF)?;
    // Who may see the past sees all of it.
    let sees_all = call.caller.reads_all() || as_of.is_some();
    let visible = if sees_all { Some(Visible::Everything) } else { sight::own_by_token(&app, &call) };
    answer_list(&app, &call, listing, Part { query, visible, as_of }).await
}

/// `POST /segments/{segmentId}/customers/search`, which no customer may.
pub async fn search(app: App, mut call: Call) -> ApiResult {
    let listing = Listing::of(&app, &call, Resource::Customer)?;
    let query = query_of_search(&mut call).await?;
    let part = Part { query, visible: Some(Visible::Everything), as_of: None };
    answer_list(&app, &call, listing, part).await
}

/// `GET /segments/{segmentId}/customers/{customerId}` and `…/{legalEntityId}`, which no customer may.
pub async fn get(app: App, call: Call) -> ApiResult {
    let shape = Shape::of(&app, &call, Resource::Customer)?;
    let condition = answer::if_none_match(&call)?;
    let awaited = Awaited::of(&app, &call)?;
    let not_found = || ApiError::not_found(&call.path.customer_id);
    let segment_id = SegmentId::parse(&call.path.segment_id).map_err(|_| not_found())?;
    let customer = customer(&call).map_err(|_| not_found())?;
    let shown = awaited.wait(&app, &call, Some(&segment_id)).await?;
    let found = customers::get(&app.reader, &call.tenant, &segment_id, &customer).await.map_err(super::database)?;
    answer::one(&app, shown, found.ok_or_else(not_found)?, condition, &shape)
}

fn customer(call: &Call) -> Result<CustomerRef, InvalidId> {
    let legal_entity_id = Some(&*call.path.legal_entity_id).filter(|id| !id.is_empty());
    Ok(CustomerRef {
        id: CustomerId::parse(&call.path.customer_id)?,
        legal_entity: legal_entity_id.map(LegalEntityId::parse).transpose()?,
    })
}

/// Which assignments a list is about.
struct Part {
    query: Query,
    visible: Option<Visible>,
    as_of: Option<Timestamp>,
}

async fn answer_list(app: &App, call: &Call, listing: Listing, part: Part) -> ApiResult {
    let segment_id = SegmentId::parse(&call.path.segment_id).ok();
    let shown = listing.awaited.wait(app, call, segment_id.as_ref()).await?;
    let page = match (&part.visible, &segment_id) {
        (Some(visible), Some(segment_id)) => {
            let (tenant, sort, page) = (&call.tenant, &listing.sort, listing.page);
            let (query, as_of) = (&part.query, part.as_of);
            let wanted = customers::Wanted { tenant, segment_id, visible, as_of, query, sort, page };
            customers::list(&app.reader, &wanted).await.map_err(super::database)?
        }
        _ => listing.nothing(),
    };
    listing.answer(app, shown, page)
}
