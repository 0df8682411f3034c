//! Cases A: who is let in, and how the others are told.

use e2e::{Caller, Shop, Signer, now, samples::golden};
use reqwest::Method;
use serde_json::json;

const INVALID: (&str, &str) = ("Invalid access token", "oauth.v2.InvalidAccessToken");
const EXPIRED: (&str, &str) = ("Access Token expired", "keymanagement.service.access_token_expired");
const FORBIDDEN: &str = "The access to the requested resource has been forbidden by the server.";

#[tokio::test]
async fn a01_no_token_is_a_fault_and_nothing_else() {
    let shop = Shop::open().await;
    shop.get("").by(Caller::Nobody).await.fault(INVALID.0, INVALID.1);
    shop.post("", &golden()).by(Caller::Nobody).await.fault(INVALID.0, INVALID.1);
}

#[tokio::test]
async fn a02_garbage_for_a_token_is_a_fault() {
    let shop = Shop::open().await;
    for header in ["Bearer garbage", "Bearer ", "Bearer a.b.c", "Basic ZGV2OmRldg==", "garbage"] {
        shop.get("").by(Caller::Raw(header)).await.fault(INVALID.0, INVALID.1);
        shop.delete("/g1").by(Caller::Raw(header)).await.fault(INVALID.0, INVALID.1);
    }
}

#[tokio::test]
async fn a03_an_expired_token_has_its_own_fault() {
    let shop = Shop::open().await;
    let scope = "customersegment.segment_read customersegment.segment_manage";
    let expired = Signer::trusted().mint(&json!({ "tenant": shop.tenant, "scope": scope, "exp": now() - 3600 }));
    shop.get("").by(Caller::Bearer(expired.clone())).await.fault(EXPIRED.0, EXPIRED.1);
    shop.post("", &golden()).by(Caller::Bearer(expired)).await.fault(EXPIRED.0, EXPIRED.1);
}

#[tokio::test]
async fn a04_a_reader_may_not_write() {
    let shop = Shop::open().await;
    let error = shop.post("", &golden()).by(Caller::Reader).await.error(403);
    assert_eq!((&error["status"], &error["message"]), (&json!("Forbidden"), &json!(FORBIDDEN)));
    assert_eq!(error["details"]["type"], "scope");
    assert_eq!(error["details"]["message"], "missing scope: customersegment.segment_manage");
    for (method, path) in [
        (Method::PUT, "/g1"),
        (Method::PATCH, "/g1"),
        (Method::DELETE, "/g1"),
        (Method::POST, "/bulk"),
        (Method::PUT, "/bulk"),
        (Method::DELETE, "/bulk"),
        (Method::PUT, "/g1/items/PRODUCT/p1"),
        (Method::DELETE, "/g1/items/PRODUCT/p1"),
        (Method::PUT, "/g1/items/PRODUCT/bulk"),
        (Method::DELETE, "/g1/items/PRODUCT/bulk"),
    ] {
        shop.ask(method, path).by(Caller::Reader).await.error(403);
    }
}

#[tokio::test]
async fn a05_managing_does_not_imply_reading() {
    let shop = Shop::open().await;
    for path in ["", "/g1", "/items", "/g1/items", "/g1/items/PRODUCT/p1"] {
        shop.get(path).by(Caller::Manager).await.error(403);
    }
    shop.post("/search", &json!({})).by(Caller::Manager).await.error(403);
    shop.post("/g1/items/search", &json!({})).by(Caller::Manager).await.error(403);
}

#[tokio::test]
async fn a06_matching_needs_the_scope_of_managers() {
    let shop = Shop::open().await;
    let question = json!({ "items": [{ "id": "p1" }], "segmentIds": ["g1"], "site": "main" });
    shop.post("/match", &question).by(Caller::Reader).await.error(403);
    let answer = shop.post("/match", &question).by(Caller::Manager).await.expect(200);
    assert_eq!(answer.json(), json!([]));
}

