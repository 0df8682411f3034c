//! Every rule about the members of a document, one row each.

use FaultKind::{Enum, Limit, Range, Required, Reserved, Syntax, Type};
use serde_json::json;

use super::*;

fn english() -> ContentLanguage {
    ContentLanguage::One("en".to_owned())
}

/// The document that a body becomes, without what the service adds.
fn stored(body: Value, language: &ContentLanguage) -> Value {
    let draft = Draft::parse(body, language).expect("the body is valid");
    let now = Timestamp::from_unix_millis(0);
    let segment = draft.into_segment(SegmentId::parse("g1").expect("an id"), 1, now, now);
    let mut document = serde_json::to_value(segment).expect("a segment is JSON");
    let members = document.as_object_mut().expect("an object");
    members.remove("id");
    let metadata = members["metadata"].as_object_mut().expect("an object");
    metadata.retain(|name, _| name == "mixins");
    if metadata.is_empty() {
        members.remove("metadata");
    }
    document
}

fn with(member: &str, value: Value) -> Value {
    let mut body = json!({ "name": { "en": "Gold" }, "siteCode": "main", "status": "INACTIVE" });
    body[member] = value;
    body
}

fn nested(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, level| if level % 2 == 0 { json!([inner]) } else { json!({ "x": inner }) })
}

#[test]
fn valid_bodies_are_stored_as_they_are() {
    for body in [
        with("name", json!({ "en": "Gold", "de": "Gold", "x": " " })),
        with("description", json!({ "en": "" })),
        with("description", json!({})),
        with("validity", json!({ "from": "2024-04-17T08:00:00.000Z", "to": "2024-04-17T08:00:00.000Z" })),
        with("validity", json!({ "to": "2025-04-17T08:00:00.000Z" })),
        with("validity", json!({})),
        with("status", json!("ACTIVE")),
        with("siteCode", json!("ä".repeat(MAX_SITE_CODE_CHARS))),
        with("mixins", json!({})),
        with(
            "mixins",
            json!({ "m": { "n": [1, 1.0, 0.1, -0.5e-7, u64::MAX, i64::MIN, true, null, "ü\u{1f600}", {}] } }),
        ),
        with("metadata", json!({ "mixins": { "m": "https://example.com/m.json", "odd": [null] } })),
    ] {
        assert_eq!(stored(body.clone(), &english()), body);
    }
}

#[test]
fn bodies_are_stored_in_their_normal_form() {
    let plain = with("status", json!("INACTIVE"));
    for (case, body, expected) in [
        ("C03: no status is INACTIVE", json!({ "name": { "en": "Gold" }, "siteCode": "main" }), plain.clone()),
        ("null status", with("status", json!(null)), plain.clone()),
        ("null description", with("description", json!(null)), plain.clone()),
        ("null validity", with("validity", json!(null)), plain.clone()),
        ("null mixins", with("mixins", json!(null)), plain.clone()),
        ("null metadata", with("metadata", json!(null)), plain.clone()),
        ("null metadata.mixins", with("metadata", json!({ "mixins": null })), plain.clone()),
        ("unknown member", with("colour", json!({ "deep": "\u{0}" })), plain.clone()),
        ("C10: what the service keeps", with("metadata", json!({ "version": "7", "createdAt": 5 })), plain),
        (
            "null bound and unknown member of validity",
            with("validity", json!({ "from": null, "to": "2025-04-17T10:00:00+02:00", "at": 1 })),
            with("validity", json!({ "to": "2025-04-17T08:00:00.000Z" })),
        ),
    ] {
        assert_eq!(stored(body, &english()), expected, "{case}");
    }
}

#[test]
fn a_plain_text_is_stored_under_the_language_of_the_request() {
    for (case, language, expected) in [
        ("C15: one language", ContentLanguage::One("de".to_owned()), Ok(json!({ "de": "Gold" }))),
        ("any", ContentLanguage::Any, Err(Type)),
        ("several", ContentLanguage::Several, Err(Type)),
    ] {
        for member in ["name", "description"] {
            let parsed = Draft::parse(with(member, json!("Gold")), &language);
            let found = parsed.map(|_| stored(with(member, json!("Gold")), &language)[member].clone());
            assert_eq!(found.map_err(|fault| fault.kind), expected, "{case}: {member}");
        }
    }
    let maps = with("name", json!({ "en": "Gold", "de": "Gold" }));
    assert_eq!(stored(maps.clone(), &english()), maps, "C16: maps are kept as they are");
}

