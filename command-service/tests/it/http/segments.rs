//! Single segments: create, put, patch, delete.

use serde_json::{Value, json};
use shared::ids::Tenant;

use super::service::{MANAGE, SEGMENTS, Service, document, golden, golden_with, named};

#[tokio::test]
async fn a_created_segment_is_answered_with_its_id_alone() {
    let service = Service::start().await;

    let answer = service.create(golden()).await;

    assert_eq!((answer.status, &answer.body), (201, &json!({"id": "g1"})));
    assert_eq!(answer.header("Location"), Some("/customer-segment/acme/segments/g1"));
    assert!(answer.header("ETag").is_some_and(|tag| tag.ends_with(".1\"")), "{answer:?}");
    let tenant = Tenant::parse("acme").expect("a tenant");
    assert_eq!(service.acknowledged.of(&tenant), answer.positions());

    let again = service.create(golden()).await;
    assert_eq!(again.status, 409);
    assert_eq!(
        again.body,
        json!({"code": 409, "status": "Conflict", "message": "The resource already exists.", "resourceId": "g1"})
    );
}

#[tokio::test]
async fn a_generated_id_has_24_hex_digits_and_grows() {
    let service = Service::start().await;
    let mut last = String::new();
    for _ in 0..3 {
        let answer = service.create(document()).await;
        let id = answer.body["id"].as_str().expect("an id").to_owned();
        assert_eq!(answer.status, 201);
        assert!(id.len() == 24 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{id}");
        assert!(id[..12] >= *last, "{id} comes after {last}");
        last = id[..12].to_owned();
    }
}

#[tokio::test]
async fn bodies_that_break_a_rule_are_refused_with_the_reason() {
    let service = Service::start().await;
    for (case, body, field, kind) in [
        ("no name", golden_with(json!({"name": null})), "name", "required"),
        ("no site", golden_with(json!({"siteCode": null})), "siteCode", "required"),
        ("a status in lower case", golden_with(json!({"status": "active"})), "status", "enum"),
        ("a number for a name", golden_with(json!({"name": 5})), "name", "type"),
        (
            "a validity that ends first",
            golden_with(json!({"validity": {"from": "2025-01-01T00:00:00Z", "to": "2024-01-01T00:00:00Z"}})),
            "validity.from",
            "range",
        ),
        ("a reserved id", named("bulk"), "id", "reserved"),
        ("an id with a slash", named("a/b"), "id", "syntax"),
        ("an empty id", named(""), "id", "limit"),
    ] {
        let answer = service.create(body).await;
        assert_eq!(answer.status, 400, "{case}");
        assert_eq!(answer.body["message"], "Validation problem with request body.", "{case}");
        assert_eq!(
            (&answer.body["details"]["field"], &answer.body["details"]["type"]),
            (&json!(field), &json!(kind)),
            "{case}"
        );
    }
    for (case, text) in [("broken", "{"), ("a list", "[]"), ("nothing", "")] {
        let answer = service.ask("POST", SEGMENTS).text(text).await;
        assert_eq!((answer.status, &answer.body["code"]), (400, &json!(400)), "{case}");
    }
}

#[tokio::test]
async fn a_put_creates_and_then_replaces() {
    let service = Service::start().await;

    let created = service.put("g%20%C3%BC", golden_with(json!({"id": null, "metadata": {"version": 9}}))).await;
    assert_eq!((created.status, &created.body), (201, &json!({"id": "g ü"})));
    assert_eq!(created.header("Location"), Some("/customer-segment/acme/segments/g%20%C3%BC"));

    let versioned = |version: Value| golden_with(json!({"id": "g ü", "metadata": {"version": version}}));
    for (case, body, expected) in [
        ("no version", document(), 204),
        ("a stale version", versioned(json!(1)), 409),
        ("the present version", versioned(json!(2)), 204),
        ("half a version", versioned(json!(2.5)), 400),
        ("another id", named("other"), 400),
    ] {
        let answer = service.put("g%20%C3%BC", body).await;
        assert_eq!(answer.status, expected, "{case}");
        if expected == 204 {
            assert_eq!(answer.body, Value::Null, "{case}");
            assert!(answer.header("ETag").is_some(), "{case}");
        }
    }
}

#[tokio::test]
async fn ids_that_cannot_be_are_refused_in_paths() {
    let service = Service::start().await;
    let long = "x".repeat(256);
    for id in ["a%2Fb", "a%00b", &long] {
        assert_eq!(service.put(id, document()).await.status, 400, "{id}");
    }
    for (method, path) in [("PUT", "search"), ("PATCH", "bulk"), ("DELETE", "match")] {
        let answer = service.ask(method, &format!("{SEGMENTS}/{path}")).json(&document()).await;
        assert_eq!(answer.status, 405, "{method} {path}");
    }
}

#[tokio::test]
async fn a_patch_changes_one_segment_once() {
    let service = Service::start().await;
    service.create(golden()).await;
    let path = format!("{SEGMENTS}/g1");
    let replace = json!([{"op": "replace", "path": "/status", "value": "INACTIVE"}]);
    for (case, body, expected, tag_ends_with) in [
        ("one operation", replace.clone(), 204, Some(".2\"")),
        ("no operation", json!([]), 204, Some(".2\"")),
        ("another operation", json!([{"op": "test", "path": "/status", "value": "ACTIVE"}]), 400, None),
        ("a path that is not there", json!([{"op": "remove", "path": "/mixins/a"}]), 400, None),
        ("an object", json!({"status": "ACTIVE"}), 400, None),
    ] {
        let answer = service.ask("PATCH", &path).json(&body).await;
        assert_eq!(answer.status, expected, "{case}: {}", answer.body);
        if let Some(end) = tag_ends_with {
            assert!(answer.header("ETag").is_some_and(|tag| tag.ends_with(end)), "{case}: {answer:?}");
            assert!(!answer.positions().is_empty(), "{case}");
        }
    }
    let patch_format = service.ask("PATCH", &path).header("Content-Type", "application/json-patch+json");
    assert_eq!(patch_format.text(&replace.to_string()).await.status, 204);
    let put_format = service.ask("PUT", &path).header("Content-Type", "application/json-patch+json");
    assert_eq!(put_format.text(&document().to_string()).await.status, 415);

    let unknown = service.ask("PATCH", &format!("{SEGMENTS}/nope")).json(&replace).await;
    assert_eq!(
        (unknown.status, &unknown.body["message"]),
        (404, &json!("The resource with id nope has not been found."))
    );
}

#[tokio::test]
async fn deletion_needs_force_when_there_are_assignments() {
    let service = Service::start().await;
    service.create(golden()).await;
    let item = service.ask("PUT", &format!("{SEGMENTS}/g1/items/PRODUCT/p1")).send().await;
    assert_eq!(item.status, 201);
    for (query, expected) in
        [("?forceDelete=maybe", 400), ("", 400), ("?forceDelete=FALSE", 400), ("?forceDelete=True", 204), ("", 204)]
    {
        let answer = service.ask("DELETE", &format!("{SEGMENTS}/g1{query}")).send().await;
        assert_eq!(answer.status, expected, "{query}");
        if expected == 204 {
            assert_eq!((answer.header("ETag"), answer.positions().is_empty()), (None, false), "{query}");
        }
        if query.is_empty() && expected == 400 {
            assert_eq!(answer.body["details"]["type"], "hasAssignments");
        }
    }
    let again = service.create(golden()).await;
    assert!(again.header("ETag").is_some_and(|tag| tag.ends_with(".1\"")), "{again:?}");
}

#[tokio::test]
async fn a_plain_text_is_stored_under_the_language_of_the_request() {
    let service = Service::start().await;
    for (case, language, name, expected) in [
        ("none", None, json!("Gold"), 201),
        ("one", Some("de"), json!("Gold"), 201),
        ("one, and a map", Some("de"), json!({"en": "Gold"}), 201),
        ("any", Some("*"), json!("Gold"), 400),
        ("several", Some("de, en"), json!("Gold"), 400),
        ("several, and a map", Some("de, en"), json!({"en": "Gold"}), 201),
        ("no language", Some("d e"), json!({"en": "Gold"}), 400),
    ] {
        let mut asking = service.ask("POST", SEGMENTS);
        if let Some(language) = language {
            asking = asking.header("Content-Language", language);
        }
        let answer = asking.json(&golden_with(json!({"id": null, "name": name}))).await;
        assert_eq!(answer.status, expected, "{case}");
    }
}

#[tokio::test]
async fn access_is_checked_before_the_body_is_looked_at() {
    let service = Service::start().await;
    let read = format!("Bearer {}", service.token("customersegment.segment_read"));
    let other = format!("Bearer {}", service.token(&format!("{MANAGE} tenant=other")));
    for (case, token, expected) in
        [("none", None, 401), ("read", Some(&read), 403), ("other tenant", Some(&other), 403)]
    {
        let mut asking = service.ask_plainly("POST", SEGMENTS);
        if let Some(token) = token {
            asking = asking.header("Authorization", token);
        }
        let answer = asking.text("{broken").await;
        assert_eq!(answer.status, expected, "{case}");
        if expected == 403 {
            let message = "The access to the requested resource has been forbidden by the server.";
            assert_eq!(answer.body["message"], message, "{case}");
        }
    }
    let answer = service.ask_plainly("POST", SEGMENTS).header("Authorization", &read).json(&golden()).await;
    assert_eq!(answer.body["details"]["message"], "missing scope: customersegment.segment_manage");
}

#[tokio::test]
async fn a_document_beyond_the_record_limit_is_refused() {
    let service = Service::start().await;
    let large = golden_with(json!({"mixins": {"m": "x".repeat(1024 * 1024)}}));

    let answer = service.create(large.clone()).await;
    assert_eq!((answer.status, &answer.body["details"]["type"]), (413, &json!("limit")));

    let bulk = service.ask("POST", &format!("{SEGMENTS}/bulk")).json(&json!([large, named("small")])).await;
    assert_eq!(bulk.status, 207);
    assert_eq!((&bulk.body[0]["code"], &bulk.body[1]["code"]), (&json!(400), &json!(201)), "{}", bulk.body);
}

#[tokio::test]
async fn a_writer_that_has_shut_down_executes_nothing() {
    let service = Service::start().await;
    assert_eq!(service.ask_plainly("GET", "/health/ready").send().await.status, 200);
    service.writer.shut_down().await;

    let answer = service.create(golden()).await;

    assert_eq!((answer.status, &answer.body["details"]["type"]), (503, &json!("not-executed")), "{}", answer.body);
    assert_eq!(answer.header("Retry-After"), Some("1"));
    let bulk = service.ask("POST", &format!("{SEGMENTS}/bulk")).json(&json!([golden(), 5])).await;
    assert_eq!(bulk.status, 503);
}
