//! Cases T: `PATCH /segments/{segmentId}`.

use e2e::{
    Caller, Shop,
    samples::{golden, named, with},
};
use reqwest::Method;
use serde_json::{Value, json};

async fn shop_with_golden() -> Shop {
    let shop = Shop::open().await;
    let mixins = json!({ "mixins": { "a": { "b": 1, "list": [1, 2] }, "x/y": 1 } });
    shop.create(with(golden(), mixins)).await;
    shop
}

/// Patches `g1`, which must succeed, and gives it.
async fn patched(shop: &Shop, operations: Value) -> Value {
    shop.patch("/g1", &operations).by(Caller::Manager).await.empty(204);
    shop.segment("g1").await
}

/// Patches `g1`, which must be refused and change nothing.
async fn refused(shop: &Shop, operations: Value) {
    let before = shop.segment("g1").await;
    shop.patch("/g1", &operations).await.error(400);
    assert_eq!(shop.segment("g1").await, before, "{operations}");
}

fn replace(path: &str, value: Value) -> Value {
    json!({ "op": "replace", "path": path, "value": value })
}

fn add(path: &str, value: Value) -> Value {
    json!({ "op": "add", "path": path, "value": value })
}

fn remove(path: &str) -> Value {
    json!({ "op": "remove", "path": path })
}

#[tokio::test]
async fn t01_the_status_is_replaced() {
    let shop = shop_with_golden().await;
    let segment = patched(&shop, json!([replace("/status", json!("INACTIVE"))])).await;
    assert_eq!((&segment["status"], &segment["metadata"]["version"]), (&json!("INACTIVE"), &json!(2)));
    assert_eq!(segment["description"], golden()["description"], "the rest stays");
}

#[tokio::test]
async fn t02_the_name_is_replaced() {
    let shop = shop_with_golden().await;
    let name = json!({ "fr": "Or" });
    assert_eq!(patched(&shop, json!([replace("/name", name.clone())])).await["name"], name);
}

#[tokio::test]
async fn t03_a_translation_is_added() {
    let shop = shop_with_golden().await;
    let segment = patched(&shop, json!([add("/name/de", json!("Gold"))])).await;
    assert_eq!(segment["name"], json!({ "en": "Golden Segment", "de": "Gold" }));
}

#[tokio::test]
async fn t04_the_description_is_removed() {
    let shop = shop_with_golden().await;
    assert_eq!(patched(&shop, json!([remove("/description")])).await.get("description"), None);
}

#[tokio::test]
async fn t05_a_number_in_a_mixin_is_replaced() {
    let shop = shop_with_golden().await;
    let segment = patched(&shop, json!([replace("/mixins/a/b", json!(2.5))])).await;
    assert_eq!(segment["mixins"]["a"], json!({ "b": 2.5, "list": [1, 2] }));
}

#[tokio::test]
async fn t06_only_three_operations_are_known() {
    let shop = shop_with_golden().await;
    for operation in [
        json!({ "op": "test", "path": "/status", "value": "ACTIVE" }),
        json!({ "op": "move", "from": "/description", "path": "/name" }),
        json!({ "op": "copy", "from": "/name", "path": "/description" }),
        json!({ "op": "REPLACE", "path": "/status", "value": "INACTIVE" }),
        json!({ "path": "/status", "value": "INACTIVE" }),
        json!({ "op": "replace", "value": "INACTIVE" }),
        json!({ "op": "replace", "path": "/status" }),
        json!({ "op": "replace", "path": "status", "value": "INACTIVE" }),
        json!("replace"),
        json!(null),
    ] {
        refused(&shop, json!([operation])).await;
    }
}

#[tokio::test]
async fn t07_an_unknown_segment_is_not_found() {
    let shop = Shop::open().await;
    let error = shop.patch("/nope", &json!([replace("/status", json!("ACTIVE"))])).await.error(404);
    assert_eq!(error["message"], "The resource with id nope has not been found.");
    shop.patch("/nope", &json!([replace("/nope", json!(1))])).await.error(400);
}

#[tokio::test]
async fn t08_only_what_is_there_can_be_replaced_or_removed() {
    let shop = shop_with_golden().await;
    for operation in [
        replace("/name/de", json!("x")),
        replace("/mixins/none", json!(1)),
        remove("/mixins/a/none"),
        remove("/mixins/a/list/2"),
        add("/mixins/none/deeper", json!(1)),
    ] {
        refused(&shop, json!([operation])).await;
    }
}

