//! Customer assignments: lists, searches, single rows, as whoever reads everything sees them.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::api::{Api, OWN, READ, Sent as _};

async fn with_customers() -> Api {
    let mut api = Api::start().await;
    for tenant in ["acme", "beta"] {
        api.story.put(tenant, "g1", json!({ "name": { "en": "n" } })).await;
    }
    api.story.put("acme", "g2", json!({ "name": { "en": "n" } })).await;
    api.story.join("acme", "g1", &["c1", "c1/le1", "c1/le2"], None).await;
    api.story.join("acme", "g1", &["c2/le1"], Some(json!({ "m": { "n": 1 } }))).await;
    api.story.join("acme", "g1", &["c1/le1"], None).await;
    api.story.join("acme", "g2", &["c3"], None).await;
    api.story.join("beta", "g1", &["c1", "c9"], None).await;
    api.catch_up().await;
    api
}

/// `customer/legal entity` of each row.
fn names(body: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let name = |row: &Value| match &row["legalEntity"]["id"] {
        Value::Null => text(&row["customer"]["id"]),
        entity => format!("{}/{}", text(&row["customer"]["id"]), text(entity)),
    };
    body.as_array().expect("an array").iter().map(name).collect()
}

async fn rows(api: &Api, rest: &str) -> Vec<String> {
    let answer = api.get(rest).answer().await;
    assert_eq!(answer.status, StatusCode::OK, "{rest}: {}", answer.body);
    names(&answer.body)
}

