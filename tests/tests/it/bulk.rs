//! Cases B: up to 200 segments at once.

use e2e::{
    Answer, Caller, Shop,
    samples::{golden, golden_without_id, named, with, without},
};
use reqwest::Method;
use serde_json::{Value, json};

const INVALID: &str = "Validation problem with request body.";
const EXISTS: &str = "The resource already exists.";
const CHANGED: &str = "The resource you are attempting to access has changed.";

async fn post(shop: &Shop, items: Value) -> Answer {
    shop.post("/bulk", &items).by(Caller::Manager).await.expect(207)
}

async fn put(shop: &Shop, items: Value) -> Answer {
    shop.put("/bulk", &items).await.expect(207)
}

async fn delete(shop: &Shop, query: &str, ids: Value) -> Answer {
    shop.delete(&format!("/bulk{query}")).json(&ids).await.expect(207)
}

fn many(count: usize) -> Value {
    (0..count).map(|number| named(&format!("m{number}"))).collect()
}

fn created(index: usize, id: &str) -> Value {
    json!({ "index": index, "id": id, "code": 201, "status": "Created" })
}

fn done(index: usize, id: &str) -> Value {
    json!({ "index": index, "id": id, "code": 204, "status": "OK" })
}

#[tokio::test]
async fn b01_every_item_is_answered_counted_from_1() {
    let shop = Shop::open().await;
    let answer = post(&shop, json!([named("a"), named("b")])).await;
    assert_eq!(answer.json(), json!([created(1, "a"), created(2, "b")]));
    assert_eq!(shop.get("").await.expect(200).ids(), ["a", "b"]);
}

#[tokio::test]
async fn b02_a_bad_item_does_not_stop_the_others() {
    let shop = Shop::open().await;
    let answer = post(&shop, json!([named("a"), without(named("b"), "name"), named("c")])).await;
    let refused = json!({ "index": 2, "id": "b", "code": 400, "status": "Bad Request", "message": INVALID });
    assert_eq!(answer.json(), json!([created(1, "a"), refused, created(3, "c")]));
    assert_eq!(shop.get("").await.expect(200).ids(), ["a", "c"]);
}

#[tokio::test]
async fn b03_of_more_than_200_none_is_done() {
    let shop = Shop::open().await;
    shop.post("/bulk", &many(201)).await.error(400);
    shop.put("/bulk", &many(201)).await.error(400);
    let ids: Value = (0..201).map(|number| json!(format!("m{number}"))).collect();
    shop.delete("/bulk").json(&ids).await.error(400);
    assert_eq!(shop.get("").await.expect(200).json(), json!([]));
}

#[tokio::test]
async fn b04_200_are_done_in_order() {
    let shop = Shop::open().await;
    let answer = post(&shop, many(200)).await;
    let expected: Value = (0..200).map(|number| created(number + 1, &format!("m{number}"))).collect();
    assert_eq!(answer.json(), expected);
    assert_eq!(shop.get("?pageSize=2000").await.expect(200).rows().len(), 200);
}

#[tokio::test]
async fn b05_nothing_is_done_of_nothing() {
    let shop = Shop::open().await;
    assert_eq!(post(&shop, json!([])).await.json(), json!([]));
    assert_eq!(put(&shop, json!([])).await.json(), json!([]));
    assert_eq!(delete(&shop, "", json!([])).await.json(), json!([]));
}

#[tokio::test]
async fn b06_a_bulk_is_a_list() {
    let shop = Shop::open().await;
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        for body in [golden().to_string(), "\"g1\"".to_owned(), "[".to_owned(), String::new()] {
            shop.ask(method.clone(), "/bulk").body("application/json", body).await.error(400);
        }
    }
}

#[tokio::test]
async fn b07_the_same_id_again_is_a_conflict() {
    let shop = Shop::open().await;
    let answer = post(&shop, json!([named("a"), named("a")])).await;
    let conflict = json!({ "index": 2, "id": "a", "code": 409, "status": "Conflict", "message": EXISTS });
    assert_eq!(answer.json(), json!([created(1, "a"), conflict]));
}

#[tokio::test]
async fn b08_a_put_creates_and_replaces() {
    let shop = Shop::open().await;
    shop.create(named("old")).await;
    let answer = put(&shop, json!([named("new"), named("old"), named("new")])).await;
    assert_eq!(answer.json(), json!([created(1, "new"), done(2, "old"), done(3, "new")]));
    assert_eq!(shop.segment("new").await["metadata"]["version"], 2);
}

#[tokio::test]
async fn b09_a_stale_version_is_a_conflict_of_its_item() {
    let shop = Shop::open().await;
    shop.create_all(&[named("a"), named("b")]).await;
    let at = |id, version| with(named(id), json!({ "metadata": { "version": version } }));
    let answer = put(&shop, json!([at("a", 9), at("b", 1)])).await;
    let conflict = json!({ "index": 1, "id": "a", "code": 409, "status": "Conflict", "message": CHANGED });
    assert_eq!(answer.json(), json!([conflict, done(2, "b")]));
}

#[tokio::test]
async fn b10_a_put_without_id_creates() {
    let shop = Shop::open().await;
    let answer = put(&shop, json!([golden_without_id(), golden_without_id()])).await;
    assert_eq!(answer.column("code"), [201, 201]);
    let ids = answer.ids();
    assert_ne!(ids[0], ids[1]);
    for id in ids {
        shop.segment(&id).await;
    }
}

#[tokio::test]
async fn b11_a_delete_has_its_ids_in_the_body() {
    let shop = Shop::open().await;
    shop.create_all(&[named("a"), named("b"), named("c")]).await;
    shop.assign("b", "CATEGORY", "c1").await;
    let answer = delete(&shop, "", json!(["a", "nope", "b", "a", 5])).await;
    assert_eq!(answer.column("code"), [204, 204, 400, 204, 400]);
    assert_eq!(answer.rows()[0], done(1, "a"));
    assert_eq!((&answer.rows()[2]["id"], &answer.rows()[2]["status"]), (&json!("b"), &json!("Bad Request")));
    assert_eq!(shop.get("").await.expect(200).ids(), ["b", "c"]);
    assert_eq!(delete(&shop, "?forceDelete=true", json!(["b"])).await.json(), json!([done(1, "b")]));
    assert_eq!(shop.get("").await.expect(200).ids(), ["c"]);
    assert_eq!(shop.get("/items").await.expect(200).json(), json!([]));
}

#[tokio::test]
async fn b12_an_item_that_is_no_object_is_refused_by_itself() {
    let shop = Shop::open().await;
    let answer = post(&shop, json!([null, 5, named("a"), "text", [], named("bulk")])).await;
    assert_eq!(answer.column("code"), [400, 400, 201, 400, 400, 400]);
    assert_eq!(answer.rows()[0], json!({ "index": 1, "code": 400, "status": "Bad Request", "message": INVALID }));
    assert_eq!(shop.get("").await.expect(200).ids(), ["a"]);
}

#[tokio::test]
async fn a_bulk_takes_plain_texts_in_its_language() {
    let shop = Shop::open().await;
    let items = json!([{ "id": "a", "name": "Gold", "siteCode": "main" }]);
    shop.post("/bulk", &items).header("Content-Language", "de").await.expect(207);
    assert_eq!(shop.segment("a").await["name"], json!({ "de": "Gold" }));
    shop.post("/bulk", &items).header("Content-Language", "*").await.expect(207);
}
