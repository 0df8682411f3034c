//! Match: the contract's cases M01 to M11, as far as products are assigned directly.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use shared::ids::ItemType::{Category, Product};

use crate::api::{Answer, Api, MANAGE, READ, Sent as _};

async fn with_segments() -> Api {
    let mut api = Api::start().await;
    let expired = json!({ "to": "2020-01-01T00:00:00.000Z" });
    api.story.put("acme", "on", json!({ "name": { "en": "n" }, "status": "ACTIVE", "validity": expired })).await;
    api.story.put("acme", "off", json!({ "name": { "en": "n" }, "status": "INACTIVE" })).await;
    api.story.put("acme", "far", json!({ "name": { "en": "n" }, "status": "ACTIVE", "siteCode": "other" })).await;
    api.story.assign("acme", "on", Product, &["p1", "p2"], None).await;
    api.story.assign("acme", "on", Category, &["c1"], None).await;
    api.story.assign("acme", "off", Product, &["p3"], None).await;
    api.story.assign("acme", "far", Product, &["p4"], None).await;
    api.story.put("beta", "on", json!({ "name": { "en": "n" }, "status": "ACTIVE" })).await;
    api.story.assign("beta", "on", Product, &["p5"], None).await;
    api.catch_up().await;
    api
}

async fn ask(api: &Api, scope: &str, body: &Value) -> Answer {
    api.request_by(&api.token(scope, None), Method::POST, "acme", "/match").json(body).answer().await
}

#[tokio::test]
async fn m01_to_m11_products_of_active_listed_segments_of_the_site_match() {
    let api = with_segments().await;
    for (case, items, segments, site, expected) in [
        ("M01 M11", "p1", "on", "main", "p1"),
        ("M04", "p3", "off on", "main", ""),
        ("M05", "p4", "far on", "main", ""),
        ("M05", "p4 p1", "far on", "other", "p4"),
        ("M06", "p1", "off far", "main", ""),
        ("M09", "p2 nope p1 p2 p1", "on", "main", "p2 p1"),
        ("M10", "nope", "on nope", "main", ""),
        ("M10 an id that nothing can have", "a/b p1", "on x/y bulk", "main", "p1"),
        ("a category's id is no product", "c1", "on", "main", ""),
        ("another tenant", "p5", "on", "main", ""),
        ("M08", "", "on", "main", ""),
        ("M08", "p1", "", "main", ""),
        ("a blank site", "p1", "on", "", ""),
    ] {
        let items: Vec<Value> = items.split_whitespace().map(|id| json!({ "id": id, "extra": 1 })).collect();
        let segments: Vec<&str> = segments.split_whitespace().collect();
        let body = json!({ "items": items, "segmentIds": segments, "site": site });
        let answer = ask(&api, MANAGE, &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{case}: {}", answer.body);
        let expected: Vec<Value> = expected.split_whitespace().map(|id| json!({ "id": id })).collect();
        assert_eq!(answer.body, json!(expected), "{case}");
    }
}

#[tokio::test]
async fn m07_m08_a06_the_site_has_two_names_and_everything_is_required() {
    let api = with_segments().await;
    let body = |extra: Value| {
        let mut body = json!({ "items": [{ "id": "p1" }], "segmentIds": ["on"] });
        body.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
        body
    };
    assert_eq!(ask(&api, MANAGE, &body(json!({ "siteCode": "main" }))).await.body, json!([{ "id": "p1" }]), "M07");
    for bad in [json!({}), json!({ "site": "main", "siteCode": "other" }), json!({ "site": "main", "items": null })] {
        assert_eq!(ask(&api, MANAGE, &body(bad.clone())).await.status, StatusCode::BAD_REQUEST, "M07 M08 {bad}");
    }
    assert_eq!(ask(&api, READ, &body(json!({ "site": "main" }))).await.status, StatusCode::FORBIDDEN, "A06");
}