#[test]
fn invalid_bodies_are_refused_with_the_member_and_the_rule() {
    let without = |member: &str| {
        let mut body = with("status", json!("ACTIVE"));
        body.as_object_mut().expect("an object").remove(member);
        body
    };
    for (body, field, kind) in [
        (json!([]), "", Type),
        (json!("x"), "", Type),
        (without("name"), "name", Required), // C04
        (with("name", json!(null)), "name", Required),
        (with("name", json!({})), "name", Required),
        (with("name", json!("")), "name.en", Required),
        (with("name", json!({ "en": "" })), "name.en", Required),
        (with("name", json!(5)), "name", Type), // C07
        (with("name", json!({ "en": 5 })), "name.en", Type),
        (with("name", json!({ "en": null })), "name.en", Type),
        (with("name", json!({ "en": "a\u{0}" })), "name", Syntax),
        (with("name", json!({ "e\u{0}": "a" })), "name", Syntax),
        (with("description", json!([])), "description", Type),
        (with("description", json!({ "en": {} })), "description.en", Type),
        (without("siteCode"), "siteCode", Required), // C05
        (with("siteCode", json!(" \t")), "siteCode", Required),
        (with("siteCode", json!(1)), "siteCode", Type),
        (with("siteCode", json!("x".repeat(MAX_SITE_CODE_CHARS + 1))), "siteCode", Limit),
        (with("status", json!("active")), "status", Enum), // C06
        (with("status", json!("")), "status", Enum),
        (with("status", json!(true)), "status", Type),
        (with("validity", json!("2024")), "validity", Type),
        (with("validity", json!({ "from": 1 })), "validity.from", Type),
        (with("validity", json!({ "to": "2024-04-17" })), "validity.to", Syntax),
        (
            with("validity", json!({ "from": "2024-04-17T08:00:00.001Z", "to": "2024-04-17T08:00:00Z" })),
            "validity.from",
            Range,
        ), // C14
        (with("mixins", json!([])), "mixins", Type),
        (with("mixins", json!({ "a": ["\u{0}"] })), "mixins", Syntax),
        (with("mixins", json!({ "a": nested(MAX_DEPTH - 1) })), "mixins", Limit),
        (with("metadata", json!([])), "metadata", Type),
        (with("metadata", json!({ "mixins": "x" })), "metadata.mixins", Type),
        (with("metadata", json!({ "mixins": { "a": nested(MAX_DEPTH - 2) } })), "metadata.mixins", Limit),
    ] {
        let fault = Draft::parse(body.clone(), &english()).map_err(|fault| (fault.field, fault.kind));
        assert_eq!(fault, Err((field.to_owned(), kind)), "{body}");
    }
}

#[test]
fn a_document_may_be_as_deep_as_the_limit() {
    assert!(Draft::parse(with("mixins", json!({ "a": nested(MAX_DEPTH - 2) })), &english()).is_ok());
    assert!(Draft::parse(with("metadata", json!({ "mixins": { "a": nested(MAX_DEPTH - 3) } })), &english()).is_ok());
}

#[test]
fn assignments_have_mixins_and_their_schemas_only() {
    for (body, expected) in [
        (json!({}), Ok((json!(null), json!(null)))),
        (json!({ "id": 5, "mixins": null, "metadata": null }), Ok((json!(null), json!(null)))),
        (
            json!({ "mixins": { "a": 1 }, "metadata": { "mixins": { "a": "u" }, "version": 3 } }),
            Ok((json!({ "a": 1 }), json!({ "a": "u" }))),
        ),
        (json!(null), Err(("", Type))),
        (json!([]), Err(("", Type))),
        (json!({ "mixins": 1 }), Err(("mixins", Type))),
        (json!({ "mixins": { "a": "\u{0}" } }), Err(("mixins", Syntax))),
        (json!({ "metadata": 1 }), Err(("metadata", Type))),
    ] {
        let parsed = AssignmentDraft::parse(body.clone());
        let found = parsed.map(|draft| (json!(draft.mixins), json!(draft.metadata_mixins)));
        let expected = expected.map_err(|(field, kind)| (field.to_owned(), kind));
        assert_eq!(found.map_err(|fault| (fault.field, fault.kind)), expected, "{body}");
    }
}

