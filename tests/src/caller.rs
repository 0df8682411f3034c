//! Who asks: the tokens of the contract's cases.

use serde_json::{Value, json};

use crate::{samples::with, tokens::Signer};

/// May read everything in the tenant.
const READ: &str = "customersegment.segment_read";
/// May read what the customer is assigned to.
const READ_OWN: &str = "customersegment.segment_read_own";
/// May write, and match.
const MANAGE: &str = "customersegment.segment_manage";

/// Who asks.
#[derive(Debug, Clone)]
pub enum Caller {
    /// Reads and manages.
    All,
    /// Reads everything, writes nothing.
    Reader,
    /// Writes and matches, reads nothing.
    Manager,
    /// A customer, who reads what is assigned to him.
    Customer(&'static str),
    /// A customer who acts for a legal entity.
    CustomerFor(&'static str, &'static str),
    /// A customer who knows the legal entities that are theirs.
    CustomerWith(&'static str, &'static [&'static str]),
    /// A customer who may read everything, too.
    ReadingCustomer(&'static str),
    /// A service with the scope of customers.
    ServiceWithOwnScope,
    /// All scopes, but those of another tenant.
    OfTenant(String),
    /// Whoever holds this token.
    Bearer(String),
    /// This `Authorization` header as it stands.
    Raw(&'static str),
    /// No token at all.
    Nobody,
}

impl Caller {
    /// The `Authorization` header that it sends to a tenant.
    pub fn authorization(&self, tenant: &str) -> Option<String> {
        let service = |tenant: &str, scope: String| json!({ "sub": "e2e", "azp": "e2e", "tenant": tenant, "scope": scope, "token_type": "service" });
        let customer = |id: &str, scope: &str, more: Value| {
            let claims = json!({
                "sub": id, "azp": "shop", "tenant": tenant, "scope": scope, "token_type": "customer", "customer_id": id,
            });
            with(claims, more)
        };
        let claims: Value = match self {
            Self::All => service(tenant, format!("{READ} {MANAGE} tenant={tenant}")),
            Self::Reader => service(tenant, READ.to_owned()),
            Self::Manager => service(tenant, MANAGE.to_owned()),
            Self::ServiceWithOwnScope => service(tenant, READ_OWN.to_owned()),
            Self::OfTenant(other) => service(other, format!("{READ} {MANAGE}")),
            Self::Customer(id) => customer(id, READ_OWN, json!({})),
            Self::CustomerFor(id, entity) => customer(id, READ_OWN, json!({ "legal_entity_id": entity })),
            Self::CustomerWith(id, entities) => customer(id, READ_OWN, json!({ "legal_entities": entities })),
            Self::ReadingCustomer(id) => customer(id, &format!("{READ} {READ_OWN}"), json!({})),
            Self::Bearer(token) => return Some(format!("Bearer {token}")),
            Self::Raw(header) => return Some((*header).to_owned()),
            Self::Nobody => return None,
        };
        Some(format!("Bearer {}", Signer::trusted().mint(&claims)))
    }
}
