//! Cases O, and the halves of L07, X06 and X09 that are about customers: what callers see who may read only what is
//! assigned to a customer, and what is seen of one customer.

use e2e::{
    Answer, Caller, Shop,
    samples::{golden, named, with},
};
use serde_json::{Value, json};

/// Of c1: g1 (active, its window has expired) and g2 (inactive). Of c2: g3 (active). Of nobody: g4 (active). Each has p1.
async fn shop_with_customers() -> Shop {
    let shop = Shop::open().await;
    let active = |id| with(named(id), json!({ "status": "ACTIVE", "siteCode": "second" }));
    shop.create_all(&[golden(), named("g2"), active("g3"), active("g4")]).await;
    for id in ["g1", "g2", "g3", "g4"] {
        shop.assign(id, "PRODUCT", "p1").await;
    }
    for (segment, customer) in [("g1", "c1"), ("g2", "c1"), ("g3", "c2")] {
        shop.join(segment, customer).await;
    }
    shop
}

/// c1 has g1 for le1, g2 for le2 and g3 for itself; c2 has g1 for le1; all are active.
async fn shop_with_legal_entities() -> Shop {
    let shop = Shop::open().await;
    shop.create_all(&["g1", "g2", "g3"].map(|id| with(named(id), json!({ "status": "ACTIVE" })))).await;
    for (segment, customer) in [("g1", "c1/le1"), ("g2", "c1/le2"), ("g3", "c1"), ("g1", "c2/le1")] {
        shop.join(segment, customer).await;
    }
    shop
}

/// The segments of the rows of a list of segments or items.
fn segments(answer: &Answer) -> Vec<String> {
    let id = |row: &Value| row.get("id").unwrap_or(&row["segmentId"]).as_str().expect("an id").to_owned();
    answer.rows().iter().map(id).collect()
}

async fn seen(shop: &Shop, caller: Caller, path: &str) -> Vec<String> {
    segments(&shop.get(path).by(caller).await.expect(200))
}

#[tokio::test]
async fn o01_a_customer_lists_the_active_segments_that_are_theirs() {
    let shop = shop_with_customers().await;
    for path in ["", "/me", "?q=status:ACTIVE", "/items", "/items?onlyActive=false"] {
        assert_eq!(seen(&shop, Caller::Customer("c1"), path).await, ["g1"], "{path}");
        assert_eq!(seen(&shop, Caller::Customer("c2"), path).await, ["g3"], "{path}");
        assert_eq!(seen(&shop, Caller::Customer("c3"), path).await.len(), 0, "{path}");
    }
    let found = shop.post("/search", &json!({})).by(Caller::Customer("c1")).await.expect(200);
    assert_eq!(segments(&found), ["g1"]);
}

#[tokio::test]
async fn o02_o03_what_is_inactive_or_not_theirs_is_not_found() {
    let shop = shop_with_customers().await;
    for id in ["g2", "g3", "g4", "nope"] {
        let error = shop.get(&format!("/{id}")).by(Caller::Customer("c1")).await.error(404);
        assert_eq!(error["message"], format!("The resource with id {id} has not been found."));
        shop.get(&format!("/{id}/items/PRODUCT/p1")).by(Caller::Customer("c1")).await.error(404);
        assert_eq!(seen(&shop, Caller::Customer("c1"), &format!("/{id}/items")).await.len(), 0);
        let search = shop.post(&format!("/{id}/items/search"), &json!({})).by(Caller::Customer("c1"));
        assert_eq!(search.await.expect(200).rows().len(), 0);
    }
    shop.get("/g1").by(Caller::Customer("c1")).await.expect(200);
    shop.get("/g1/items/PRODUCT/p1").by(Caller::Customer("c1")).await.expect(200);
    assert_eq!(seen(&shop, Caller::Customer("c1"), "/g1/items").await, ["g1"]);
}

#[tokio::test]
async fn o04_o05_activation_shows_a_segment_and_the_end_of_the_assignment_hides_it() {
    let shop = shop_with_customers().await;
    let patch = json!([{ "op": "replace", "path": "/status", "value": "ACTIVE" }]);
    shop.patch("/g2", &patch).await.empty(204);
    assert_eq!(seen(&shop, Caller::Customer("c1"), "").await, ["g1", "g2"]);
    shop.delete("/g1/customers/c1").await.empty(204);
    assert_eq!(seen(&shop, Caller::Customer("c1"), "").await, ["g2"]);
    shop.get("/g1").by(Caller::Customer("c1")).await.error(404);
    shop.delete("/g2?forceDelete=true").await.empty(204);
    shop.create(with(named("g2"), json!({ "status": "ACTIVE" }))).await;
    assert_eq!(seen(&shop, Caller::Customer("c1"), "").await.len(), 0, "the id lives again, without customers");
}

