//! Every limit that the contract states, from both sides.

use e2e::{
    Shop,
    samples::{golden, named, with},
};
use reqwest::Method;
use serde_json::{Value, json};

const MEBIBYTE: usize = 1024 * 1024;

/// A document that is about this long.
fn of_length(id: &str, bytes: usize) -> Value {
    with(named(id), json!({ "mixins": { "m": "x".repeat(bytes) } }))
}

#[tokio::test]
async fn a_body_is_at_most_10_mebibytes() {
    let shop = Shop::open().await;
    let padded = |bytes: usize| {
        let mut body = golden().to_string().into_bytes();
        body.resize(bytes, b' ');
        body
    };
    shop.ask(Method::POST, "").body("application/json", padded(10 * MEBIBYTE)).await.expect(201);
    let error = shop.ask(Method::POST, "").body("application/json", padded(10 * MEBIBYTE + 1)).await.error(413);
    assert_eq!(error["details"]["type"], "limit");
    shop.ask(Method::POST, "/search").body("application/json", padded(11 * MEBIBYTE + 1)).await.error(413);
}

#[tokio::test]
async fn a_document_must_fit_into_a_record() {
    let shop = Shop::open().await;
    shop.create(of_length("large", 900_000)).await;
    assert_eq!(shop.segment("large").await["mixins"]["m"].as_str().map(str::len), Some(900_000));
    let error = shop.post("", &of_length("g1", MEBIBYTE)).await.error(413);
    assert_eq!(error["details"]["type"], "limit");
    let bulk = shop.post("/bulk", &json!([of_length("g1", MEBIBYTE), named("b")])).await.expect(207);
    assert_eq!(bulk.column("code"), [400, 201]);
    shop.get("/g1").await.error(404);
}

#[tokio::test]
async fn a_url_is_at_most_10_kibibytes() {
    let shop = Shop::open().await;
    let path = format!("/customer-segment/{}/segments?q=id:", shop.tenant);
    let of_bytes = |bytes: usize| format!("?q=id:{}", "x".repeat(bytes - path.len()));
    shop.get(&of_bytes(10 * 1024)).await.expect(200);
    let error = shop.get(&of_bytes(10 * 1024 + 1)).await.error(414);
    assert_eq!(error["details"]["type"], "limit");
    shop.get(&of_bytes(40 * 1024)).await.error(414);
}

#[tokio::test]
async fn headers_are_at_most_60_kibibytes() {
    let shop = Shop::open().await;
    let with_headers = |count: usize| {
        let long = "x".repeat(1000);
        (0..count).fold(shop.get(""), |request, number| request.header(&format!("x-more-{number}"), &long))
    };
    with_headers(55).await.expect(200);
    let error = with_headers(62).await.error(431);
    assert_eq!(error["details"]["type"], "limit");
    shop.get("").header("x-one", &"x".repeat(50_000)).await.expect(200);
    shop.get("").header("x-one", &"x".repeat(62_000)).await.error(431);
}

#[tokio::test]
async fn json_lies_64_deep_at_most() {
    let shop = Shop::open().await;
    // The document and its member `mixins` are two more.
    let nested = |depth: usize| {
        let value = (0..depth).fold(json!(1), |inner, _| json!({ "a": inner }));
        with(golden(), json!({ "mixins": value }))
    };
    shop.create(nested(63)).await;
    shop.segment("g1").await;
    shop.put("/g1", &nested(64)).await.error(400);
    let brackets = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    shop.ask(Method::POST, "").body("application/json", brackets.clone()).await.error(400);
    shop.ask(Method::POST, "/bulk").body("application/json", brackets).await.error(400);
    let bulk = shop.put("/bulk", &json!([with(nested(70), json!({ "id": "deep" })), named("b")])).await.expect(207);
    assert_eq!(bulk.column("code"), [400, 201]);
}

#[tokio::test]
async fn bodies_are_json() {
    let shop = Shop::open().await;
    for content_type in
        ["text/plain", "application/xml", "application/json; charset=latin1", "application/x-www-form-urlencoded"]
    {
        shop.ask(Method::POST, "").body(content_type, golden().to_string()).await.error(415);
        shop.ask(Method::POST, "/search").body(content_type, "{}").await.error(415);
    }
    shop.ask(Method::POST, "").bare_body(golden().to_string()).await.expect(201);
    let utf8 = "application/json; charset=UTF-8";
    shop.ask(Method::PUT, "/g1").body(utf8, golden().to_string()).await.empty(204);
    let gzip = shop.ask(Method::PUT, "/g1").body(utf8, golden().to_string()).header("Content-Encoding", "gzip");
    gzip.await.error(415);
}