#[test]
fn the_expected_version_is_an_integer() {
    for (metadata, expected) in [
        (json!(null), Ok(None)),
        (json!({}), Ok(None)),
        (json!({ "version": null }), Ok(None)),
        (json!({ "version": 3 }), Ok(Some(3))),
        (json!({ "version": 3.0 }), Ok(Some(3))),
        (json!({ "version": 0 }), Ok(Some(0))),
        (json!({ "version": -3 }), Ok(Some(0))),
        (json!({ "version": u64::MAX }), Ok(Some(u64::MAX))),
        (json!({ "version": 1e30 }), Ok(Some(u64::MAX))),
        (json!({ "version": 3.5 }), Err("metadata.version")),
        (json!({ "version": "3" }), Err("metadata.version")),
        (json!({ "version": {} }), Err("metadata.version")),
        (json!("3"), Err("metadata")),
    ] {
        let found = expected_version(&json!({ "metadata": metadata.clone() }));
        let expected = expected.map_err(|field| (field.to_owned(), Type));
        assert_eq!(found.map_err(|fault| (fault.field, fault.kind)), expected, "{metadata}");
    }
    assert_eq!(expected_version(&json!({})), Ok(None));
    assert_eq!(expected_version(&json!("no object")), Ok(None));
}

#[test]
fn a_customer_is_named_by_its_id_and_perhaps_a_legal_entity() {
    for (body, expected) in [
        (json!({ "customerId": "c1" }), Ok(("c1", None))),
        (json!({ "customerId": "c1", "legalEntityId": null, "id": 5 }), Ok(("c1", None))),
        (json!({ "customerId": "search", "legalEntityId": "le1" }), Ok(("search", Some("le1")))),
        (json!({}), Err(("customerId", Required))),
        (json!({ "customerId": null, "legalEntityId": "le1" }), Err(("customerId", Required))),
        (json!("c1"), Err(("customerId", Required))),
        (json!({ "customerId": 5 }), Err(("customerId", Type))),
        (json!({ "customerId": "a/b" }), Err(("customerId", Syntax))),
        (json!({ "customerId": "c1", "legalEntityId": "" }), Err(("legalEntityId", Limit))),
        (json!({ "customerId": "c1", "legalEntityId": ["le1"] }), Err(("legalEntityId", Type))),
    ] {
        let found = customer(&body).map_err(|fault| (fault.field, fault.kind));
        let found = found.map(|CustomerRef { id, legal_entity }| (String::from(id), legal_entity.map(String::from)));
        let expected = expected.map_err(|(field, kind)| (field.to_owned(), kind));
        let expected = expected.map(|(id, legal_entity)| (id.to_owned(), legal_entity.map(str::to_owned)));
        assert_eq!(found, expected, "{body}");
    }
}

#[test]
fn ids_in_bodies_are_optional_texts() {
    let long = "x".repeat(256);
    for (id, segment, item) in [
        (json!(null), Ok(None), Ok(None)),
        (json!("VIP"), Ok(Some("VIP")), Ok(Some("VIP"))), // C11: case is kept
        (json!("search"), Err(Reserved), Ok(Some("search"))), // C12
        (json!(5), Err(Type), Err(Type)),
        (json!(""), Err(Limit), Err(Limit)),
        (json!(long), Err(Limit), Err(Limit)),
        (json!("a/b"), Err(Syntax), Err(Syntax)),
        (json!("a\u{0}b"), Err(Syntax), Err(Syntax)),
    ] {
        let body = json!({ "id": id });
        let found = segment_id(&body).map(|id| id.map(String::from)).map_err(|fault| fault.kind);
        assert_eq!(found, segment.map(|id| id.map(str::to_owned)), "segment {id}");
        let found = item_id(&body).map(|id| id.map(String::from)).map_err(|fault| fault.kind);
        assert_eq!(found, item.map(|id| id.map(str::to_owned)), "item {id}");
    }
    assert_eq!(segment_id(&json!({})), Ok(None));
}