#[tokio::test]
async fn o06_a_window_that_has_expired_hides_nothing() {
    let shop = shop_with_customers().await;
    let segment = shop.get("/g1").by(Caller::Customer("c1")).await.expect(200).json();
    assert_eq!(segment["validity"], golden()["validity"]);
}

#[tokio::test]
async fn o07_a_service_with_the_scope_of_customers_sees_nothing() {
    let shop = shop_with_customers().await;
    for path in ["", "/me", "?q=status:ACTIVE", "/items", "/g1/items", "/g1/customers"] {
        let answer = shop.get(path).by(Caller::ServiceWithOwnScope).header("X-Total-Count", "true").await.expect(200);
        assert_eq!((answer.json(), answer.header("X-Total-Count")), (json!([]), Some("0")), "{path}");
    }
    for path in ["/search", "/g1/items/search"] {
        let answer = shop.post(path, &json!({})).by(Caller::ServiceWithOwnScope).await.expect(200);
        assert_eq!(answer.json(), json!([]), "{path}");
    }
    for path in ["/g1", "/g1/items/PRODUCT/p1"] {
        shop.get(path).by(Caller::ServiceWithOwnScope).await.error(404);
    }
}

#[tokio::test]
async fn o08_readers_ask_for_the_segments_of_a_customer() {
    let shop = shop_with_customers().await;
    for (query, expected) in [
        ("?customerId=c1", ["g1", "g2"].as_slice()),
        ("?customerId=c1&q=status:ACTIVE", &["g1"]),
        ("?customerId=nobody", &[]),
        ("?customerId=", &["g1", "g2", "g3", "g4"]),
        ("?legalEntityId=le1", &["g1", "g2", "g3", "g4"]),
    ] {
        assert_eq!(seen(&shop, Caller::Reader, query).await, expected, "{query}");
        let search = shop.post(&format!("/search{query}"), &json!({ "q": "status:ACTIVE" })).by(Caller::Reader).await;
        let active: Vec<_> = expected.iter().filter(|id| **id != "g2").copied().collect();
        assert_eq!(segments(&search.expect(200)), active, "{query}");
    }
    for path in ["?customerId=c1", "?customerId=c2"] {
        shop.get(path).by(Caller::Customer("c1")).await.error(403);
        shop.post(&format!("/search{path}"), &json!({})).by(Caller::Customer("c1")).await.error(403);
    }
}

#[tokio::test]
async fn o09_o10_a_legal_entity_narrows_what_customers_of_several_see() {
    let shop = shop_with_legal_entities().await;
    for (caller, query, expected) in [
        (Caller::Customer("c1"), "", ["g1", "g2", "g3"].as_slice()),
        (Caller::Customer("c1"), "?legalEntityId=le1", &["g1", "g3"]),
        (Caller::Customer("c1"), "?legalEntityId=le2", &["g2", "g3"]),
        (Caller::Customer("c2"), "?legalEntityId=le2", &["g1"]),
        (Caller::CustomerWith("c2", &["le1"]), "?legalEntityId=le2", &["g1"]),
        (Caller::CustomerWith("c2", &["le1", "le2"]), "?legalEntityId=le2", &[]),
        (Caller::CustomerWith("c2", &["le1", "le2"]), "", &["g1"]),
    ] {
        assert_eq!(seen(&shop, caller.clone(), query).await, expected, "{caller:?} {query}");
        assert_eq!(seen(&shop, caller.clone(), &format!("/me{query}")).await, expected, "{caller:?} {query}");
        for id in ["g1", "g2", "g3"] {
            let answer = shop.get(&format!("/{id}{query}")).by(caller.clone()).await;
            assert_eq!(answer.status == 200, expected.contains(&id), "{caller:?} {query} {id}");
        }
    }
    assert_eq!(seen(&shop, Caller::Reader, "?customerId=c1&legalEntityId=le1").await, ["g1", "g3"]);
}

