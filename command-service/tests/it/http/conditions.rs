//! `If-Match` and `If-None-Match` on writes.

use serde_json::json;

use super::service::{SEGMENTS, Service, document, golden};

#[tokio::test]
async fn preconditions_decide_before_anything_else_is_asked() {
    let service = Service::start().await;
    let path = format!("{SEGMENTS}/g1");
    let created = service.create(golden()).await;
    let tag = created.header("ETag").expect("a tag").to_owned();
    let stale_version = json!({"name": {"en": "x"}, "siteCode": "main", "metadata": {"version": 9}});
    for (case, header, value, body, expected) in [
        ("another tag", "If-Match", "\"00000000.1\"", document(), 412),
        ("a weak tag", "If-Match", &*format!("W/{tag}"), document(), 412),
        ("another tag and a stale version", "If-Match", "\"00000000.1\"", stale_version.clone(), 412),
        ("the tag and a stale version", "If-Match", &*tag, stale_version, 409),
        ("create only", "If-None-Match", "*", document(), 412),
        ("not a tag", "If-Match", "1", document(), 400),
        ("a tag not to match", "If-None-Match", &*tag, document(), 400),
        ("the tag", "If-Match", &*tag, document(), 204),
        ("the tag again", "If-Match", &*tag, document(), 412),
    ] {
        let answer = service.ask("PUT", &path).header(header, value).json(&body).await;
        assert_eq!(answer.status, expected, "{case}: {}", answer.body);
        if expected == 412 {
            let message = "The resource you are attempting to access has changed.";
            assert_eq!(answer.body["message"], message, "{case}");
        }
    }
}

#[tokio::test]
async fn a_missing_target_fails_if_match() {
    let service = Service::start().await;
    for (method, body) in [("PUT", document()), ("PATCH", json!([])), ("DELETE", json!(null))] {
        let answer = service.ask(method, &format!("{SEGMENTS}/gone")).header("If-Match", "*").json(&body).await;
        assert_eq!(answer.status, 412, "{method}");
    }
    let only_new = service.ask("PUT", &format!("{SEGMENTS}/new")).header("If-None-Match", "*").json(&document()).await;
    assert_eq!(only_new.status, 201);
}
