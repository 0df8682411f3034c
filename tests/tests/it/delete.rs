//! Cases D: `DELETE /segments/{segmentId}`.

use e2e::{
    Caller, Shop,
    samples::{golden, golden_without_id},
};
use reqwest::Method;
use serde_json::json;

async fn shop_with_golden() -> Shop {
    let shop = Shop::open().await;
    shop.create(golden()).await;
    shop
}

#[tokio::test]
async fn d01_what_is_deleted_is_gone() {
    let shop = shop_with_golden().await;
    shop.delete("/g1").by(Caller::Manager).await.empty(204);
    shop.get("/g1").await.error(404);
    assert_eq!(shop.get("").await.expect(200).json(), json!([]));
}

#[tokio::test]
async fn d02_what_is_not_there_is_deleted_already() {
    let shop = Shop::open().await;
    shop.delete("/nope").await.empty(204);
    shop.delete("/nope?forceDelete=true").await.empty(204);
}

#[tokio::test]
async fn d03_a_segment_with_assignments_is_kept() {
    let shop = shop_with_golden().await;
    shop.assign("g1", "PRODUCT", "p1").await;
    for query in ["", "?forceDelete=false"] {
        let error = shop.delete(&format!("/g1{query}")).await.error(400);
        assert_eq!(error["details"]["type"], "hasAssignments");
    }
    shop.segment("g1").await;
    shop.ask(Method::DELETE, "/g1/items/PRODUCT/p1").await.empty(204);
    shop.delete("/g1").await.empty(204);
}

#[tokio::test]
async fn d04_force_deletes_the_assignments_too() {
    let shop = shop_with_golden().await;
    shop.assign("g1", "PRODUCT", "p1").await;
    shop.assign("g1", "CATEGORY", "c1").await;
    shop.delete("/g1?forceDelete=true").await.empty(204);
    assert_eq!(shop.get("/items").await.expect(200).json(), json!([]));
    shop.get("/g1/items/PRODUCT/p1").await.error(404);
}

#[tokio::test]
async fn d05_force_is_true_or_false() {
    let shop = shop_with_golden().await;
    shop.delete("/g1?forceDelete=maybe").await.error(400);
    shop.segment("g1").await;
    shop.delete("/g1?forceDelete=TRUE").await.empty(204);
}

#[tokio::test]
async fn d06_a_new_segment_has_nothing_of_the_old_one() {
    let shop = shop_with_golden().await;
    shop.put("/g1", &golden_without_id()).await.empty(204);
    shop.assign("g1", "PRODUCT", "p1").await;
    let before = shop.segment("g1").await["metadata"].clone();
    shop.delete("/g1?forceDelete=true").await.empty(204);
    shop.create(golden()).await;
    let after = shop.segment("g1").await["metadata"].clone();
    assert_eq!((&before["version"], &after["version"]), (&json!(2), &json!(1)));
    assert!(after["createdAt"].as_str() >= before["modifiedAt"].as_str());
    assert_eq!(shop.get("/g1/items").await.expect(200).json(), json!([]));
    shop.delete("/g1").await.empty(204);
}
