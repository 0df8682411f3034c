//! `ETag`, `If-Match` and `If-None-Match`.

use e2e::{
    Shop,
    samples::{golden, golden_without_id, with},
};
use reqwest::Method;
use serde_json::json;

const OTHER: &str = "\"00000000.1\"";

#[tokio::test]
async fn a_document_has_the_same_tag_however_one_comes_by_it() {
    let shop = Shop::open().await;
    let created = shop.create(golden()).await.etag();
    assert!(created.starts_with('"') && created.ends_with(".1\""), "{created}");
    assert_eq!(shop.get("/g1").await.expect(200).etag(), created);
    let replaced = shop.put("/g1", &golden_without_id()).await.empty(204).etag();
    assert_eq!(replaced, created.replace(".1\"", ".2\""));
    let patch = json!([{ "op": "remove", "path": "/description" }]);
    let patched = shop.patch("/g1", &patch).await.empty(204).etag();
    assert_eq!(shop.get("/g1").await.expect(200).etag(), patched);
    let unchanged = shop.patch("/g1", &json!([])).await.empty(204).etag();
    assert_eq!(unchanged, patched);
    assert_eq!(shop.delete("/g1").await.empty(204).header("etag"), None);
    let bulk = shop.post("/bulk", &json!([golden()])).await.expect(207);
    assert_eq!(bulk.header("etag"), None);
    assert_ne!(shop.get("/g1").await.expect(200).etag(), created, "a new life, a new tag");
}

#[tokio::test]
async fn a_get_with_the_current_tag_is_answered_304() {
    let shop = Shop::open().await;
    let tag = shop.create(golden()).await.etag();
    for (condition, status) in [
        (tag.clone(), 304),
        (format!("W/{tag}"), 304),
        (format!("{OTHER}, {tag}"), 304),
        ("*".to_owned(), 304),
        (OTHER.to_owned(), 200),
    ] {
        let answer = shop.get("/g1").header("If-None-Match", &condition).await.expect(status);
        assert_eq!((answer.etag(), answer.text.is_empty()), (tag.clone(), status == 304), "{condition}");
    }
    shop.get("/g1").header("If-None-Match", "nonsense").await.error(400);
    shop.get("/nope").header("If-None-Match", "*").await.error(404);
}

#[tokio::test]
async fn a_write_whose_condition_does_not_hold_is_refused() {
    let shop = Shop::open().await;
    let tag = shop.create(golden()).await.etag();
    let weak = format!("W/{tag}");
    let stale = with(golden_without_id(), json!({ "metadata": { "version": 9 } }));
    for (header, value, status) in [
        ("If-Match", OTHER, 412),
        ("If-Match", &weak, 412),
        ("If-None-Match", "*", 412),
        ("If-Match", "nonsense", 400),
        ("If-None-Match", &tag, 400),
    ] {
        for body in [golden_without_id(), stale.clone()] {
            shop.put("/g1", &body).header(header, value).await.error(status);
        }
        shop.patch("/g1", &json!([])).header(header, value).await.error(status);
    }
    shop.delete("/g1").header("If-Match", OTHER).await.error(412);
    shop.put("/g1", &stale).header("If-Match", &tag).await.error(409);
    assert_eq!(shop.get("/g1").await.expect(200).etag(), tag);

    shop.put("/g1", &golden_without_id()).header("If-Match", &tag).await.empty(204);
    let error = shop.put("/g1", &golden_without_id()).header("If-Match", &tag).await.error(412);
    assert_eq!(error["message"], "The resource you are attempting to access has changed.");
    shop.delete("/g1").header("If-Match", "*").await.empty(204);
}

#[tokio::test]
async fn what_is_missing_meets_no_condition_but_to_be_new() {
    let shop = Shop::open().await;
    shop.put("/g1", &golden_without_id()).header("If-Match", "*").await.error(412);
    shop.patch("/g1", &json!([])).header("If-Match", "*").await.error(412);
    shop.delete("/g1").header("If-Match", "*").await.error(412);
    shop.get("/g1").await.error(404);
    shop.put("/g1", &golden_without_id()).header("If-None-Match", "*").await.expect(201);
}

#[tokio::test]
async fn the_tag_of_an_earlier_life_is_of_no_use() {
    let shop = Shop::open().await;
    let old = shop.create(golden()).await.etag();
    shop.delete("/g1").await.empty(204);
    shop.create(golden()).await;
    shop.put("/g1", &golden_without_id()).header("If-Match", &old).await.error(412);
    shop.ask(Method::GET, "/g1").header("If-None-Match", &old).await.expect(200);
}
