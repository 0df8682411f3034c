//! Cases P: `PUT /segments/{segmentId}`.

use e2e::{
    Caller, Shop,
    samples::{golden, golden_without_id, with, without},
};
use serde_json::{Value, json};

const CHANGED: &str = "The resource you are attempting to access has changed.";

async fn shop_with_golden() -> Shop {
    let shop = Shop::open().await;
    shop.create(golden()).await;
    shop
}

fn at_version(version: u64) -> Value {
    with(golden_without_id(), json!({ "metadata": { "version": version } }))
}

#[tokio::test]
async fn p01_a_put_creates_what_is_not_there() {
    let shop = Shop::open().await;
    let answer = shop.put("/g1", &golden_without_id()).by(Caller::Manager).await.expect(201);
    assert_eq!(answer.json(), json!({ "id": "g1" }));
    let mut segment = shop.segment("g1").await;
    segment.as_object_mut().expect("an object").remove("metadata");
    assert_eq!(segment, golden());
}

#[tokio::test]
async fn p02_a_put_replaces_what_is_there() {
    let shop = Shop::open().await;
    shop.put("/g1", &golden_without_id()).await.expect(201);
    let before = shop.segment("g1").await["metadata"].clone();
    shop.put("/g1", &golden_without_id()).await.empty(204);
    let after = shop.segment("g1").await["metadata"].clone();
    assert_eq!((&after["version"], &after["createdAt"]), (&json!(2), &before["createdAt"]));
    assert!(after["modifiedAt"].as_str() >= before["modifiedAt"].as_str(), "{before} {after}");
}

#[tokio::test]
async fn p03_what_a_put_leaves_out_is_gone() {
    let shop = Shop::open().await;
    let more = json!({ "mixins": { "m": 1 }, "metadata": { "mixins": { "m": "https://x.example" } } });
    shop.create(with(golden(), more)).await;
    let bare = json!({ "name": { "en": "x" }, "siteCode": "main", "status": "ACTIVE" });
    shop.put("/g1", &bare).await.empty(204);
    let segment = shop.segment("g1").await;
    for gone in ["description", "validity", "mixins"] {
        assert_eq!(segment.get(gone), None, "{gone}");
    }
    assert_eq!(segment["metadata"].get("mixins"), None);
}

#[tokio::test]
async fn p04_without_status_an_active_segment_becomes_inactive() {
    let shop = shop_with_golden().await;
    shop.put("/g1", &without(golden_without_id(), "status")).await.empty(204);
    assert_eq!(shop.segment("g1").await["status"], "INACTIVE");
}

#[tokio::test]
async fn p05_a_stale_version_is_a_conflict_and_changes_nothing() {
    let shop = shop_with_golden().await;
    shop.put("/g1", &golden_without_id()).await.empty(204);
    let before = shop.segment("g1").await;
    for version in [1, 3] {
        let error = shop.put("/g1", &with(at_version(version), json!({ "siteCode": "other" }))).await.error(409);
        assert_eq!((&error["message"], &error["resourceId"]), (&json!(CHANGED), &json!("g1")));
    }
    assert_eq!(shop.segment("g1").await, before);
    shop.put("/g1", &with(golden_without_id(), json!({ "metadata": { "version": "2" } }))).await.error(400);
}

#[tokio::test]
async fn p06_the_current_version_is_accepted() {
    let shop = shop_with_golden().await;
    shop.put("/g1", &at_version(1)).await.empty(204);
    assert_eq!(shop.segment("g1").await["metadata"]["version"], 2);
}

#[tokio::test]
async fn p07_without_a_version_the_last_write_wins() {
    let shop = shop_with_golden().await;
    shop.put("/g1", &at_version(1)).await.empty(204);
    shop.put("/g1", &with(golden_without_id(), json!({ "siteCode": "last" }))).await.empty(204);
    assert_eq!(shop.segment("g1").await["siteCode"], "last");
}

#[tokio::test]
async fn p08_the_same_content_again_is_a_new_version() {
    let shop = shop_with_golden().await;
    for expected in [2, 3] {
        shop.put("/g1", &golden_without_id()).await.empty(204);
        assert_eq!(shop.segment("g1").await["metadata"]["version"], expected);
    }
    shop.put("/g1", &at_version(3)).await.empty(204);
    assert_eq!(shop.segment("g1").await["metadata"]["version"], 4);
}

#[tokio::test]
async fn p09_a_version_does_not_matter_to_a_create() {
    let shop = Shop::open().await;
    shop.put("/g1", &at_version(7)).await.expect(201);
    assert_eq!(shop.segment("g1").await["metadata"]["version"], 1);
}

#[tokio::test]
async fn p10_of_two_puts_at_once_one_wins() {
    let shop = shop_with_golden().await;
    for version in 1..=5 {
        let body = at_version(version);
        let put = || async { shop.put("/g1", &body).await.status };
        let (one, other) = tokio::join!(put(), put());
        let mut statuses = [one, other];
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 409]);
    }
    assert_eq!(shop.segment("g1").await["metadata"]["version"], 6);
}

#[tokio::test]
async fn p11_a_put_keeps_assignments() {
    let shop = shop_with_golden().await;
    shop.assign("g1", "PRODUCT", "p1").await;
    shop.put("/g1", &golden_without_id()).await.empty(204);
    assert_eq!(shop.get("/g1/items").await.expect(200).rows().len(), 1);
}

#[tokio::test]
async fn p12_the_body_may_not_name_another_id() {
    let shop = Shop::open().await;
    let error = shop.put("/g2", &golden()).await.error(400);
    assert_eq!(error["details"]["field"], "id");
    shop.get("/g2").await.error(404);
    shop.put("/g1", &golden()).await.expect(201);
}

#[tokio::test]
async fn a_put_is_checked_like_a_post() {
    let shop = shop_with_golden().await;
    for id in ["g1", "new"] {
        for member in ["name", "siteCode"] {
            shop.put(&format!("/{id}"), &without(golden_without_id(), member)).await.error(400);
        }
        shop.put(&format!("/{id}"), &json!([])).await.error(400);
    }
    let plain = with(golden_without_id(), json!({ "name": "Gold" }));
    shop.put("/g1", &plain).header("Content-Language", "de").await.empty(204);
    assert_eq!(shop.segment("g1").await["name"], json!({ "de": "Gold" }), "a plain text replaces the whole map");
}
