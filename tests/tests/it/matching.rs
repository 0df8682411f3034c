//! Cases M: `POST /segments/match`, of products that are assigned directly. M02 and M03 are in `categories`.

use e2e::{
    Caller, Shop,
    samples::{golden, named, with},
};
use serde_json::{Value, json};

/// `g1` is active in `main` and has `p1` and `p2`; `off` is inactive and has `p3`.
async fn shop_with_products() -> Shop {
    let shop = Shop::open().await;
    shop.create_all(&[golden(), named("off")]).await;
    for (segment, kind, item) in
        [("g1", "PRODUCT", "p1"), ("g1", "PRODUCT", "p2"), ("off", "PRODUCT", "p3"), ("g1", "CATEGORY", "c1")]
    {
        shop.assign(segment, kind, item).await;
    }
    shop
}

fn question(products: &[&str], segments: &[&str], site: &str) -> Value {
    let items: Vec<Value> = products.iter().map(|id| json!({ "id": id })).collect();
    json!({ "items": items, "segmentIds": segments, "site": site })
}

async fn matched(shop: &Shop, question: Value) -> Value {
    shop.post("/match", &question).by(Caller::Manager).await.expect(200).json()
}

#[tokio::test]
async fn m01_a_product_of_the_segment_matches() {
    let shop = shop_with_products().await;
    assert_eq!(matched(&shop, question(&["p1", "p9"], &["g1"], "main")).await, json!([{ "id": "p1" }]));
}

#[tokio::test]
async fn m04_an_inactive_segment_matches_nothing() {
    let shop = shop_with_products().await;
    assert_eq!(matched(&shop, question(&["p3"], &["off"], "main")).await, json!([]));
}

#[tokio::test]
async fn m05_another_site_matches_nothing() {
    let shop = shop_with_products().await;
    assert_eq!(matched(&shop, question(&["p1"], &["g1"], "other")).await, json!([]));
}

#[tokio::test]
async fn m06_a_segment_that_is_not_asked_matches_nothing() {
    let shop = shop_with_products().await;
    assert_eq!(matched(&shop, question(&["p1"], &["off"], "main")).await, json!([]));
}

#[tokio::test]
async fn m07_the_site_goes_by_two_names() {
    let shop = shop_with_products().await;
    let site = |members: Value| with(json!({ "items": [{ "id": "p1" }], "segmentIds": ["g1"] }), members);
    for members in [json!({ "siteCode": "main" }), json!({ "site": "main", "siteCode": "main" })] {
        assert_eq!(matched(&shop, site(members)).await, json!([{ "id": "p1" }]));
    }
    for members in [json!({}), json!({ "site": "main", "siteCode": "other" }), json!({ "site": 5 })] {
        shop.post("/match", &site(members)).await.error(400);
    }
}

#[tokio::test]
async fn m08_items_and_segments_are_required_but_may_be_none() {
    let shop = shop_with_products().await;
    for body in [
        json!({ "segmentIds": ["g1"], "site": "main" }),
        json!({ "items": [{ "id": "p1" }], "site": "main" }),
        json!({ "items": ["p1"], "segmentIds": ["g1"], "site": "main" }),
        json!({ "items": [{}], "segmentIds": ["g1"], "site": "main" }),
        json!({ "items": [{ "id": "p1" }], "segmentIds": [5], "site": "main" }),
        json!([]),
    ] {
        shop.post("/match", &body).await.error(400);
    }
    assert_eq!(matched(&shop, question(&[], &["g1"], "main")).await, json!([]));
    assert_eq!(matched(&shop, question(&["p1"], &[], "main")).await, json!([]));
}

#[tokio::test]
async fn m09_each_match_is_told_once_in_the_order_of_the_request() {
    let shop = shop_with_products().await;
    let mut asked = question(&["p2", "p1", "p2"], &["g1", "off", "g1"], "main");
    asked["items"][0]["more"] = json!("ignored");
    assert_eq!(matched(&shop, asked).await, json!([{ "id": "p2" }, { "id": "p1" }]));
}

#[tokio::test]
async fn m10_what_nobody_knows_matches_nothing() {
    let shop = shop_with_products().await;
    assert_eq!(matched(&shop, question(&["nope", "c1", "a/b"], &["g1", "nope", ""], "main")).await, json!([]));
}

#[tokio::test]
async fn m11_a_window_does_not_matter() {
    let shop = shop_with_products().await;
    assert_eq!(shop.segment("g1").await["validity"]["to"], "2025-04-17T08:00:00.000Z");
    assert_eq!(matched(&shop, question(&["p2"], &["g1"], "main")).await, json!([{ "id": "p2" }]));
}
