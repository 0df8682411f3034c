//! Cases G: one segment; and the conditions of a GET.

use e2e::{
    Caller, Shop,
    samples::{golden, named, with},
};
use serde_json::json;

#[tokio::test]
async fn g01_a_segment_is_answered_as_it_was_written() {
    let shop = Shop::open().await;
    shop.create(golden()).await;
    let mut segment = shop.get("/g1").by(Caller::Reader).await.expect(200).json();
    let metadata = segment.as_object_mut().expect("an object").remove("metadata").expect("metadata");
    assert_eq!(segment, golden());
    assert_eq!(metadata["version"], 1);
    assert!(metadata.get("mixins").is_none(), "what is absent is left out");
}

#[tokio::test]
async fn g02_an_unknown_segment_is_not_found() {
    let shop = Shop::open().await;
    let error = shop.get("/nope").await.error(404);
    assert_eq!(error["message"], "The resource with id nope has not been found.");
    assert_eq!(error["resourceId"], "nope");
}

#[tokio::test]
async fn g03_a_tenant_without_segments_has_an_empty_list() {
    let shop = Shop::open().await;
    assert_eq!(shop.get("").await.expect(200).json(), json!([]));
    assert_eq!(shop.get("/items").await.expect(200).json(), json!([]));
}

#[tokio::test]
async fn g04_tenants_do_not_see_each_other() {
    let (one, other) = (Shop::open().await, Shop::open().await);
    one.create(golden()).await;
    other.create(with(golden(), json!({ "siteCode": "elsewhere" }))).await;
    one.delete("/g1").await.empty(204);
    one.get("/g1").await.error(404);
    assert_eq!(other.segment("g1").await["siteCode"], "elsewhere");
    assert_eq!(one.get("").await.expect(200).json(), json!([]));
}

#[tokio::test]
async fn one_language_can_be_asked_of_one_segment() {
    let shop = Shop::open().await;
    shop.create(with(named("s"), json!({ "name": { "en": "Gold", "de": "Goldig" } }))).await;
    let german = shop.get("/s").header("Accept-Language", "de-CH, en;q=0.5").await.expect(200).json();
    assert_eq!(german["name"], json!({ "de": "Goldig" }));
    let only = shop.get("/s?fields=name,metadata.version").await.expect(200).json();
    assert_eq!(only, json!({ "id": "s", "name": { "en": "Gold", "de": "Goldig" }, "metadata": { "version": 1 } }));
}
