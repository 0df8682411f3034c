//! Below a segment: `GET …/customers`, `POST …/customers/search`, `GET …/customers/{customerId}` and
//! `GET …/customers/{customerId}/{legalEntityId}`.

use shared::{
    http::{ApiError, ApiResult, Call},
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

/// `GET /segments/{segmentId}/customers`: to a customer only their own assignments, and of an active segment.
pub async fn list(app: App, call: Call) -> ApiResult {
    let listing = Listing::of(&app, &call, Resource::Customer)?;
    let query = query_of_list(&call)?;
    let visible = if call.caller.reads_all() { Some(Visible::Everything) } else { sight::own_by_token(&app, &call) };
    answer_list(&app, &call, listing, query, visible).await
}

/// `POST /segments/{segmentId}/customers/search`, which no customer may.
pub async fn search(app: App, mut call: Call) -> ApiResult {
    let listing = Listing::of(&app, &call, Resource::Customer)?;
    let query = query_of_search(&mut call).await?;
    answer_list(&app, &call, listing, query, Some(Visible::Everything)).await
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

async fn answer_list(app: &App, call: &Call, listing: Listing, query: Query, visible: Option<Visible>) -> ApiResult {
    let segment_id = SegmentId::parse(&call.path.segment_id).ok();
    let shown = listing.awaited.wait(app, call, segment_id.as_ref()).await?;
    let page = match (&visible, &segment_id) {
        (Some(visible), Some(segment_id)) => {
            let (tenant, sort, page) = (&call.tenant, &listing.sort, listing.page);
            let wanted = customers::Wanted { tenant, segment_id, visible, query: &query, sort, page };
            customers::list(&app.reader, &wanted).await.map_err(super::database)?
        }
        _ => listing.nothing(),
    };
    listing.answer(app, shown, page)
}