#[tokio::test]
async fn t09_what_is_required_cannot_be_removed() {
    let shop = shop_with_golden().await;
    refused(&shop, json!([remove("/name")])).await;
    refused(&shop, json!([remove("/siteCode")])).await;
    refused(&shop, json!([remove("/name/en")])).await;
    assert_eq!(patched(&shop, json!([remove("/status")])).await["status"], "INACTIVE");
}

#[tokio::test]
async fn t10_some_members_are_not_for_clients() {
    let shop = shop_with_golden().await;
    for path in ["/id", "/metadata/version", "/metadata/createdAt", "/metadata", "/unknown", "", "/metadata/modifiedAt"]
    {
        refused(&shop, json!([replace(path, json!("x"))])).await;
        refused(&shop, json!([add(path, json!(9))])).await;
    }
}

#[tokio::test]
async fn t11_one_bad_operation_undoes_them_all() {
    let shop = shop_with_golden().await;
    refused(&shop, json!([replace("/status", json!("INACTIVE")), remove("/mixins/none")])).await;
    refused(&shop, json!([replace("/siteCode", json!("x")), replace("/status", json!("active"))])).await;
    assert_eq!(shop.segment("g1").await["metadata"]["version"], 1);
}

#[tokio::test]
async fn t12_a_patch_is_a_list() {
    let shop = shop_with_golden().await;
    for body in [json!({ "status": "INACTIVE" }), json!("x"), replace("/status", json!("INACTIVE"))] {
        refused(&shop, body).await;
    }
}

#[tokio::test]
async fn t13_slashes_and_tildes_are_escaped() {
    let shop = shop_with_golden().await;
    let segment = patched(&shop, json!([replace("/mixins/x~1y", json!(2)), add("/mixins/t~0t", json!(3))])).await;
    assert_eq!((&segment["mixins"]["x/y"], &segment["mixins"]["t~t"]), (&json!(2), &json!(3)));
}

#[tokio::test]
async fn t14_a_patch_is_one_version() {
    let shop = shop_with_golden().await;
    let two = json!([replace("/status", json!("INACTIVE")), remove("/description")]);
    assert_eq!(patched(&shop, two).await["metadata"]["version"], 2);
    assert_eq!(patched(&shop, json!([])).await["metadata"]["version"], 2, "nothing is no version");
}

#[tokio::test]
async fn missing_parents_of_some_paths_are_made() {
    let shop = Shop::open().await;
    shop.create(with(named("g1"), json!({}))).await;
    let operations = json!([
        add("/mixins/a", json!([])),
        add("/mixins/a/-", json!(1)),
        add("/description/en", json!("text")),
        add("/validity/to", json!("2030-01-01T00:00:00Z")),
        add("/metadata/mixins/a", json!("https://x.example")),
    ]);
    let segment = patched(&shop, operations).await;
    assert_eq!(segment["mixins"], json!({ "a": [1] }));
    assert_eq!(segment["description"], json!({ "en": "text" }));
    assert_eq!(segment["validity"], json!({ "to": "2030-01-01T00:00:00.000Z" }));
    assert_eq!(segment["metadata"]["mixins"], json!({ "a": "https://x.example" }));
}

#[tokio::test]
async fn a_plain_text_sets_one_language() {
    let shop = shop_with_golden().await;
    let operations = json!([replace("/name", json!("Gold"))]);
    shop.patch("/g1", &operations).header("Content-Language", "de").await.empty(204);
    assert_eq!(shop.segment("g1").await["name"], json!({ "en": "Golden Segment", "de": "Gold" }));
}

#[tokio::test]
async fn both_media_types_are_taken() {
    let shop = shop_with_golden().await;
    let operations = json!([replace("/status", json!("INACTIVE"))]).to_string();
    let as_patch = shop.ask(Method::PATCH, "/g1").body("application/json-patch+json", operations.clone());
    as_patch.await.empty(204);
    shop.ask(Method::PATCH, "/g1").body("application/merge-patch+json", operations).await.error(415);
    shop.ask(Method::PUT, "/g1").body("application/json-patch+json", golden().to_string()).await.error(415);
}