#[tokio::test]
async fn a07_a_token_of_another_tenant_is_forbidden() {
    let shop = Shop::open().await;
    let stranger = || Caller::OfTenant("other".to_owned());
    shop.get("").by(stranger()).await.error(403);
    shop.post("", &golden()).by(stranger()).await.error(403);
    let of_nobody = Signer::trusted().mint(&json!({ "scope": "customersegment.segment_read" }));
    shop.get("").by(Caller::Bearer(of_nobody)).await.error(403);
}

#[tokio::test]
async fn a08_a_tenant_is_lower_case_letters_and_digits() {
    let shop = Shop::open().await;
    for tenant in ["AC", "a-b", "ab", "1abc", "abcdefghijklmnopq"] {
        let path = format!("/customer-segment/{tenant}/segments");
        shop.ask_at(Method::GET, &path).by(Caller::OfTenant(tenant.to_owned())).await.error(400);
        shop.ask_at(Method::POST, &path).by(Caller::OfTenant(tenant.to_owned())).json(&golden()).await.error(400);
    }
}

#[tokio::test]
async fn a09_customers_may_not_ask_by_customer() {
    let shop = Shop::open().await;
    shop.get("?customerId=c1").by(Caller::Customer("c1")).await.error(403);
    shop.post("/search?customerId=c1", &json!({})).by(Caller::Customer("c1")).await.error(403);
    assert_eq!(shop.get("?customerId=").by(Caller::Customer("c1")).await.expect(200).json(), json!([]));
}

#[tokio::test]
async fn a10_the_scope_is_checked_before_the_body() {
    let shop = Shop::open().await;
    let broken = shop.ask(Method::POST, "").by(Caller::Reader).body("application/json", "{\"name\":");
    broken.await.error(403);
}

#[tokio::test]
async fn a_token_is_checked_before_the_tenant_and_the_parameters() {
    let shop = Shop::open().await;
    let path = "/customer-segment/A-B/segments?pageSize=0";
    shop.ask_at(Method::GET, path).by(Caller::Nobody).await.fault(INVALID.0, INVALID.1);
    shop.get("?pageSize=0").by(Caller::Manager).await.error(403);
}

#[tokio::test]
async fn only_the_keys_of_the_issuer_are_trusted() {
    let shop = Shop::open().await;
    let claims = json!({ "tenant": shop.tenant, "scope": "customersegment.segment_read" });
    let by = |token: String| shop.get("").by(Caller::Bearer(token));
    by(Signer::trusted().mint(&claims)).await.expect(200);
    by(Signer::trusted_eddsa().mint(&claims)).await.expect(200);
    by(Signer::es256("trusted-es").mint(&claims)).await.fault(INVALID.0, INVALID.1);
    by(Signer::eddsa("stranger").mint(&claims)).await.fault(INVALID.0, INVALID.1);

    let token = Signer::trusted().mint(&claims);
    let (_, signed) = token.split_once('.').expect("a token has parts");
    let (payload, _) = signed.split_once('.').expect("a token has parts");
    // {"alg":"none"}
    by(format!("eyJhbGciOiJub25lIn0.{payload}.")).await.fault(INVALID.0, INVALID.1);
}

#[tokio::test]
async fn scopes_and_tenants_are_found_in_all_their_claims() {
    let shop = Shop::open().await;
    let in_scope = format!("customersegment.segment_read tenant={}", shop.tenant);
    for claims in [
        json!({ "scope": in_scope }),
        json!({ "tenant": shop.tenant, "scp": ["customersegment.segment_read"] }),
        json!({ "tenant": shop.tenant, "scopes": "other customersegment.segment_read" }),
    ] {
        shop.get("").by(Caller::Bearer(Signer::trusted().mint(&claims))).await.expect(200);
    }
}

#[tokio::test]
async fn the_tenant_header_must_agree_with_the_path() {
    let shop = Shop::open().await;
    shop.get("").header("Emporix-Tenant", &shop.tenant).await.expect(200);
    shop.get("").header("Emporix-Tenant", "other").await.error(400);
    shop.post("", &golden()).header("Emporix-Tenant", "other").await.error(400);
    shop.get("").header("Emporix-Tenant", "other").by(Caller::Manager).await.error(403);
}
