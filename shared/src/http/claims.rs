//! The claims of an access token, and the [`Caller`] that they make.

use serde::Deserialize;

use super::scope::{Scope, Scopes};
use crate::{Timestamp, events::Actor, ids::Tenant};

/// The longest text that is taken from a claim, in characters; longer ones make the token invalid.
const MAX_CLAIM_CHARS: usize = 255;

/// Who is calling, as the token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The tenant of the token; none if it names no usable one.
    pub tenant: Option<Tenant>,
    /// What the token allows.
    pub scopes: Scopes,
    /// Who did it, for events: `user:<sub>` or `client:<azp>`.
    pub actor: Actor,
    /// The client, within which idempotency keys are unique: `azp`, else `client_id`, else `sub`.
    pub client: String,
    /// The customer, if the token is a customer's.
    pub customer_id: Option<String>,
    /// The legal entity that the customer acts for.
    pub legal_entity_id: Option<String>,
    /// All legal entities of the customer.
    pub legal_entities: Vec<String>,
    /// When the token is accepted no more.
    pub until: Timestamp,
}

impl Caller {
    /// Whether the caller may read everything, and not only its own.
    pub fn reads_all(&self) -> bool {
        self.scopes.contains(Scope::Read)
    }
}

/// The claims that count. Others are ignored.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    pub iss: Option<String>,
    pub aud: Option<Words>,
    pub exp: Option<f64>,
    pub nbf: Option<f64>,
    sub: Option<String>,
    azp: Option<String>,
    client_id: Option<String>,
    tenant: Option<String>,
    scope: Option<Words>,
    scp: Option<Words>,
    scopes: Option<Words>,
    token_type: Option<String>,
    customer_id: Option<String>,
    #[serde(rename = "customerId")]
    customer_id_camel: Option<String>,
    legal_entity_id: Option<String>,
    #[serde(rename = "legalEntityId")]
    legal_entity_id_camel: Option<String>,
    legal_entities: Option<Vec<String>>,
}

/// A text of words, or a list of them.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Words {
    Text(String),
    List(Vec<String>),
}

impl Words {
    /// The words; those of a text are separated by spaces.
    fn split(&self) -> impl Iterator<Item = &str> {
        let (text, list) = match self {
            Self::Text(text) => (text.as_str(), [].as_slice()),
            Self::List(list) => ("", list.as_slice()),
        };
        text.split_ascii_whitespace().chain(list.iter().flat_map(|entry| entry.split_ascii_whitespace()))
    }

    /// Whether the whole text, or one whole entry of the list, is this one.
    pub fn names(&self, wanted: &str) -> bool {
        match self {
            Self::Text(text) => text == wanted,
            Self::List(list) => list.iter().any(|entry| entry == wanted),
        }
    }
}

impl Claims {
    /// The caller until that time; none if a claim is too long to be used.
    pub fn into_caller(self, until: Timestamp) -> Option<Caller> {
        let words = || [&self.scope, &self.scp, &self.scopes].into_iter().flatten().flat_map(Words::split);
        let scopes = words().filter_map(Scope::parse).collect();
        let tenant = present(&self.tenant).or_else(|| words().find_map(|word| word.strip_prefix("tenant=")));
        let tenant = tenant.and_then(|tenant| Tenant::parse(tenant).ok());

        let subject = present(&self.sub);
        let client = present(&self.azp).or(present(&self.client_id)).or(subject).unwrap_or_default();
        let kind = present(&self.token_type);
        let customer_id = present(&self.customer_id)
            .or(present(&self.customer_id_camel))
            .or(subject.filter(|_| kind == Some("customer")));
        let is_service = match kind {
            Some(kind) => kind == "service",
            None => customer_id.is_none() && subject.is_none_or(|subject| subject == client),
        };
        let actor = match subject {
            Some(subject) if !is_service => format!("user:{subject}"),
            _ => format!("client:{client}"),
        };
        let legal_entity_id = present(&self.legal_entity_id).or(present(&self.legal_entity_id_camel));
        let caller = Caller {
            tenant,
            scopes,
            actor: Actor(actor),
            client: client.to_owned(),
            customer_id: customer_id.map(str::to_owned),
            legal_entity_id: legal_entity_id.map(str::to_owned),
            legal_entities: self.legal_entities.clone().unwrap_or_default(),
            until,
        };
        caller.is_usable().then_some(caller)
    }
}

