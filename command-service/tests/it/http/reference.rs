//! Writing reference data: 207 with a result for each entry, and the records that come of it.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use serde_json::{Value, json};
use shared::{
    consistency::{Place, Positions},
    log::Partition,
    reference::{MAX_RECORD_BYTES, ReferenceLog as _},
};

use super::service::{Answered, Service};

async fn bulk(service: &Service, method: &str, kind: &str, body: Value) -> Answered {
    service.ask(method, &format!("/reference/acme/{kind}/bulk")).json(&body).await
}

fn codes(answer: &Answered) -> Vec<u64> {
    let results = answer.body.as_array().unwrap_or_else(|| panic!("{answer:?}"));
    results.iter().map(|result| result["code"].as_u64().expect("a code")).collect()
}

/// What is written, by key; null for what was removed.
async fn written(service: &Service) -> BTreeMap<String, Value> {
    let end = service.reference.end(Partition::new(0)).await.expect("an end");
    let mut state = BTreeMap::new();
    if end == 0 {
        return state;
    }
    let mut tail = service.reference.tail(vec![(Partition::new(0), 0)]);
    while let Some(record) = tail.next().await {
        let record = record.expect("a record");
        let value = record.value.as_deref().map_or(Value::Null, |json| serde_json::from_slice(json).expect("JSON"));
        state.insert(record.key.clone().expect("a key"), value);
        if record.offset + 1 == end {
            break;
        }
    }
    state
}

#[tokio::test]
async fn every_kind_is_written_under_its_key() {
    let service = Service::start().await;
    let category = json!({
        "id": "k1", "parentId": "k0", "code": "SHOES", "name": { "en": "Shoes" }, "localizedSlug": { "en": "shoes" },
        "localizedDescription": { "en": "All" }, "ecn": ["1"], "position": 2, "published": true,
        "validity": { "from": "2024-04-17T08:00:00.000Z" },
    });
    let entries = [
        ("customer", "c1", json!({ "id": "c1", "firstName": "A", "lastName": "B", "email": "a@b.example" })),
        ("legalEntity", "le1", json!({ "id": "le1", "name": "ACME" })),
        ("product", "p1", json!({ "id": "p1", "code": "P", "name": { "en": "Bag", "de": "Tasche" } })),
        ("category", "k1", category),
        ("productCategory", "p1/k1", json!({ "productId": "p1", "categoryId": "k1" })),
    ];
    for (kind, id, entry) in &entries {
        let answer = bulk(&service, "PUT", kind, json!([entry])).await;
        let expected = json!([{ "index": 1, "id": id, "code": 204, "status": "OK" }]);
        assert_eq!((answer.status, &answer.body), (207, &expected), "{kind}");
        let end = service.reference.end(Partition::new(0)).await.expect("an end");
        assert_eq!(answer.positions(), Positions::at(Place::Reference(Partition::new(0)), end), "{kind}");
    }
    let state = written(&service).await;
    assert_eq!(state.len(), entries.len());
    for (kind, id, entry) in entries {
        assert_eq!(state[&format!("acme/{kind}/{id}")], entry, "{kind}");
    }
}

#[tokio::test]
async fn the_last_of_several_entries_of_one_id_counts() {
    let service = Service::start().await;
    let of = |code: &str| json!({ "id": "p1", "code": code });
    assert_eq!(codes(&bulk(&service, "PUT", "product", json!([of("a"), of("b")])).await), [204, 204]);
    assert_eq!(written(&service).await["acme/product/p1"]["code"], "b");
}

#[tokio::test]
async fn entries_are_removed_by_text_or_object_whether_they_are_there_or_not() {
    let service = Service::start().await;
    bulk(&service, "PUT", "product", json!([{ "id": "p1" }, { "id": "p2" }])).await;
    let answer = bulk(&service, "DELETE", "product", json!(["p1", { "id": "p2", "code": "x" }, "never"])).await;
    assert_eq!(codes(&answer), [204, 204, 204], "{answer:?}");
    let pairs = json!(["p1/k1", { "productId": "p1", "categoryId": "k2" }]);
    assert_eq!(codes(&bulk(&service, "DELETE", "productCategory", pairs).await), [204, 204]);
    let state = written(&service).await;
    assert!(state.values().all(Value::is_null), "{state:?}");
    let keys = ["never", "p1", "p2"].map(|id| format!("acme/product/{id}"));
    let pairs = ["k1", "k2"].map(|id| format!("acme/productCategory/p1/{id}"));
    assert_eq!(state.into_keys().collect::<Vec<_>>(), [&keys[..], &pairs[..]].concat());
}

