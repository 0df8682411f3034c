//! Documents for tests.

use serde_json::{Value, json};

/// The golden body of the contract's cases.
pub fn golden() -> Value {
    json!({
        "id": "g1",
        "name": { "en": "Golden Segment" },
        "description": { "en": "Golden Segment" },
        "validity": { "from": "2024-04-17T08:00:00.000Z", "to": "2025-04-17T08:00:00.000Z" },
        "status": "ACTIVE",
        "siteCode": "main",
    })
}

/// The golden body without its id.
pub fn golden_without_id() -> Value {
    without(golden(), "id")
}

/// The least that a segment with this id can have.
pub fn named(id: &str) -> Value {
    json!({ "id": id, "name": { "en": id }, "siteCode": "main" })
}

/// With these members in place of its own.
pub fn with(mut body: Value, members: Value) -> Value {
    let Value::Object(members) = members else { panic!("members are an object") };
    body.as_object_mut().expect("a body is an object").extend(members);
    body
}

/// Without a member.
pub fn without(mut body: Value, member: &str) -> Value {
    body.as_object_mut().expect("a body is an object").remove(member);
    body
}
