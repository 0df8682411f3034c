//! Match: the contract's cases M01 to M11.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use shared::{
    ids::ItemType::{Category, Product},
    reference::Kind,
};

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
    let mut api = with_segments().await;
    all_cases(&api).await;
    api.follow().await;
    all_cases(&api).await;
}

async fn all_cases(api: &Api) {
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
        let answer = ask(api, MANAGE, &body).await;
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

/// Segment `on` has the category `tools`; below it are `hammers` and, below these, `sledges`, of which `heavy` is one. `loose` is
/// in a category that nothing is known of, and that `on` has too.
async fn with_categories(mut api: Api) -> Api {
    let body = |status: &str| json!({ "name": { "en": "n" }, "status": status });
    api.story.put("acme", "on", body("ACTIVE")).await;
    api.story.put("acme", "off", body("INACTIVE")).await;
    api.story.assign("acme", "on", Category, &["tools", "unknown"], None).await;
    api.story.assign("acme", "off", Category, &["paint"], None).await;
    let category = |id: &str, parent: &str| json!({ "id": id, "parentId": parent });
    let above =
        [category("sledges", "hammers"), category("hammers", "tools"), json!({ "id": "tools" }), category("paint", "")];
    let above: Vec<Value> = above.into_iter().map(without_empty_parent).collect();
    api.catalogue.put("acme", Kind::Category, &above).await;
    let pair = |product: &str, category: &str| json!({ "productId": product, "categoryId": category });
    let pairs = [pair("box", "tools"), pair("heavy", "sledges"), pair("loose", "unknown"), pair("red", "paint")];
    api.catalogue.put("acme", Kind::ProductCategory, &pairs).await;
    api.catalogue.put("beta", Kind::ProductCategory, &[pair("alien", "tools")]).await;
    api.catch_up().await;
    api
}

fn without_empty_parent(mut category: Value) -> Value {
    if category["parentId"] == "" {
        category.as_object_mut().expect("an object").remove("parentId");
    }
    category
}

async fn matched(api: &Api, items: &str) -> String {
    let items: Vec<Value> = items.split_whitespace().map(|id| json!({ "id": id })).collect();
    let answer = ask(api, MANAGE, &json!({ "items": items, "segmentIds": ["on", "off"], "site": "main" })).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.ids().join(" ")
}

#[tokio::test]
async fn m02_m03_products_match_through_their_categories_and_those_above() {
    edit_trees(with_categories(Api::start().await).await).await;
    let mut api = with_categories(Api::start().await).await;
    api.follow().await;
    edit_trees(api).await;
}

async fn edit_trees(mut api: Api) {
    let all = "red alien heavy box sledges nope loose";
    assert_eq!(matched(&api, all).await, "heavy box loose", "M02 M03 M04 M09 M10");

    // The subtree moves away, and comes back below another category of the segment.
    api.catalogue.put("acme", Kind::Category, &[json!({ "id": "hammers", "parentId": "paint" })]).await;
    api.catch_up().await;
    assert_eq!(matched(&api, all).await, "box loose", "moved away");
    api.catalogue.put("acme", Kind::Category, &[json!({ "id": "paint", "parentId": "unknown" })]).await;
    api.catch_up().await;
    assert_eq!(matched(&api, all).await, "red heavy box loose", "below what is not known");

    api.catalogue.delete("acme", Kind::ProductCategory, "box/tools").await;
    api.catalogue.delete("acme", Kind::Category, "paint").await;
    api.catch_up().await;
    assert_eq!(matched(&api, all).await, "loose", "what was above a category that is gone does not count");
    api.story.unassign("acme", "on", Category, "unknown").await;
    api.catch_up().await;
    assert_eq!(matched(&api, all).await, "");
}

#[tokio::test]
async fn m03_categories_above_can_be_left_out() {
    let mut api = with_categories(Api::shallow().await).await;
    assert_eq!(matched(&api, "heavy box loose").await, "box loose");
    api.follow().await;
    assert_eq!(matched(&api, "heavy box loose").await, "box loose");
}
