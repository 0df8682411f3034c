//! Own scope: what customers see, and what is seen of one customer. Names hold the numbers of the contract's cases.

use query_service::{
    q::{Query, Resource, sort::Sort},
    views::{Customer, Page, Visible, Which, segments},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use shared::ids::{ItemType::Product, Tenant};

use crate::api::{Answer, Api, MANAGE, OWN, READ, Sent as _};

fn segment(site: &str, status: &str) -> Value {
    let expired = json!({ "to": "2020-01-01T00:00:00.000Z" });
    json!({ "name": { "en": "n" }, "siteCode": site, "status": status, "validity": expired })
}

/// Of c1: s1 and s2 are active, s3 is not. Of c2: s2. Of nobody: s4. Each has the item p1; all windows have expired.
async fn with_customers() -> Api {
    let mut api = Api::start().await;
    for (id, site, status) in
        [("s1", "main", "ACTIVE"), ("s2", "other", "ACTIVE"), ("s3", "main", "INACTIVE"), ("s4", "main", "ACTIVE")]
    {
        api.story.put("acme", id, segment(site, status)).await;
        api.story.assign("acme", id, Product, &["p1"], None).await;
    }
    for id in ["s1", "s2", "s3"] {
        api.story.join("acme", id, &["c1"], None).await;
    }
    api.story.join("acme", "s2", &["c2"], None).await;
    api.catch_up().await;
    api
}

/// c1 has s1 for le1, s2 for le2 and s3 for itself; c2 has s1 for le1 and s3 for itself.
async fn with_legal_entities() -> Api {
    let mut api = Api::start().await;
    for id in ["s1", "s2", "s3"] {
        api.story.put("acme", id, segment("main", "ACTIVE")).await;
        api.story.assign("acme", id, Product, &["p1"], None).await;
    }
    for (id, customers) in [("s1", ["c1/le1", "c2/le1"].as_slice()), ("s2", &["c1/le2"]), ("s3", &["c1", "c2"])] {
        api.story.join("acme", id, customers, None).await;
    }
    api.catch_up().await;
    api
}

/// The segments of the rows of any list.
fn segments_of(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let id = |row: &Value| row.get("id").unwrap_or(&row["segmentId"]).as_str().expect("an id").to_owned();
    answer.body.as_array().expect("an array").iter().map(id).collect::<Vec<_>>().join(" ")
}

async fn seen(api: &Api, customer: &str, rest: &str) -> String {
    segments_of(&api.own(customer, rest).answer().await)
}

#[tokio::test]
async fn o01_o02_o03_o06_a_customer_sees_the_active_segments_that_are_theirs() {
    let api = with_customers().await;
    for (customer, expected) in [("c1", "s1 s2"), ("c2", "s2"), ("c3", "")] {
        for rest in ["", "/me", "/items", "/items?onlyActive=false"] {
            assert_eq!(seen(&api, customer, rest).await, expected, "{customer} {rest}");
        }
        let searched = api.own_search(customer, "/search", &json!({ "q": "status:exists" })).answer().await;
        assert_eq!(segments_of(&searched), expected, "{customer}");
        for id in ["s1", "s2", "s3", "s4", "nope"] {
            let is_visible = expected.contains(id);
            let status = if is_visible { StatusCode::OK } else { StatusCode::NOT_FOUND };
            let rows = if is_visible { id } else { "" };
            let one = api.own(customer, &format!("/{id}")).answer().await;
            assert_eq!(one.status, status, "{customer} {id}");
            if !is_visible {
                assert_eq!(one.body["message"], format!("The resource with id {id} has not been found."));
            }
            let item = api.own(customer, &format!("/{id}/items/PRODUCT/p1")).answer().await;
            assert_eq!(item.status, status, "{customer} {id}");
            assert_eq!(seen(&api, customer, &format!("/{id}/items")).await, rows, "{customer} {id}");
            let found = api.own_search(customer, &format!("/{id}/items/search"), &json!({})).answer().await;
            assert_eq!(segments_of(&found), rows, "{customer} {id}");
        }
    }
}

#[tokio::test]
async fn l07_x09_x10_what_is_not_theirs_is_neither_filtered_nor_counted_nor_paged() {
    let api = with_customers().await;
    for (rest, expected, total) in [
        ("", "s1 s2", "2"),
        ("?q=siteCode:main", "s1", "1"),
        ("?q=status:INACTIVE", "", "0"),
        ("?q=id:(s1,s4)", "s1", "1"),
        ("?sort=id:desc", "s2 s1", "2"),
        ("?sort=siteCode:desc&pageSize=1", "s2", "2"),
        ("?pageSize=1&pageNumber=2", "s2", "2"),
        ("?pageNumber=9", "", "2"),
        ("/me?pageSize=1&pageNumber=2", "s2", "2"),
        ("/me?q=siteCode:main&fields=id", "s1", "1"),
        ("/items", "s1 s2", "2"),
        ("/items?q=item.id:p1&pageSize=1&sort=segmentId:desc", "s2", "2"),
        ("/items?siteCode=main", "s1", "1"),
        ("/items?siteCode=other&onlyActive=true", "s2", "1"),
        ("/items?q=segmentId:(s3,s4)", "", "0"),
        ("/s2/items", "s2", "1"),
        ("/s3/items", "", "0"),
    ] {
        let answer = api.own("c1", rest).answer().await;
        assert_eq!((&*segments_of(&answer), answer.header("X-Total-Count")), (expected, Some(total)), "{rest}");
    }
}

#[tokio::test]
async fn o04_o05_what_changes_is_seen_at_once() {
    let mut api = with_customers().await;
    api.story.put("acme", "s3", segment("main", "ACTIVE")).await;
    api.catch_up().await;
    assert_eq!(seen(&api, "c1", "").await, "s1 s2 s3", "O04");
    api.story.leave("acme", "s1", "c1").await;
    api.catch_up().await;
    assert_eq!(seen(&api, "c1", "").await, "s2 s3", "O05");
    assert_eq!(api.own("c1", "/s1").answer().await.status, StatusCode::NOT_FOUND, "O05");
    api.story.delete("acme", "s2").await;
    api.story.put("acme", "s2", segment("main", "ACTIVE")).await;
    api.catch_up().await;
    assert_eq!(seen(&api, "c1", "").await, "s3", "a new segment of an old id has no customers");
}

#[tokio::test]
async fn a05_a09_o07_scopes_decide_what_is_seen() {
    let api = with_customers().await;
    let ask = async |method: Method, rest: &str, scopes: &str, customer: Option<&str>| {
        let request = api.request_by(&api.token(scopes, customer), method, "acme", rest);
        request.header("X-Total-Count", "true").answer().await
    };
    for rest in ["", "/me", "/s1", "/items", "/s1/customers"] {
        assert_eq!(ask(Method::GET, rest, MANAGE, None).await.status, StatusCode::FORBIDDEN, "A05 {rest}");
    }
    for rest in ["", "/me", "/items", "/s1/items", "/s1/customers"] {
        let list = ask(Method::GET, rest, OWN, None).await;
        assert_eq!((list.status, &list.body, list.header("X-Total-Count")), (StatusCode::OK, &json!([]), Some("0")));
    }
    for rest in ["/search", "/s1/items/search"] {
        assert_eq!(ask(Method::POST, rest, OWN, None).await.body, json!([]), "O07 {rest}");
    }
    for rest in ["/s1", "/s1/items/PRODUCT/p1"] {
        assert_eq!(ask(Method::GET, rest, OWN, None).await.status, StatusCode::NOT_FOUND, "O07 {rest}");
    }
    for customer in [None, Some("c1")] {
        assert_eq!(ask(Method::GET, "?q=status:", OWN, customer).await.status, StatusCode::BAD_REQUEST);
        for id in ["c1", "c2"] {
            let refused = ask(Method::GET, &format!("?customerId={id}&q=status:"), OWN, customer).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "A09");
            assert_eq!(refused.body["details"]["field"], "customerId", "A09");
            let refused = ask(Method::POST, &format!("/search?customerId={id}"), OWN, customer).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "A09");
        }
    }
    assert_eq!(seen(&api, "c2", "?customerId=").await, "s2", "A09");
    let both = format!("{READ} {OWN}");
    assert_eq!(segments_of(&ask(Method::GET, "", &both, Some("c2")).await), "s1 s2 s3 s4", "read wins");
    assert_eq!(segments_of(&ask(Method::GET, "/me", &both, Some("c2")).await), "s2", "mine are mine");
    assert_eq!(segments_of(&ask(Method::GET, "/me", &both, None).await), "", "a service has none");
    assert_eq!(ask(Method::GET, "/me", READ, None).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn o08_whoever_reads_everything_can_ask_for_the_segments_of_a_customer() {
    let api = with_customers().await;
    for (rest, expected, total) in [
        ("?customerId=c1", "s1 s2 s3", "3"),
        ("?customerId=c1&q=status:ACTIVE", "s1 s2", "2"),
        ("?customerId=c1&pageSize=1&sort=id:desc", "s3", "3"),
        ("?customerId=c2", "s2", "1"),
        ("?customerId=nobody", "", "0"),
        ("?customerId=", "s1 s2 s3 s4", "4"),
        ("?legalEntityId=le1", "s1 s2 s3 s4", "4"),
    ] {
        let answer = api.get(rest).header("X-Total-Count", "true").answer().await;
        assert_eq!((&*segments_of(&answer), answer.header("X-Total-Count")), (expected, Some(total)), "{rest}");
    }
    let searched = api.post("/search?customerId=c1", &json!({ "q": "status:INACTIVE" })).answer().await;
    assert_eq!(segments_of(&searched), "s3");
    assert_eq!(api.get("?customerId=c1&customerId=c2").answer().await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn o09_o10_o11_a_legal_entity_counts_for_customers_of_several() {
    let api = with_legal_entities().await;
    for (case, customer, parameter, expected) in [
        ("O09", "c1", "", "s1 s2 s3"),
        ("O09", "c1", "legalEntityId=", "s1 s2 s3"),
        ("O09", "c1", "legalEntityId=le1", "s1 s3"),
        ("O09", "c1", "legalEntityId=le2", "s2 s3"),
        ("O09 of an entity without rows", "c1", "legalEntityId=le9", "s3"),
        ("O10", "c2", "legalEntityId=le2", "s1 s3"),
        ("O10", "c2/le2", "", "s1 s3"),
        ("O11", "c1/le1", "", "s1 s3"),
        ("O11", "c1/le1", "legalEntityId=le2", "s1 s3"),
    ] {
        for list in ["", "/me", "/items"] {
            assert_eq!(seen(&api, customer, &format!("{list}?{parameter}")).await, expected, "{case} {list}");
        }
        let searched = api.own_search(customer, &format!("/search?{parameter}"), &json!({})).answer().await;
        assert_eq!(segments_of(&searched), expected, "{case}");
        for id in ["s1", "s2", "s3"] {
            let is_visible = expected.contains(id);
            let status = if is_visible { StatusCode::OK } else { StatusCode::NOT_FOUND };
            for rest in [format!("/{id}"), format!("/{id}/items/PRODUCT/p1")] {
                let one = api.own(customer, &format!("{rest}?{parameter}")).answer().await;
                assert_eq!(one.status, status, "{case} {rest}");
            }
            let rows = seen(&api, customer, &format!("/{id}/items?{parameter}")).await;
            assert_eq!(rows, if is_visible { id } else { "" }, "{case}");
        }
    }
    for (rest, expected) in [
        ("?customerId=c1&legalEntityId=le1", "s1 s3"),
        ("?customerId=c2&legalEntityId=le2", "s1 s3"),
        ("?customerId=c1", "s1 s2 s3"),
    ] {
        assert_eq!(segments_of(&api.get(rest).answer().await), expected, "O08 {rest}");
    }
    // The claims of a token are about its own customer.
    let both = api.token(&format!("{READ} {OWN}"), Some("c9/le1"));
    let of_other = api.request_by(&both, Method::GET, "acme", "?customerId=c1&legalEntityId=le2");
    assert_eq!(segments_of(&of_other.answer().await), "s2 s3");
}

#[tokio::test]
async fn legal_entities_of_the_token_count_beside_those_of_assignments() {
    let api = with_legal_entities().await;
    let (query, sort) = (Query::default(), Sort::parse("", Resource::Segment, "en").expect("the default"));
    for (entities, expected) in [([].as_slice(), 2), (&["le1"], 2), (&["le2"], 1), (&["le1", "le2", "le3"], 1)] {
        let customer = Customer {
            id: "c2".to_owned(),
            legal_entity_id: Some("le2".to_owned()),
            legal_entities: entities.iter().map(|&entity| entity.to_owned()).collect(),
        };
        let wanted = segments::Wanted {
            tenant: &Tenant::parse("acme").expect("a tenant"),
            visible: &Visible::Of { customer, which: Which::Active },
            query: &query,
            sort: &sort,
            page: Page { limit: 60, offset: 0, count: true },
        };
        let page = segments::list(&api.views.reader, &wanted).await.expect("an answer");
        assert_eq!(page.total, Some(expected), "{entities:?}");
    }
}

#[tokio::test]
async fn x06_customers_see_no_assignments_but_their_own() {
    let api = with_customers().await;
    let names = async |customer: &str, rest: &str| {
        let answer = api.own(customer, rest).answer().await;
        assert_eq!(answer.status, StatusCode::OK, "{rest}: {}", answer.body);
        let rows = answer.body.as_array().expect("an array").clone();
        let names: Vec<_> = rows.iter().map(|row| row["customer"]["id"].as_str().expect("an id").to_owned()).collect();
        assert_eq!(answer.header("X-Total-Count"), Some(&*rows.len().to_string()), "{rest}");
        names.join(" ")
    };
    for (customer, rest, expected) in [
        ("c1", "/s1/customers", "c1"),
        ("c1", "/s2/customers", "c1"),
        ("c2", "/s2/customers", "c2"),
        ("c2", "/s2/customers?q=customer.id:c1", ""),
        ("c2", "/s1/customers", ""),
        ("c1", "/s3/customers", ""),
        ("c1", "/nope/customers", ""),
    ] {
        assert_eq!(names(customer, rest).await, expected, "{customer} {rest}");
    }

    let entities = with_legal_entities().await;
    for (customer, segment, rows) in [("c1", "s2", 1), ("c1/le1", "s1", 1), ("c1/le1", "s2", 0), ("c1/le1", "s3", 1)] {
        let answer = entities.own(customer, &format!("/{segment}/customers")).answer().await;
        assert_eq!(answer.body.as_array().expect("an array").len(), rows, "{customer} {segment}");
    }
}

#[tokio::test]
async fn where_validity_counts_a_segment_outside_of_it_is_hidden_and_matches_nothing() {
    let mut api = Api::strict().await;
    let (past, future) = ("2020-01-01T00:00:00.000Z", "2100-01-01T00:00:00.000Z");
    for (id, validity) in [
        ("always", json!({})),
        ("ended", json!({ "to": past })),
        ("later", json!({ "from": future })),
        ("now", json!({ "from": past, "to": future })),
    ] {
        let body = json!({ "name": { "en": "n" }, "status": "ACTIVE", "validity": validity });
        api.story.put("acme", id, body).await;
        api.story.join("acme", id, &["c1"], None).await;
        api.story.assign("acme", id, Product, &[&format!("p-{id}")], None).await;
    }
    api.catch_up().await;
    for rest in ["", "/me", "/items"] {
        assert_eq!(seen(&api, "c1", rest).await, "always now", "{rest}");
    }
    assert_eq!(api.own("c1", "/ended").answer().await.status, StatusCode::NOT_FOUND);
    assert_eq!(api.own("c1", "/later/customers").answer().await.body, json!([]));
    assert_eq!(segments_of(&api.get("?customerId=c1").answer().await), "always ended later now");
    let items = ["always", "ended", "later", "now"].map(|id| json!({ "id": format!("p-{id}") }));
    let body = json!({ "items": items, "segmentIds": ["always", "ended", "later", "now"], "site": "main" });
    let matched = api.request_by(&api.token(MANAGE, None), Method::POST, "acme", "/match").json(&body).answer().await;
    assert_eq!(matched.ids(), ["p-always", "p-now"]);
}
