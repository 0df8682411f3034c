use std::{sync::Mutex, time::Duration};

use actix_web::{ResponseError as _, http::header::HeaderValue};
use aws_lc_rs::{rand::SystemRandom, signature::Ed25519KeyPair};
use jsonwebtoken::{EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Value, json};

use super::*;
use crate::{
    clock::{Clock, Timestamp},
    http::jwks::KeySource,
};

const NOW: i64 = 1_750_000_000;

#[derive(Debug)]
struct HandClock(Mutex<i64>);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(*self.0.lock().expect("nobody panics while holding it") * 1000)
    }
}

struct Signer {
    key: EncodingKey,
    kid: &'static str,
}

impl Signer {
    fn new(kid: &'static str) -> Self {
        let der = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).expect("a key");
        Self { key: EncodingKey::from_ed_der(der.as_ref()), kid }
    }

    fn jwk(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, Algorithm::EdDSA).expect("a public key");
        jwk.common.key_id = Some(self.kid.to_owned());
        serde_json::to_value(jwk).expect("JSON")
    }

    fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.kid.to_owned());
        encode(&header, claims, &self.key).expect("a token")
    }
}

fn headers(value: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.append(AUTHORIZATION, HeaderValue::from_str(value).expect("a header value"));
    headers
}

async fn auth_trusting(source: KeySource, expected: Expected) -> (Auth, Arc<HandClock>) {
    let clock = Arc::new(HandClock(Mutex::new(NOW)));
    (Auth::new(Keys::start(source).await, expected, clock.clone()), clock)
}

