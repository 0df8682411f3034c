//! `Idempotency-Key`: the same request again is answered again, and nothing is done twice.

use e2e::{
    Answer, Caller, Shop, Signer,
    samples::{golden, golden_without_id, named, with},
};
use reqwest::Method;
use serde_json::{Value, json};

async fn keyed(shop: &Shop, method: Method, path: &str, key: &str, body: &Value) -> Answer {
    shop.ask(method, path).header("Idempotency-Key", key).json(body).await
}

#[tokio::test]
async fn a_repeated_create_is_answered_again_and_done_once() {
    let shop = Shop::open().await;
    let body = golden_without_id();
    let first = keyed(&shop, Method::POST, "", "k1", &body).await.expect(201);
    let again = keyed(&shop, Method::POST, "", "k1", &body).await.expect(201);
    let other = keyed(&shop, Method::POST, "", "k2", &body).await.expect(201);
    assert_eq!((first.json(), first.etag()), (again.json(), again.etag()));
    assert_eq!((first.header("Idempotency-Replayed"), again.header("Idempotency-Replayed")), (None, Some("true")));
    assert_ne!(first.json(), other.json());
    assert_eq!(shop.get("").await.expect(200).rows().len(), 2);
}

#[tokio::test]
async fn every_kind_of_write_can_be_repeated() {
    let shop = Shop::open().await;
    let patch = json!([{ "op": "replace", "path": "/status", "value": "INACTIVE" }]);
    for (key, method, path, body, status) in [
        ("put-1", Method::PUT, "/g1", golden_without_id(), 201),
        ("put-2", Method::PUT, "/g1", golden_without_id(), 204),
        ("patch", Method::PATCH, "/g1", patch, 204),
        ("item", Method::PUT, "/g1/items/PRODUCT/p1", json!({}), 201),
        ("delete", Method::DELETE, "/g1?forceDelete=true", json!(null), 204),
        ("bulk", Method::POST, "/bulk", json!([named("b1"), golden_without_id()]), 207),
    ] {
        let first = keyed(&shop, method.clone(), path, key, &body).await.expect(status);
        let again = keyed(&shop, method, path, key, &body).await.expect(status);
        assert_eq!(again.header("Idempotency-Replayed"), Some("true"), "{key}");
        assert_eq!((first.text, first.headers.get("etag")), (again.text, again.headers.get("etag")), "{key}");
    }
    assert_eq!(shop.get("").await.expect(200).rows().len(), 2);
}

#[tokio::test]
async fn a_key_stands_for_one_request() {
    let shop = Shop::open().await;
    keyed(&shop, Method::PUT, "/g1", "k1", &golden_without_id()).await.expect(201);
    let changed = with(golden_without_id(), json!({ "status": "INACTIVE" }));
    let error = keyed(&shop, Method::PUT, "/g1", "k1", &changed).await.error(422);
    assert_eq!(error["message"], "The idempotency key was used for another request.");
    shop.delete("/g1").header("Idempotency-Key", "k1").await.error(422);
    assert_eq!(shop.segment("g1").await["metadata"]["version"], 1);

    let mut spelled_otherwise = golden_without_id();
    spelled_otherwise.sort_all_objects();
    keyed(&shop, Method::PUT, "/g1", "k1", &spelled_otherwise).await.expect(201);
}

#[tokio::test]
async fn two_requests_at_once_are_done_once() {
    let shop = Shop::open().await;
    let body = golden_without_id();
    let post = || keyed(&shop, Method::POST, "", "k1", &body);
    let (one, two, three) = tokio::join!(post(), post(), post());
    assert_eq!([one.status, two.status, three.status], [201; 3]);
    assert_eq!([&one.text, &two.text], [&three.text; 2]);
    assert_eq!(shop.get("").await.expect(200).rows().len(), 1);
}

#[tokio::test]
async fn a_refused_request_is_not_remembered() {
    let shop = Shop::open().await;
    let patch = json!([{ "op": "replace", "path": "/status", "value": "INACTIVE" }]);
    keyed(&shop, Method::PATCH, "/g1", "k1", &patch).await.error(404);
    shop.create(golden()).await;
    keyed(&shop, Method::PATCH, "/g1", "k1", &patch).await.empty(204);
}

#[tokio::test]
async fn a_key_belongs_to_one_client_of_one_tenant() {
    let (shop, other) = (Shop::open().await, Shop::open().await);
    let scope = "customersegment.segment_manage";
    let claims = json!({ "tenant": shop.tenant, "scope": scope, "azp": "another-client" });
    let another_client = Caller::Bearer(Signer::trusted().mint(&claims));
    let body = golden_without_id();
    let mine = keyed(&shop, Method::POST, "", "k1", &body).await.expect(201);
    let theirs = shop.post("", &body).header("Idempotency-Key", "k1").by(another_client).await.expect(201);
    let elsewhere = keyed(&other, Method::POST, "", "k1", &body).await.expect(201);
    for answer in [&theirs, &elsewhere] {
        assert_ne!(answer.json(), mine.json());
        assert_eq!(answer.header("Idempotency-Replayed"), None);
    }
}

#[tokio::test]
async fn keys_are_bounded() {
    let shop = Shop::open().await;
    for key in ["", &"k".repeat(256)] {
        keyed(&shop, Method::POST, "", key, &golden()).await.error(400);
    }
    keyed(&shop, Method::POST, "", &"k".repeat(255), &golden()).await.expect(201);
}