#[tokio::test]
async fn o11_the_legal_entity_of_the_token_wins() {
    let shop = shop_with_legal_entities().await;
    for query in ["", "?legalEntityId=le2", "?legalEntityId=le1"] {
        assert_eq!(seen(&shop, Caller::CustomerFor("c1", "le1"), query).await, ["g1", "g3"], "{query}");
    }
    assert_eq!(seen(&shop, Caller::CustomerFor("c2", "le2"), "").await, ["g1"], "a customer of one legal entity");
}

#[tokio::test]
async fn l07_x09_totals_and_pages_know_only_what_the_caller_may_see() {
    let shop = Shop::open().await;
    let active = |number: usize| with(named(&format!("s{number:03}")), json!({ "status": "ACTIVE" }));
    shop.create_all(&(0..61).map(active).collect::<Vec<_>>()).await;
    shop.create_all(&[named("off")]).await;
    for segment in ["s007", "s059", "off"] {
        shop.join(segment, "c1").await;
        shop.assign(segment, "PRODUCT", "p1").await;
    }
    for (path, expected, total) in [
        ("?pageSize=1", ["s007"].as_slice(), "2"),
        ("?pageSize=1&pageNumber=2", &["s059"], "2"),
        ("?sort=id:desc", &["s059", "s007"], "2"),
        ("?q=id:(s001,s007)", &["s007"], "1"),
        ("?q=status:INACTIVE", &[], "0"),
        ("/items", &["s007", "s059"], "2"),
        ("/items?onlyActive=false&q=item.id:p1", &["s007", "s059"], "2"),
        ("/items?siteCode=elsewhere", &[], "0"),
        ("/off/items", &[], "0"),
    ] {
        let answer = shop.get(path).by(Caller::Customer("c1")).header("X-Total-Count", "true").await.expect(200);
        assert_eq!(
            (segments(&answer).as_slice(), answer.header("X-Total-Count")),
            (&*own(expected), Some(total)),
            "{path}"
        );
    }
}

fn own(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

#[tokio::test]
async fn x06_customers_see_their_own_assignments_and_may_not_search() {
    let shop = shop_with_customers().await;
    shop.join("g1", "c2").await;
    shop.join("g1", "c1/le1").await;
    let rows = async |caller: Caller, segment: &str| {
        let answer = shop.get(&format!("/{segment}/customers")).by(caller).await.expect(200);
        answer.rows().iter().map(|row| row["customer"]["id"].as_str().expect("an id").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(rows(Caller::Customer("c1"), "g1").await, ["c1", "c1"]);
    assert_eq!(rows(Caller::Customer("c2"), "g1").await, ["c2"]);
    assert_eq!(rows(Caller::Customer("c1"), "g2").await.len(), 0, "the segment is not active");
    assert_eq!(rows(Caller::Customer("c1"), "g3").await.len(), 0);
    assert_eq!(rows(Caller::Reader, "g1").await, ["c1", "c1", "c2"]);
    shop.post("/g1/customers/search", &json!({})).by(Caller::Customer("c1")).await.error(403);
    for path in ["/g1/customers/c1", "/g1/customers/c1/le1"] {
        shop.get(path).by(Caller::Customer("c1")).await.error(403);
        shop.get(path).by(Caller::Reader).await.expect(200);
    }
}

#[tokio::test]
async fn me_is_the_list_of_the_calling_customer_whatever_else_they_may_read() {
    let shop = shop_with_customers().await;
    assert_eq!(seen(&shop, Caller::ReadingCustomer("c2"), "").await, ["g1", "g2", "g3", "g4"]);
    assert_eq!(seen(&shop, Caller::ReadingCustomer("c2"), "/me").await, ["g3"]);
    for caller in [Caller::Reader, Caller::Manager] {
        shop.get("/me").by(caller).await.error(403);
    }
}

#[tokio::test]
async fn tenants_with_the_same_customers_do_not_see_one_another() {
    let (one, other) = (shop_with_customers().await, shop_with_legal_entities().await);
    assert_eq!(seen(&one, Caller::Customer("c1"), "").await, ["g1"]);
    assert_eq!(seen(&other, Caller::Customer("c1"), "").await, ["g1", "g2", "g3"]);
    one.delete("/g1?forceDelete=true").await.empty(204);
    assert_eq!(seen(&one, Caller::Customer("c1"), "").await.len(), 0);
    assert_eq!(seen(&other, Caller::Customer("c1"), "").await, ["g1", "g2", "g3"]);
    one.get("").by(Caller::OfTenant(other.tenant.clone())).await.error(403);
}