fn good_claims() -> Value {
    json!({"sub": "s", "azp": "a", "tenant": "acme", "scope": "customersegment.segment_read", "exp": NOW + 3600,
        "iss": "https://idp.example", "aud": ["customer-segment", "other"]})
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

#[tokio::test]
async fn tokens_are_accepted_or_refused_by_their_claims() {
    let signer = Signer::new("k1");
    let expected = Expected { issuer: Some("https://idp.example".into()), audience: Some("customer-segment".into()) };
    let (auth, _) = auth_trusting(KeySource::Fixed(json!({"keys": [signer.jwk()]})), expected).await;
    let mut without_expiry = good_claims();
    without_expiry.as_object_mut().expect("an object").remove("exp");
    for (case, claims, expected) in [
        ("good", good_claims(), Ok(())),
        ("one audience as a text", with(good_claims(), "aud", json!("customer-segment")), Ok(())),
        ("expired within the leeway", with(good_claims(), "exp", json!(NOW - 59)), Ok(())),
        ("expired", with(good_claims(), "exp", json!(NOW - 60)), Err(Fault::EXPIRED)),
        ("no expiry", without_expiry, Err(Fault::INVALID)),
        ("not yet valid", with(good_claims(), "nbf", json!(NOW + 61)), Err(Fault::INVALID)),
        ("valid within the leeway", with(good_claims(), "nbf", json!(NOW + 59)), Ok(())),
        ("another issuer", with(good_claims(), "iss", json!("https://evil.example")), Err(Fault::INVALID)),
        ("another audience", with(good_claims(), "aud", json!("other")), Err(Fault::INVALID)),
        ("a broken claim", with(good_claims(), "scope", json!(5)), Err(Fault::INVALID)),
    ] {
        let token = signer.sign(&claims);
        let result = auth.authenticate(&headers(&format!("Bearer {token}")), None).await;
        assert_eq!(result.map(|_| ()), expected.map_err(ApiError::unauthorized), "{case}");
    }
}

#[tokio::test]
async fn headers_that_carry_no_acceptable_token_are_refused() {
    let signer = Signer::new("k1");
    let (auth, _) = auth_trusting(KeySource::Fixed(json!({"keys": [signer.jwk()]})), Expected::default()).await;
    let token = signer.sign(&good_claims());
    let claims = token.split('.').nth(1).expect("three parts");
    let unsigned = format!("eyJhbGciOiJub25lIn0.{claims}.");
    let mut secret_header = Header::new(Algorithm::HS256);
    secret_header.kid = Some("k1".into());
    let with_secret = encode(&secret_header, &good_claims(), &EncodingKey::from_secret(b"s")).expect("a token");
    let foreign = Signer::new("k1").sign(&good_claims());
    for value in [
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Bearer garbage".to_owned(),
        format!("Basic {token}"),
        format!("Bearer {unsigned}"),
        format!("Bearer {with_secret}"),
        format!("Bearer {foreign}"),
        format!("Bearer {token}x"),
    ] {
        let result = auth.authenticate(&headers(&value), None).await;
        assert_eq!(result.map(|_| ()), Err(ApiError::unauthorized(Fault::INVALID)), "{value}");
    }
    let mut twice = headers(&format!("Bearer {token}"));
    twice.append(AUTHORIZATION, HeaderValue::from_static("Bearer x"));
    assert!(auth.authenticate(&twice, None).await.is_err());
    assert!(auth.authenticate(&headers(&format!("bEaReR {token}")), None).await.is_ok());
}

#[tokio::test]
async fn a_token_may_come_another_way_but_not_both() {
    let signer = Signer::new("k1");
    let (auth, _) = auth_trusting(KeySource::Fixed(json!({"keys": [signer.jwk()]})), Expected::default()).await;
    let token = signer.sign(&good_claims());
    let caller = auth.authenticate(&HeaderMap::new(), Some(&token)).await.expect("let in");
    assert_eq!(caller.until, Timestamp::from_unix_millis((NOW + 3600 + 60) * 1000), "with the leeway");
    for (other, headers) in
        [("", HeaderMap::new()), ("x", HeaderMap::new()), (&token, headers(&format!("Bearer {token}")))]
    {
        let result = auth.authenticate(&headers, Some(other)).await;
        assert_eq!(result.map(|_| ()), Err(ApiError::unauthorized(Fault::INVALID)), "{other}");
    }
}

#[tokio::test]
async fn a_remembered_token_expires_like_any_other() {
    let signer = Signer::new("k1");
    let (auth, clock) = auth_trusting(KeySource::Fixed(json!({"keys": [signer.jwk()]})), Expected::default()).await;
    let token = headers(&format!("Bearer {}", signer.sign(&good_claims())));
    assert!(auth.authenticate(&token, None).await.is_ok());
    assert!(auth.authenticate(&token, None).await.is_ok());
    *clock.0.lock().expect("nobody panics while holding it") = NOW + 3660;
    assert_eq!(auth.authenticate(&token, None).await, Err(ApiError::unauthorized(Fault::EXPIRED)));
}

#[tokio::test]
async fn a_rotated_key_lets_new_tokens_in_and_remembered_ones_out() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("jwks.json");
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    std::fs::write(&path, json!({"keys": [old.jwk()]}).to_string()).expect("the file can be written");
    let (auth, _) = auth_trusting(KeySource::File(path.clone()), Expected::default()).await;
    let old_token = headers(&format!("Bearer {}", old.sign(&good_claims())));
    assert!(auth.authenticate(&old_token, None).await.is_ok());

    std::fs::write(&path, json!({"keys": [new.jwk()]}).to_string()).expect("the file can be written");
    tokio::time::sleep(Duration::from_millis(1100)).await;

    let new_token = headers(&format!("Bearer {}", new.sign(&good_claims())));
    assert!(auth.authenticate(&new_token, None).await.is_ok());
    assert!(auth.authenticate(&old_token, None).await.is_err());
}

#[tokio::test]
async fn without_any_keys_the_service_says_that_it_cannot_tell() {
    let (auth, _) = auth_trusting(KeySource::File("/nonexistent/jwks.json".into()), Expected::default()).await;
    assert!(!auth.is_ready());
    let error = auth.authenticate(&headers("Bearer a.b.c"), None).await.expect_err("no keys");
    assert_eq!(error.status_code(), 503);
}