#[tokio::test]
async fn x01_an_assignment_is_answered_with_all_that_is_known_of_it() {
    let api = with_customers().await;
    let own = api.get("/g1/customers/c1").answer().await;
    let expected =
        json!({ "customer": { "id": "c1" }, "assignmentType": "MANUAL", "metadata": own.body["metadata"].clone() });
    assert_eq!((own.status, &own.body), (StatusCode::OK, &expected), "no legalEntity, no segmentId");
    assert_eq!(own.body["metadata"]["version"], 1);
    assert_eq!(own.body["metadata"]["createdAt"], own.body["metadata"]["modifiedAt"]);

    let of_entity = api.get("/g1/customers/c2/le1?fields=legalEntity,customer,mixins").answer().await;
    let expected = json!({ "customer": { "id": "c2" }, "legalEntity": { "id": "le1" }, "mixins": { "m": { "n": 1 } } });
    assert_eq!(of_entity.body, expected);

    let tag = api.get("/g1/customers/c1/le1").answer().await.header("ETag").expect("a tag").to_owned();
    assert!(tag.ends_with(".2\""), "{tag}");
    let same = api.get("/g1/customers/c1/le1").header("If-None-Match", tag).answer().await;
    assert_eq!(same.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn x02_x13_each_assignment_of_a_customer_is_there_by_itself() {
    let mut api = with_customers().await;
    api.story.leave("acme", "g1", "c1").await;
    api.catch_up().await;
    assert_eq!(rows(&api, "/g1/customers").await, ["c1/le1", "c1/le2", "c2/le1"]);
    assert_eq!(api.get("/g1/customers/c1/le2").answer().await.status, StatusCode::OK);
    for rest in [
        "/g1/customers/c1",
        "/g1/customers/c2",
        "/g1/customers/c2/le2",
        "/g1/customers/nope",
        "/nope/customers/c1",
        "/g2/customers/c1/le1",
        "/g1/customers/a%2Fb",
        "/g1/customers/c1/%00",
    ] {
        assert_eq!(api.get(rest).answer().await.status, StatusCode::NOT_FOUND, "{rest}");
    }
    let missing = api.get("/g1/customers/nope").answer().await;
    assert_eq!(missing.body["message"], "The resource with id nope has not been found.");
}

#[tokio::test]
async fn lists_and_searches_are_of_one_segment_and_filtered_sorted_and_paged_like_all_others() {
    let api = with_customers().await;
    for (rest, expected) in [
        ("", "c1 c1/le1 c1/le2 c2/le1"),
        ("?pageSize=2&pageNumber=2", "c1/le2 c2/le1"),
        ("?sort=customer.id:desc,legalEntity.id:desc", "c2/le1 c1/le2 c1/le1 c1"),
        ("?sort=legalEntity.id", "c1 c1/le1 c2/le1 c1/le2"),
        ("?q=customer.id:c1", "c1 c1/le1 c1/le2"),
        ("?q=legalEntity.id:le1", "c1/le1 c2/le1"),
        ("?q=legalEntity:missing", "c1"),
        ("?q=legalEntity.id:exists%20customer.id:c1", "c1/le1 c1/le2"),
        ("?q=legalEntity.id:%22%22", ""),
        ("?q=legalEntity.id:~%5E$", ""),
        ("?q=legalEntity.id:~2", "c1/le2"),
        ("?q=assignmentType:MANUAL%20metadata.version:%3E1", "c1/le1"),
        ("?q=assignmentType:AUTOMATIC", ""),
        ("?q=mixins.m.n:1", "c2/le1"),
        ("?q=customer.email:exists", ""),
        ("?q=legalEntity.name:missing%20customer.id:c2", "c2/le1"),
    ] {
        assert_eq!(rows(&api, &format!("/g1/customers{rest}")).await.join(" "), expected, "{rest}");
    }
    assert_eq!(rows(&api, "/g2/customers").await, ["c3"]);
    for nothing in ["/nope/customers", "/a%2Fb/customers"] {
        assert_eq!(rows(&api, nothing).await, Vec::<String>::new(), "{nothing}");
    }
    let counted = api.get("/g1/customers?pageSize=1&q=customer.id:c1").header("X-Total-Count", "true").answer().await;
    assert_eq!((names(&counted.body), counted.header("X-Total-Count")), (vec!["c1".to_owned()], Some("3")));
    let found = api.post("/g1/customers/search?pageSize=1", &json!({ "q": "legalEntity.id:le1" })).answer().await;
    assert_eq!(names(&found.body), ["c1/le1"]);
    assert_eq!(names(&api.post("/g1/customers/search", &json!({})).answer().await.body).len(), 4);
    for bad in ["?q=customer.id:", "?sort=id", "?sort=segmentId", "?pageSize=0"] {
        let answer = api.get(&format!("/g1/customers{bad}")).answer().await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{bad}");
    }
    assert_eq!(api.post("/g1/customers/search", &json!({ "q": 1 })).answer().await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn ids_of_any_length_and_script_are_shown_and_found() {
    let mut api = with_customers().await;
    let long = "𝒜".repeat(255);
    let other = format!("{}b", "𝒜".repeat(254));
    for entity in [&long, &other] {
        api.story.put("acme", &long, json!({ "name": { "en": "n" } })).await;
        api.story.join("acme", &long, &[&format!("{long}/{entity}")], None).await;
    }
    api.catch_up().await;
    assert_eq!(rows(&api, &format!("/{long}/customers")).await, [format!("{long}/{other}"), format!("{long}/{long}")]);
    assert_eq!(api.get(&format!("/{long}/customers/{long}/{other}")).answer().await.status, StatusCode::OK);
    assert_eq!(api.get("").query(&[("customerId", &long)]).answer().await.ids(), [long]);
}

#[tokio::test]
async fn x06_customers_may_list_but_neither_search_nor_get() {
    let api = with_customers().await;
    for (scopes, expected) in [(OWN, StatusCode::FORBIDDEN), (READ, StatusCode::OK)] {
        let token = api.token(scopes, Some("c1"));
        for rest in ["/g1/customers/c1", "/g1/customers/c1/le1"] {
            let answer = api.request_by(&token, reqwest::Method::GET, "acme", rest).answer().await;
            assert_eq!(answer.status, expected, "{scopes} {rest}");
        }
        let search = api.request_by(&token, reqwest::Method::POST, "acme", "/g1/customers/search");
        assert_eq!(search.json(&json!({})).answer().await.status, expected, "{scopes}");
    }
}
