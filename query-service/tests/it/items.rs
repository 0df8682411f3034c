//! Item assignments: lists, searches, single rows.

use reqwest::StatusCode;
use serde_json::{Value, json};
use shared::ids::ItemType::{Category, Product};

use crate::api::{Api, Sent as _};

async fn with_items() -> Api {
    let mut api = Api::start().await;
    for (id, site, status) in [("g1", "main", "ACTIVE"), ("g2", "main", "INACTIVE"), ("g3", "other", "ACTIVE")] {
        api.story.put("acme", id, json!({ "name": { "en": id }, "siteCode": site, "status": status })).await;
        api.story.assign("acme", id, Product, &["p1", "p2"], None).await;
    }
    api.story.assign("acme", "g1", Category, &["c1"], Some(json!({ "m": { "n": 1 } }))).await;
    api.story.assign("acme", "g1", Product, &["p2"], None).await;
    api.story.put("beta", "g1", json!({ "name": { "en": "n" } })).await;
    api.story.assign("beta", "g1", Product, &["p9"], None).await;
    api.catch_up().await;
    api
}

/// `segment/item` of each row.
async fn rows(api: &Api, rest: &str) -> Vec<String> {
    let answer = api.get(rest).answer().await;
    assert_eq!(answer.status, StatusCode::OK, "{rest}: {}", answer.body);
    names(&answer.body)
}

fn names(body: &Value) -> Vec<String> {
    let name = |row: &Value| {
        format!("{}/{}", row["segmentId"].as_str().expect("text"), row["item"]["id"].as_str().expect("text"))
    };
    body.as_array().expect("an array").iter().map(name).collect()
}

#[tokio::test]
async fn an_assignment_is_answered_with_all_that_is_known_of_it() {
    let api = with_items().await;
    let answer = api.get("/g1/items/CATEGORY/c1").answer().await;
    assert_eq!(answer.status, StatusCode::OK);
    let metadata = answer.body["metadata"].clone();
    let expected = json!({ "segmentId": "g1", "item": { "id": "c1" }, "type": "CATEGORY", "mixins": { "m": { "n": 1 } }, "metadata": metadata });
    assert_eq!(answer.body, expected);
    assert_eq!(metadata["version"], 1);
    assert_eq!(metadata["createdAt"], metadata["modifiedAt"]);
    let created: shared::Timestamp = metadata["createdAt"].as_str().expect("text").parse().expect("an instant");
    assert_eq!(json!(created), metadata["createdAt"], "milliseconds and Z");

    let changed = api.get("/g1/items/PRODUCT/p2?fields=metadata.version,item.id").answer().await;
    assert_eq!(changed.body, json!({ "item": { "id": "p2" }, "metadata": { "version": 2 } }));
    let tag = changed.header("ETag").expect("a tag");
    assert!(tag.ends_with(".2\""), "{tag}");
    let same = api.get("/g1/items/PRODUCT/p2").header("If-None-Match", tag).answer().await;
    assert_eq!(same.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn x07_x13_unknown_assignments_are_not_found_and_unknown_types_refused() {
    let api = with_items().await;
    for rest in ["/g1/items/PRODUCT/nope", "/g1/items/CATEGORY/p1", "/nope/items/PRODUCT/p1", "/g1/items/PRODUCT/a%2Fb"]
    {
        assert_eq!(api.get(rest).answer().await.status, StatusCode::NOT_FOUND, "{rest}");
    }
    for kind in ["product", "SERVICE", "PRODUCT%20"] {
        let answer = api.get(&format!("/g1/items/{kind}/p1")).answer().await;
        assert_eq!(
            (answer.status, &answer.body["details"]["field"]),
            (StatusCode::BAD_REQUEST, &json!("type")),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn lists_are_of_one_segment_or_of_all_of_the_tenant() {
    let api = with_items().await;
    assert_eq!(rows(&api, "/g1/items").await, ["g1/c1", "g1/p1", "g1/p2"]);
    assert_eq!(rows(&api, "/nope/items").await, Vec::<String>::new());
    assert_eq!(rows(&api, "/items").await, ["g1/c1", "g1/p1", "g1/p2", "g2/p1", "g2/p2", "g3/p1", "g3/p2"]);
    assert_eq!(rows(&api, "/items?pageSize=2&pageNumber=2").await, ["g1/p2", "g2/p1"]);
    assert_eq!(rows(&api, "/items?sort=item.id:desc,segmentId&pageSize=3").await, ["g1/p2", "g2/p2", "g3/p2"]);
    let counted = api.get("/items?pageSize=1").header("X-Total-Count", "true").answer().await;
    assert_eq!(counted.header("X-Total-Count"), Some("7"));
    let found = api.post("/g1/items/search", &json!({ "q": "type:PRODUCT" })).answer().await;
    assert_eq!(names(&found.body), ["g1/p1", "g1/p2"]);
    assert_eq!(names(&api.post("/nope/items/search", &json!({})).answer().await.body), Vec::<String>::new());
    assert_eq!(api.post("/g1/items/search", &json!({ "q": 1 })).answer().await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn x08_x09_x10_items_are_filtered_by_their_fields_and_by_their_segments() {
    let api = with_items().await;
    for (case, rest, expected) in [
        ("X08", "/items?q=type:PRODUCT%20segmentId:(g1,g2)", "g1/p1 g1/p2 g2/p1 g2/p2"),
        ("X08", "/items?q=item.id:p1", "g1/p1 g2/p1 g3/p1"),
        ("X08", "/items?q=mixins.m.n:1", "g1/c1"),
        ("X08", "/items?q=metadata.version:>1", "g1/p2"),
        ("X08", "/items?q=mixins:missing%20type:CATEGORY", ""),
        ("X09", "/items?onlyActive=true&q=item.id:p1", "g1/p1 g3/p1"),
        ("X09", "/items?onlyActive=false&q=item.id:p1", "g1/p1 g2/p1 g3/p1"),
        ("X10", "/items?siteCode=other", "g3/p1 g3/p2"),
        ("X10", "/items?siteCode=main&onlyActive=TRUE&q=item.id:p1", "g1/p1"),
        ("X10", "/items?siteCode=nowhere", ""),
    ] {
        assert_eq!(rows(&api, rest).await.join(" "), expected, "{case} {rest}");
    }
    assert_eq!(api.get("/items?onlyActive=maybe").answer().await.status, StatusCode::BAD_REQUEST);
    assert_eq!(api.get("/items?sort=bogus").answer().await.status, StatusCode::BAD_REQUEST);
}
