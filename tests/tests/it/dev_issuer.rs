//! The issuer of tokens for development: on in `segments up` unless another one is named, and nowhere else.

use e2e::{
    Answer, Caller, Shop,
    samples::golden,
    stack::{self, SegmentsUp, UpOptions},
};
use reqwest::Method;
use serde_json::json;

const TOKEN: &str = "/oauth/token";
const FORM: &str = "application/x-www-form-urlencoded";

async fn granted(shop: &Shop, form: &str) -> Answer {
    shop.ask_at(Method::POST, TOKEN).by(Caller::Nobody).body(FORM, form).await
}

async fn token(shop: &Shop, form: &str) -> Caller {
    let answer = granted(shop, form).await.expect(200).json();
    assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("Bearer"), &json!(14_399)));
    Caller::Bearer(answer["access_token"].as_str().expect("a token").to_owned())
}

#[tokio::test]
async fn a_newcomer_gets_a_token_for_a_form() {
    let options = UpOptions::plain("up-dev-issuer").await;
    let up = SegmentsUp::start(&options, &[options.data()]).await;
    let shop = Shop::of("acme", &up.origin);
    let client = "grant_type=client_credentials&client_id=dev&client_secret=dev";

    let all = token(&shop, client).await;
    shop.post("", &golden()).by(all.clone()).await.expect(201);
    assert_eq!(shop.get("").by(all).await.expect(200).ids(), ["g1"]);

    let reader = token(&shop, &format!("{client}&scope=customersegment.segment_read+tenant%3Dacme")).await;
    shop.get("/g1").by(reader.clone()).await.expect(200);
    shop.delete("/g1").by(reader).await.error(403);

    let customer = token(&shop, &format!("{client}&customer_id=c1")).await;
    assert_eq!(shop.get("").by(customer.clone()).await.expect(200).json(), json!([]));
    shop.get("?customerId=c1").by(customer).await.error(403);

    let other = token(&shop, &format!("{client}&scope=tenant%3Dother")).await;
    shop.get("").by(other).await.error(403);

    for (form, status, error) in [
        ("grant_type=client_credentials&client_id=dev&client_secret=wrong", 401, "invalid_client"),
        ("grant_type=password&client_id=dev&client_secret=dev", 400, "unsupported_grant_type"),
        ("", 400, "invalid_request"),
    ] {
        let refused = granted(&shop, form).await.expect(status);
        assert_eq!(refused.json()["error"], error, "{form}");
    }
    let keys = shop.ask_at(Method::GET, "/.well-known/jwks.json").by(Caller::Nobody).await.expect(200).json();
    assert!(keys["keys"].as_array().is_some_and(|keys| keys.len() == 1 && keys[0].get("d").is_none()), "{keys}");
}

#[tokio::test]
async fn where_another_issuer_is_trusted_there_is_none_for_development() {
    let stack = stack::current().await;
    for origin in [&stack.origin, &stack.services[0], &stack.services[1]] {
        let shop = Shop::of("acme", origin);
        granted(&shop, "grant_type=client_credentials&client_id=dev&client_secret=dev").await.error(404);
        shop.ask_at(Method::GET, "/.well-known/jwks.json").by(Caller::Nobody).await.error(404);
    }
}
