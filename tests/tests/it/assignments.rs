//! Cases X that are about items.

use e2e::{
    Answer, Caller, Shop,
    samples::{golden, named, with},
};
use reqwest::Method;
use serde_json::{Value, json};

/// `g1` (active, main) has `p1`, `p2` and category `c1`; `g2` (inactive, second) has `p1`.
async fn shop_with_items() -> Shop {
    let shop = Shop::open().await;
    shop.create_all(&[golden(), with(named("g2"), json!({ "siteCode": "second" }))]).await;
    for (segment, kind, item) in
        [("g1", "PRODUCT", "p1"), ("g1", "PRODUCT", "p2"), ("g1", "CATEGORY", "c1"), ("g2", "PRODUCT", "p1")]
    {
        shop.assign(segment, kind, item).await;
    }
    shop
}

/// Segment, type and item of each row, sorted.
fn rows(answer: &Answer) -> Vec<String> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let named =
        |row: &Value| format!("{} {} {}", text(&row["segmentId"]), text(&row["type"]), text(&row["item"]["id"]));
    let mut rows: Vec<String> = answer.rows().iter().map(named).collect();
    rows.sort_unstable();
    rows
}

async fn list(shop: &Shop, path: &str) -> Vec<String> {
    rows(&shop.get(path).await.expect(200))
}

const G1_C1: &str = "g1 CATEGORY c1";
const G1_P1: &str = "g1 PRODUCT p1";
const G1_P2: &str = "g1 PRODUCT p2";
const G2_P1: &str = "g2 PRODUCT p1";

#[tokio::test]
async fn x07_an_item_is_assigned_by_put() {
    let shop = Shop::open().await;
    shop.create(golden()).await;
    let path = "/g1/items/PRODUCT/p1";
    shop.put(path, &json!({})).by(Caller::Manager).await.empty(201);
    let more = json!({ "mixins": { "m": { "n": 1 } }, "metadata": { "mixins": { "m": "https://x.example" } } });
    shop.put(path, &more).await.empty(204);
    let mut row = shop.get(path).await.expect(200).json();
    let metadata = row.as_object_mut().expect("an object").remove("metadata").expect("metadata");
    assert_eq!(
        row,
        json!({ "segmentId": "g1", "item": { "id": "p1" }, "type": "PRODUCT", "mixins": { "m": { "n": 1 } } })
    );
    assert_eq!((&metadata["version"], &metadata["mixins"]["m"]), (&json!(2), &json!("https://x.example")));
    for kind in ["product", "THING", "Product"] {
        shop.ask(Method::PUT, &format!("/g1/items/{kind}/p1")).await.error(400);
        shop.ask(Method::DELETE, &format!("/g1/items/{kind}/p1")).await.error(400);
        shop.get(&format!("/g1/items/{kind}/p1")).await.error(400);
    }
    shop.put(path, &json!({ "metadata": { "version": 1 } })).await.error(409);
    shop.put(path, &json!([])).await.error(400);
    shop.ask(Method::PUT, "/nope/items/PRODUCT/p1").await.error(400);
}

#[tokio::test]
async fn x08_items_are_filtered_by_type_and_segment() {
    let shop = shop_with_items().await;
    let find = async |q: &str| rows(&shop.get("/items").query("q", q).by(Caller::Reader).await.expect(200));
    assert_eq!(find("type:PRODUCT segmentId:(g1,g2)").await, [G1_P1, G1_P2, G2_P1]);
    assert_eq!(find("type:CATEGORY").await, [G1_C1]);
    assert_eq!(find("segmentId:g2").await, [G2_P1]);
    assert_eq!(find("item.id:p1").await, [G1_P1, G2_P1]);
    let counted = shop.get("/items?pageSize=3&pageNumber=2&sort=segmentId,item.id").header("X-Total-Count", "true");
    let counted = counted.await.expect(200);
    assert_eq!((rows(&counted), counted.header("X-Total-Count")), (vec![G2_P1.to_owned()], Some("4")));
}

#[tokio::test]
async fn x09_items_of_inactive_segments_can_be_left_out() {
    let shop = shop_with_items().await;
    assert_eq!(list(&shop, "/items?onlyActive=true").await, [G1_C1, G1_P1, G1_P2]);
    assert_eq!(list(&shop, "/items?onlyActive=false").await, [G1_C1, G1_P1, G1_P2, G2_P1]);
    assert_eq!(list(&shop, "/items").await, [G1_C1, G1_P1, G1_P2, G2_P1]);
    shop.get("/items?onlyActive=maybe").await.error(400);
    let patch = json!([{ "op": "replace", "path": "/status", "value": "ACTIVE" }]);
    shop.patch("/g2", &patch).await.empty(204);
    assert_eq!(list(&shop, "/items?onlyActive=true").await.len(), 4);
}

