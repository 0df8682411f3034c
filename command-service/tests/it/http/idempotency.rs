//! `Idempotency-Key`: the same request again is answered again, and nothing is done twice.

use serde_json::{Value, json};

use super::service::{Answered, SEGMENTS, Service, document, named};

async fn keyed(service: &Service, method: &str, path: &str, key: &str, body: &Value) -> Answered {
    service.ask(method, path).header("Idempotency-Key", key).json(body).await
}

#[tokio::test]
async fn a_repeated_create_names_the_same_segment() {
    let service = Service::start().await;

    let first = keyed(&service, "POST", SEGMENTS, "k1", &document()).await;
    let second = keyed(&service, "POST", SEGMENTS, "k1", &document()).await;
    let other = keyed(&service, "POST", SEGMENTS, "k2", &document()).await;

    assert_eq!((first.status, second.status, other.status), (201, 201, 201));
    assert_eq!(first.body, second.body);
    assert_eq!(first.header("ETag"), second.header("ETag"));
    assert_eq!((first.header("Idempotency-Replayed"), second.header("Idempotency-Replayed")), (None, Some("true")));
    assert_eq!(first.positions(), second.positions());
    assert_ne!(first.body, other.body);
}

#[tokio::test]
async fn two_requests_at_once_are_done_once() {
    let service = Service::start().await;
    let body = document();
    let ask = || keyed(&service, "POST", SEGMENTS, "k1", &body);
    let (one, two) = tokio::join!(ask(), ask());
    assert_eq!((one.status, two.status), (201, 201));
    assert_eq!(one.body, two.body);
}

#[tokio::test]
async fn a_key_stands_for_one_request_only() {
    let service = Service::start().await;
    let path = format!("{SEGMENTS}/g1");
    keyed(&service, "PUT", &path, "k1", &document()).await;
    let mut changed = document();
    changed["status"] = json!("INACTIVE");
    let mut spelled_otherwise: Value = document();
    spelled_otherwise.sort_all_objects();
    for (case, method, body, expected) in [
        ("another body", "PUT", &changed, 422),
        ("another method", "DELETE", &Value::Null, 422),
        ("the same, spelled otherwise", "PUT", &spelled_otherwise, 201),
    ] {
        let answer = keyed(&service, method, &path, "k1", body).await;
        assert_eq!(answer.status, expected, "{case}");
    }
    let language = service.ask("PUT", &path).header("Idempotency-Key", "k1").header("Content-Language", "de");
    assert_eq!(language.json(&document()).await.status, 422);
}

#[tokio::test]
async fn refused_requests_are_not_remembered() {
    let service = Service::start().await;
    let path = format!("{SEGMENTS}/g1");
    let patch = json!([{"op": "replace", "path": "/status", "value": "INACTIVE"}]);
    assert_eq!(keyed(&service, "PATCH", &path, "k1", &patch).await.status, 404);
    service.create(named("g1")).await;
    assert_eq!(keyed(&service, "PATCH", &path, "k1", &patch).await.status, 204);
}

#[tokio::test]
async fn each_item_of_a_bulk_is_remembered_by_its_place() {
    let service = Service::start().await;
    let path = format!("{SEGMENTS}/bulk");
    let body = json!([document(), document(), named("b3")]);

    let first = keyed(&service, "POST", &path, "k1", &body).await;
    let second = keyed(&service, "POST", &path, "k1", &body).await;

    assert_eq!(first.body, second.body);
    assert_ne!(first.body[0]["id"], first.body[1]["id"]);
    assert_eq!(second.header("Idempotency-Replayed"), Some("true"));
    let single = keyed(&service, "POST", SEGMENTS, "k1", &document()).await;
    assert_eq!((single.status, single.header("Idempotency-Replayed")), (201, None));
}

#[tokio::test]
async fn keys_and_correlation_ids_are_bounded() {
    let service = Service::start().await;
    let long = "k".repeat(256);
    for (header, value, expected) in [
        ("Idempotency-Key", "", 400),
        ("Idempotency-Key", &*long, 400),
        ("X-Correlation-ID", &*long, 400),
        ("X-Correlation-ID", &long[1..], 201),
        ("traceparent", "nonsense", 201),
    ] {
        let answer = service.ask("POST", SEGMENTS).header(header, value).json(&document()).await;
        assert_eq!(answer.status, expected, "{header}");
    }
}
