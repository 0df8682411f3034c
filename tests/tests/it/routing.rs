//! Paths and methods: what is not there, and how that is told.

use e2e::{Caller, Shop, samples::golden};
use reqwest::Method;

#[tokio::test]
async fn a_path_that_is_not_there_is_404_with_and_without_a_token() {
    let shop = Shop::open().await;
    let base = format!("/customer-segment/{}", shop.tenant);
    for path in [
        "/",
        "/nope",
        &base,
        &format!("{base}/nope"),
        &format!("{base}/segments/g1/nope"),
        &format!("{base}/segments/g1/items/PRODUCT"),
        &format!("{base}/segments/g1/items/PRODUCT/p1/more"),
        &format!("{base}/segments/g1/customers/bulk/le1"),
        &format!("{base}/segments/g1/customers/c1/le1/more"),
        &format!("{base}/segments/"),
        &format!("{base}/segments/g1/"),
        &format!("{base}/segments//g1"),
        &format!("/{base}/segments"),
        "/oauth",
    ] {
        for caller in [Caller::All, Caller::Nobody] {
            shop.ask_at(Method::GET, path).by(caller.clone()).await.error(404);
            shop.ask_at(Method::POST, path).by(caller).await.error(404);
        }
    }
}

#[tokio::test]
async fn a_method_that_a_path_has_not_is_405_and_told_what_it_has() {
    let shop = Shop::open().await;
    for (method, path, allowed) in [
        (Method::PUT, "", "GET, POST"),
        (Method::PATCH, "", "GET, POST"),
        (Method::DELETE, "", "GET, POST"),
        (Method::POST, "/g1", "DELETE, GET, PATCH, PUT"),
        (Method::GET, "/bulk", "DELETE, POST, PUT"),
        (Method::PATCH, "/bulk", "DELETE, POST, PUT"),
        (Method::GET, "/search", "POST"),
        (Method::PUT, "/search", "POST"),
        (Method::DELETE, "/match", "POST"),
        (Method::PUT, "/items", "GET"),
        (Method::POST, "/g1/items", "GET"),
        (Method::POST, "/g1/items/PRODUCT/p1", "DELETE, GET, PUT"),
        (Method::POST, "/g1/items/PRODUCT/bulk", "DELETE, PUT"),
        (Method::POST, "/g1/customers", "GET"),
        (Method::GET, "/g1/customers/search", "POST"),
        (Method::POST, "/g1/customers/bulk", "DELETE, PUT"),
        (Method::POST, "/g1/customers/c1", "DELETE, GET, PUT"),
        (Method::PATCH, "/g1/customers/c1/le1", "DELETE, GET, PUT"),
        (Method::PUT, "/me", "GET"),
        (Method::OPTIONS, "", "GET, POST"),
    ] {
        for caller in [Caller::All, Caller::Nobody] {
            let answer = shop.ask(method.clone(), path).by(caller).await;
            let mut allow: Vec<&str> = answer.header("Allow").unwrap_or_default().split(", ").collect();
            allow.sort_unstable();
            assert_eq!(allow.join(", "), allowed, "{}", answer.asked);
            answer.error(405);
        }
    }
}

#[tokio::test]
async fn a_path_is_decoded_once() {
    let shop = Shop::open().await;
    shop.create(golden()).await;
    shop.get("/%671").await.expect(200);
    shop.get("/%25671").await.error(404);
    shop.ask(Method::PUT, "/g1/items/PRODUCT/p%2F1").await.error(400);
    shop.ask(Method::PUT, "/g1/items/PRODUCT/p%201%25").await.empty(201);
    let item = shop.get("/g1/items/PRODUCT/p%201%25").await.expect(200).json();
    assert_eq!(item["item"]["id"], "p 1%");
    shop.ask(Method::PUT, "/g1/items/%50RODUCT/p2").await.empty(201);
    shop.get("/%ff").await.error(404);
}

#[tokio::test]
async fn odd_requests_are_answered_in_the_shape_of_the_api() {
    let shop = Shop::open().await;
    shop.get("?pageSize=%zz").await.error(400);
    shop.get("?fields=a&fields=b").await.error(400);
    shop.get("?unknown=1&&=&x").await.expect(200);
    let long = format!("/{}", "x".repeat(2000));
    shop.get(&long).await.error(404);
    shop.ask(Method::PUT, &long).json(&e2e::samples::golden_without_id()).await.error(400);
}
