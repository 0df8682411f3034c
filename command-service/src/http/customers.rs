//! Customers of a segment: assign and unassign them, for themselves or for a legal entity; one, or up to 200 at once.
//!
//! For itself (B2C) and for each legal entity (B2B) a customer has assignments of their own: a path or an entry without a
//! legal entity is never about those with one.

use std::sync::Arc;

use serde_json::Value;
use shared::{
    http::{ApiError, ApiResult, Call},
    ids::{CustomerId, CustomerRef, LegalEntityId},
};

use super::{App, assignments, error};
use crate::domain::{self, Target};

/// `PUT /segments/{segmentId}/customers/{customerId}` and `…/{customerId}/{legalEntityId}`: assigns the customer, or replaces
/// the assignment.
#[tracing::instrument(level = "debug", name = "http.customers.put", skip_all, fields(tenant = %call.tenant, segment.id = %call.path.segment_id))]
pub async fn put(app: Arc<App>, call: Call) -> ApiResult {
    let (key, target) = (assignments::segment(&call)?, path_customer(&call)?);
    assignments::put(&app, call, key, target).await
}

/// `DELETE /segments/{segmentId}/customers/{customerId}` and `…/{customerId}/{legalEntityId}`: takes the assignment away, if
/// it is there.
#[tracing::instrument(level = "debug", name = "http.customers.delete", skip_all, fields(tenant = %call.tenant, segment.id = %call.path.segment_id))]
pub async fn delete(app: Arc<App>, call: Call) -> ApiResult {
    let (key, target) = (assignments::segment(&call)?, path_customer(&call)?);
    assignments::delete(&app, call, key, target).await
}

/// `PUT /segments/{segmentId}/customers/bulk`: assigns each customer of a list.
#[tracing::instrument(level = "debug", name = "http.customers.bulk_put", skip_all, fields(tenant = %call.tenant, segment.id = %call.path.segment_id))]
pub async fn bulk_put(app: Arc<App>, call: Call) -> ApiResult {
    let key = assignments::segment(&call)?;
    assignments::bulk_put(&app, call, key, entry_customer).await
}

/// `DELETE /segments/{segmentId}/customers/bulk`: takes the assignments of these customers away.
#[tracing::instrument(level = "debug", name = "http.customers.bulk_delete", skip_all, fields(tenant = %call.tenant, segment.id = %call.path.segment_id))]
pub async fn bulk_delete(app: Arc<App>, call: Call) -> ApiResult {
    let key = assignments::segment(&call)?;
    assignments::bulk_delete(&app, call, key, entry_customer).await
}

fn path_customer(call: &Call) -> Result<Target, ApiError> {
    let id = CustomerId::parse(&call.path.customer_id).map_err(|why| error::of_path("customerId", why))?;
    let legal_entity = match call.path.legal_entity_id.as_str() {
        "" => None, // the path has no such part
        text => Some(LegalEntityId::parse(text).map_err(|why| error::of_path("legalEntityId", why))?),
    };
    Ok(CustomerRef { id, legal_entity }.into())
}

fn entry_customer(entry: &Value) -> Result<Target, ApiError> {
    domain::customer(entry).map(Target::from).map_err(error::of_body)
}
