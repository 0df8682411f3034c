//! Who sees what: from scopes, claims and parameters to what the views may show. `None`: nothing at all, since the caller may
//! read only what is assigned to a customer and is none.

use shared::http::{ApiError, Call, Details};

use super::App;
use crate::views::{Customer, Visible, Which};

/// What the caller may see: all, or what they are assigned to.
///
/// # Errors
/// 400 for a parameter that is given twice; likewise below.
pub fn of_caller(app: &App, call: &Call) -> Result<Option<Visible>, ApiError> {
    if call.caller.reads_all() { Ok(Some(Visible::Everything)) } else { own(app, call) }
}

/// What the calling customer is assigned to, whatever else they may read.
pub fn own(app: &App, call: &Call) -> Result<Option<Visible>, ApiError> {
    let legal_entity_id = call.query().get_text("legalEntityId")?;
    Ok(own_for(app, call, legal_entity_id))
}

/// The same where the request cannot name a legal entity, and only the token can.
pub fn own_by_token(app: &App, call: &Call) -> Option<Visible> {
    own_for(app, call, None)
}

/// What a list of segments shows: as [`of_caller`], or the segments of the customer that `customerId` names, active or not.
///
/// # Errors
/// 403 for `customerId` without the scope that it needs.
pub fn of_segments(app: &App, call: &Call) -> Result<Option<Visible>, ApiError> {
    let Some(customer_id) = call.query().get_text("customerId")? else { return of_caller(app, call) };
    if !call.caller.reads_all() {
        let message = "missing scope: customersegment.segment_read, which customerId needs";
        return Err(ApiError::forbidden(Details::new("scope", message).of("customerId")));
    }
    let customer = customer(call, customer_id, call.query().get_text("legalEntityId")?);
    Ok(Some(Visible::Of { customer, which: Which::Any }))
}

fn own_for(app: &App, call: &Call, legal_entity_id: Option<&str>) -> Option<Visible> {
    let customer = customer(call, call.caller.customer_id.as_deref()?, legal_entity_id);
    let which = app.valid_at().map_or(Which::Active, Which::ActiveAndValid);
    Some(Visible::Of { customer, which })
}

/// The claims of the token tell of the caller, so they count for no other customer; there they win over the parameter.
fn customer(call: &Call, id: &str, parameter: Option<&str>) -> Customer {
    let caller = &call.caller;
    let is_caller = caller.customer_id.as_deref() == Some(id);
    let claimed = caller.legal_entity_id.as_deref().filter(|_| is_caller);
    let entities = caller.legal_entities.iter().filter(|entity| is_caller && !entity.is_empty());
    Customer {
        id: id.to_owned(),
        legal_entity_id: claimed.or(parameter).map(str::to_owned),
        legal_entities: entities.cloned().collect(),
    }
}