impl Caller {
    fn is_usable(&self) -> bool {
        let entities = self.legal_entities.iter().chain(&self.legal_entity_id).chain(&self.customer_id);
        let usable = |text: &str| text.chars().count() <= MAX_CLAIM_CHARS && !text.chars().any(char::is_control);
        usable(&self.client) && usable(&self.actor.0) && entities.into_iter().all(|text| usable(text))
    }
}

fn present(claim: &Option<String>) -> Option<&str> {
    claim.as_deref().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn caller(claims: Value) -> Option<Caller> {
        let until = Timestamp::from_unix_millis(0);
        serde_json::from_value::<Claims>(claims).ok().and_then(|claims| claims.into_caller(until))
    }

    #[test]
    fn scopes_and_tenant_are_found_wherever_tokens_carry_them() {
        let read = Scopes::of(&[Scope::Read]);
        let both = Scopes::of(&[Scope::Read, Scope::Manage]);
        let (r, m) = ("customersegment.segment_read", "customersegment.segment_manage");
        for (case, claims, scopes, tenant) in [
            ("a string", json!({"scope": format!("{r} tenant=acme")}), read, Some("acme")),
            ("two words", json!({"scope": format!("{r} {m} other.scope")}), both, None),
            ("scp as a list", json!({"scp": [r, m], "tenant": "acme"}), both, Some("acme")),
            ("scopes as a string", json!({"scopes": r, "tenant": "acme"}), read, Some("acme")),
            ("the claim wins", json!({"scope": format!("{r} tenant=beta"), "tenant": "acme"}), read, Some("acme")),
            ("a tenant of the wrong shape", json!({"scope": r, "tenant": "*"}), read, None),
            ("no scope", json!({"tenant": "acme"}), Scopes::default(), Some("acme")),
        ] {
            let caller = caller(claims).expect(case);
            assert_eq!(caller.scopes, scopes, "{case}");
            assert_eq!(caller.tenant.as_ref().map(Tenant::as_str), tenant, "{case}");
        }
    }

    #[test]
    fn actor_client_and_customer_follow_the_kind_of_token() {
        for (case, claims, actor, client, customer) in [
            ("service", json!({"sub": "s", "azp": "a", "token_type": "service"}), "client:a", "a", None),
            ("no kind, own subject", json!({"sub": "a", "client_id": "a"}), "client:a", "a", None),
            ("no kind, other subject", json!({"sub": "u", "client_id": "a"}), "user:u", "a", None),
            ("customer", json!({"sub": "c", "azp": "a", "token_type": "customer"}), "user:c", "a", Some("c")),
            ("customer id", json!({"sub": "u", "customerId": "c"}), "user:u", "u", Some("c")),
            ("employee", json!({"sub": "e", "token_type": "employee"}), "user:e", "e", None),
            ("nothing", json!({}), "client:", "", None),
        ] {
            let caller = caller(claims).expect(case);
            assert_eq!(caller.actor.0, actor, "{case}");
            assert_eq!(caller.client, client, "{case}");
            assert_eq!(caller.customer_id.as_deref(), customer, "{case}");
        }
    }

    #[test]
    fn claims_of_the_wrong_type_or_length_make_no_caller() {
        for claims in [
            json!({"sub": 5}),
            json!({"scope": {"a": 1}}),
            json!({"legal_entities": "le1"}),
            json!({"sub": "x".repeat(256)}),
            json!({"customer_id": "a\nb"}),
        ] {
            assert_eq!(caller(claims.clone()), None, "{claims}");
        }
    }
}