#[tokio::test]
async fn x10_items_are_filtered_by_the_site_of_their_segment() {
    let shop = shop_with_items().await;
    assert_eq!(list(&shop, "/items?siteCode=second").await, [G2_P1]);
    assert_eq!(list(&shop, "/items?siteCode=main").await.len(), 3);
    assert_eq!(list(&shop, "/items?siteCode=none").await.len(), 0);
}

#[tokio::test]
async fn x13_what_is_not_assigned_is_taken_away_already() {
    let shop = shop_with_items().await;
    shop.ask(Method::DELETE, "/g1/items/PRODUCT/nope").await.empty(204);
    shop.ask(Method::DELETE, "/nope/items/PRODUCT/p1").await.empty(204);
    let error = shop.get("/g1/items/PRODUCT/nope").await.error(404);
    assert_eq!(error["message"], "The resource with id nope has not been found.");
    shop.ask(Method::DELETE, "/g1/items/PRODUCT/p1").await.empty(204);
    shop.get("/g1/items/PRODUCT/p1").await.error(404);
    assert_eq!(list(&shop, "/g1/items").await, [G1_C1, G1_P2]);
    assert_eq!(shop.segment("g1").await["metadata"]["version"], 1, "the segment is not changed by its assignments");
}

#[tokio::test]
async fn items_of_one_segment_are_listed_and_searched() {
    let shop = shop_with_items().await;
    assert_eq!(list(&shop, "/g1/items").await, [G1_C1, G1_P1, G1_P2]);
    assert_eq!(list(&shop, "/g1/items?q=type:PRODUCT").await, [G1_P1, G1_P2]);
    assert_eq!(list(&shop, "/nope/items").await.len(), 0);
    let found = shop.post("/g1/items/search", &json!({ "q": "item.id:~^p" })).await.expect(200);
    assert_eq!(rows(&found), [G1_P1, G1_P2]);
    assert_eq!(rows(&shop.ask(Method::POST, "/g1/items/search").await.expect(200)).len(), 3);
}

#[tokio::test]
async fn many_items_are_assigned_at_once() {
    let shop = Shop::open().await;
    shop.create(golden()).await;
    let path = "/g1/items/PRODUCT/bulk";
    let items = json!([{ "id": "p1" }, {}, { "id": "p1", "mixins": { "m": 1 } }, "p2"]);
    let answer = shop.put(path, &items).await.expect(207);
    assert_eq!(answer.column("code"), [201, 400, 204, 400]);
    assert_eq!(answer.rows()[0], json!({ "index": 1, "code": 201, "status": "Created" }));
    assert_eq!(shop.get("/g1/items/PRODUCT/p1").await.expect(200).json()["metadata"]["version"], 2);

    let many: Value = (0..200).map(|number| json!({ "id": format!("m{number}") })).collect();
    assert_eq!(shop.put(path, &many).await.expect(207).rows().len(), 200);
    let too_many: Value = (0..201).map(|number| json!({ "id": format!("n{number}") })).collect();
    shop.put(path, &too_many).await.error(400);
    shop.put("/nope/items/PRODUCT/bulk", &many).await.error(400);
    shop.put("/g1/items/product/bulk", &many).await.error(400);
    assert_eq!(shop.get("/g1/items?pageSize=2000").await.expect(200).rows().len(), 201);

    let answer = shop.delete(path).json(&json!(["p1", { "id": "m0" }, "nope", 5])).await.expect(207);
    assert_eq!(answer.column("code"), [204, 204, 204, 400]);
    assert_eq!(shop.get("/g1/items?pageSize=2000").await.expect(200).rows().len(), 199);
    let of_nothing = shop.delete("/nope/items/PRODUCT/bulk").json(&json!(["p1", "p2"])).await.expect(207);
    assert_eq!(of_nothing.column("code"), [204, 204]);
}

#[tokio::test]
async fn items_are_matched_by_their_tags() {
    let shop = shop_with_items().await;
    let path = "/g1/items/PRODUCT/p1";
    let tag = shop.get(path).await.expect(200).etag();
    assert_eq!(shop.get(path).header("If-None-Match", &tag).await.empty(304).etag(), tag);
    shop.put(path, &json!({})).header("If-Match", "\"00000000.9\"").await.error(412);
    let changed = shop.put(path, &json!({})).header("If-Match", &tag).await.empty(204).etag();
    assert_ne!(changed, tag);
}
