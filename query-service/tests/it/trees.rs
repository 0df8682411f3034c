//! Category trees: the contract's cases X11 and X12, and what its rules add.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use shared::{
    ids::ItemType::{Category, Product},
    reference::Kind,
};

use crate::api::{Answer, Api, OWN, READ, Sent as _};

const TREES: &str = "/items/category-trees";

/// c1 has s1 (main, `hammer`) and, for le1, s2 (other, `paint`); s3 is inactive and has `secret`. c2 has nothing. `hammer` and
/// `saw` are below `tools`.
async fn with_trees() -> Api {
    let mut api = Api::start().await;
    for (id, site, status, category) in [
        ("s1", "main", "ACTIVE", "hammer"),
        ("s2", "other", "ACTIVE", "paint"),
        ("s3", "main", "INACTIVE", "secret"),
        ("s4", "main", "ACTIVE", "saw"),
    ] {
        api.story.put("acme", id, json!({ "name": { "en": "n" }, "siteCode": site, "status": status })).await;
        api.story.assign("acme", id, Category, &[category], None).await;
        api.story.assign("acme", id, Product, &["p1"], None).await;
    }
    for (id, customer) in [("s1", "c1"), ("s2", "c1/le1"), ("s2", "c1/le2"), ("s3", "c1")] {
        api.story.join("acme", id, &[customer], None).await;
    }
    let categories = [
        json!({ "id": "hammer", "parentId": "tools", "code": "234", "name": { "en": "Hammer", "de": "Hammer!" },
            "localizedSlug": { "en": "hammer", "de": "hammer-de" }, "ecn": ["E1"], "position": 1, "published": true,
            "validity": { "from": "2024-04-17T08:00:00.000Z" } }),
        json!({ "id": "saw", "parentId": "tools", "code": "235", "name": { "en": "Saw" } }),
        json!({ "id": "tools", "code": "123", "name": { "en": "Tools" }, "position": 7 }),
    ];
    api.catalogue.put("acme", Kind::Category, &categories).await;
    api.catch_up().await;
    api
}

async fn trees(api: &Api, customer: &str, rest: &str) -> Value {
    let answer = api.own(customer, &format!("{TREES}{rest}")).answer().await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.body
}

fn roots(body: &Value) -> Vec<&str> {
    body.as_array().expect("trees").iter().map(|tree| tree["id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn x11_assigned_categories_are_shown_with_what_is_above_them_and_nothing_else() {
    let api = with_trees().await;
    let hammer = json!({
        "id": "hammer", "parentId": "tools", "code": "234", "name": { "en": "Hammer", "de": "Hammer!" },
        "localizedSlug": { "en": "hammer", "de": "hammer-de" }, "ecn": ["E1"], "position": 1, "published": true,
        "validity": { "from": "2024-04-17T08:00:00.000Z" }, "isSegmentAssigned": true,
    });
    let tools = json!({
        "id": "tools", "code": "123", "name": { "en": "Tools" }, "position": 7, "isSegmentAssigned": false,
        "subcategories": [hammer],
    });
    let paint = json!({ "id": "paint", "code": "paint", "name": {}, "isSegmentAssigned": true });
    assert_eq!(trees(&api, "c1", "").await, json!([tools, paint]));
    assert_eq!(trees(&api, "c2", "").await, json!([]));
}

#[tokio::test]
async fn trees_are_of_one_site_and_of_the_legal_entity_that_the_customer_acts_for() {
    let api = with_trees().await;
    assert_eq!(roots(&trees(&api, "c1", "?siteCode=main").await), ["tools"]);
    assert_eq!(roots(&trees(&api, "c1", "?siteCode=other").await), ["paint"]);
    assert_eq!(roots(&trees(&api, "c1", "?legalEntityId=le1").await), ["tools", "paint"]);
    assert_eq!(roots(&trees(&api, "c1", "?legalEntityId=le9").await), ["tools"]);
    assert_eq!(roots(&trees(&api, "c1/le9", "?legalEntityId=le1").await), ["tools"], "the claim wins");
}

#[tokio::test]
async fn texts_are_shown_in_the_language_asked_for() {
    let api = with_trees().await;
    let answer: Answer = api.own("c1", TREES).header("Accept-Language", "de").answer().await;
    let tools = &answer.body[0];
    assert_eq!(tools["name"], json!({ "en": "Tools" }));
    assert_eq!(tools["subcategories"][0]["name"], json!({ "de": "Hammer!" }));
    assert_eq!(tools["subcategories"][0]["localizedSlug"], json!({ "de": "hammer-de" }));
}

#[tokio::test]
async fn x12_only_customers_see_trees() {
    let api = with_trees().await;
    let ask = async |scopes: &str| {
        let token = api.token(scopes, None);
        api.request_by(&token, Method::GET, "acme", TREES).answer().await
    };
    assert_eq!(ask(READ).await.status, StatusCode::FORBIDDEN);
    let service = ask(OWN).await;
    assert_eq!((service.status, service.body), (StatusCode::OK, json!([])));
}