#[tokio::test]
async fn entries_that_are_none_are_refused_one_by_one_and_the_others_written() {
    let service = Service::start().await;
    let large = "x".repeat(MAX_RECORD_BYTES);
    let entries = json!([
        { "id": "good" }, null, "good", {}, { "id": "" }, { "id": "a/b" }, { "id": "p", "code": 5 },
        { "id": "p", "name": "plain" }, { "id": "p", "name": { "en": "a\u{0}b" } }, { "id": "p", "code": "x".repeat(501) },
        { "id": "p", "name": { "en": large } }, { "id": "also good", "extra": { "deep": [] } },
    ]);
    let answer = bulk(&service, "PUT", "product", entries).await;
    let mut expected = [400; 12];
    (expected[0], expected[11]) = (204, 204);
    assert_eq!(codes(&answer), expected, "{}", answer.body);
    let refused = &answer.body[8];
    assert_eq!((&refused["id"], &refused["status"]), (&json!("p"), &json!("Bad Request")), "the id is shown");
    assert!(refused["message"].as_str().is_some_and(|message| message.contains("U+0000")), "{refused}");
    assert_eq!(
        written(&service).await.into_keys().collect::<Vec<_>>(),
        ["acme/product/also good", "acme/product/good"]
    );

    let own_parent = json!([{ "id": "k1", "parentId": "k1" }]);
    assert_eq!(codes(&bulk(&service, "PUT", "category", own_parent).await), [400]);
    assert_eq!(codes(&bulk(&service, "DELETE", "product", json!([5, null, {}, "a/b"])).await), [400; 4]);
    assert_eq!(
        codes(&bulk(&service, "DELETE", "productCategory", json!(["p1", { "productId": "p1" }])).await),
        [400; 2]
    );
}

#[tokio::test]
async fn the_list_as_a_whole_is_accepted_or_refused() {
    let service = Service::start().await;
    let many = |count: usize| Value::from((0..count).map(|id| json!({ "id": id.to_string() })).collect::<Vec<_>>());
    for (case, kind, body, expected) in [
        ("a kind that is none", "segment", many(1), 400),
        ("a kind in other letters", "Product", many(1), 400),
        ("201 entries", "product", many(201), 400),
        ("an object", "product", json!({ "id": "p1" }), 400),
        ("200 entries", "product", many(200), 207),
        ("none", "product", json!([]), 207),
    ] {
        assert_eq!(bulk(&service, "PUT", kind, body).await.status, expected, "{case}");
    }
    assert_eq!(written(&service).await.len(), 200);
    let without = service.ask("PUT", "/reference/acme/product/bulk").send().await;
    assert_eq!(without.status, 400, "a body is required");
}

#[tokio::test]
async fn only_managers_of_the_tenant_may_write_and_nobody_may_read_here() {
    let service = Service::start().await;
    let path = "/reference/acme/product/bulk";
    let reader = format!("Bearer {}", service.token("customersegment.segment_read"));
    let asked = |path: &str| service.ask_plainly("PUT", path);
    assert_eq!(asked(path).json(&json!([])).await.status, 401);
    assert_eq!(asked(path).header("Authorization", &reader).json(&json!([])).await.status, 403);
    assert_eq!(service.ask("PUT", "/reference/other/product/bulk").json(&json!([])).await.status, 403);
    let got = service.ask("GET", path).send().await;
    assert_eq!((got.status, got.header("Allow")), (405, Some("PUT, DELETE")));
    assert_eq!(service.ask("PUT", "/reference/acme/product/p1").json(&json!({})).await.status, 404);
}
