//! Bulk writes of segments.

use command_service::http::Settings;
use serde_json::{Value, json};

use super::service::{Answered, SEGMENTS, Service, document, golden_with, named};

async fn bulk(service: &Service, method: &str, body: Value) -> Answered {
    service.ask(method, &format!("{SEGMENTS}/bulk")).json(&body).await
}

#[tokio::test]
async fn every_item_has_its_own_result_in_the_order_of_the_request() {
    let service = Service::start().await;

    let answer =
        bulk(&service, "POST", json!([named("b1"), {"id": "b2"}, named("b1"), null, 5, named("me"), named("b3")]))
            .await;

    assert_eq!(answer.status, 207);
    let (invalid, exists) = ("Validation problem with request body.", "The resource already exists.");
    assert_eq!(
        answer.body,
        json!([
            {"index": 1, "id": "b1", "code": 201, "status": "Created"},
            {"index": 2, "id": "b2", "code": 400, "status": "Bad Request", "message": invalid},
            {"index": 3, "id": "b1", "code": 409, "status": "Conflict", "message": exists},
            {"index": 4, "code": 400, "status": "Bad Request", "message": invalid},
            {"index": 5, "code": 400, "status": "Bad Request", "message": invalid},
            {"index": 6, "code": 400, "status": "Bad Request", "message": invalid},
            {"index": 7, "id": "b3", "code": 201, "status": "Created"},
        ])
    );
    assert!(!answer.positions().is_empty());
    assert_eq!(answer.header("ETag"), None);
}

#[tokio::test]
async fn a_put_creates_replaces_and_refuses_side_by_side() {
    let service = Service::start().await;
    service.create(named("old")).await;
    let stale = golden_with(json!({"id": "old", "metadata": {"version": 7}}));

    let answer = bulk(&service, "PUT", json!([named("old"), named("new"), named("new"), stale, document()])).await;

    let codes: Vec<_> =
        answer.body.as_array().expect("a list").iter().map(|item| (&item["code"], &item["status"])).collect();
    let pair = |code: u16, status: &str| (json!(code), json!(status));
    let expected =
        [pair(204, "OK"), pair(201, "Created"), pair(204, "OK"), pair(409, "Conflict"), pair(201, "Created")];
    assert_eq!(codes, expected.iter().map(|(code, status)| (code, status)).collect::<Vec<_>>(), "{}", answer.body);
    assert_eq!(answer.body[4]["id"].as_str().map(str::len), Some(24));
}

#[tokio::test]
async fn a_delete_reads_its_body_and_honours_force() {
    let service = Service::start().await;
    bulk(&service, "POST", json!([named("d1"), named("d2")])).await;
    service.ask("PUT", &format!("{SEGMENTS}/d2/items/CATEGORY/c1")).send().await;

    let answer = bulk(&service, "DELETE", json!(["d1", "d1", "d2", "nope", 5, {"id": "d1"}, "a/b"])).await;
    let codes: Vec<_> = answer.body.as_array().expect("a list").iter().map(|item| item["code"].clone()).collect();
    assert_eq!(codes, [204, 204, 400, 204, 400, 400, 400].map(Value::from), "{}", answer.body);
    assert_eq!(answer.body[2]["id"], "d2");

    let forced = service.ask("DELETE", &format!("{SEGMENTS}/bulk?forceDelete=true")).json(&json!(["d2"])).await;
    assert_eq!(forced.body, json!([{"index": 1, "id": "d2", "code": 204, "status": "OK"}]));
}

#[tokio::test]
async fn the_list_as_a_whole_is_accepted_or_refused() {
    let service = Service::start().await;
    let many = |count: usize| Value::from((0..count).map(|number| named(&format!("m{number}"))).collect::<Vec<_>>());
    for (case, body, expected) in
        [("201 items", many(201), 400), ("an object", named("x"), 400), ("a text", json!("x"), 400)]
    {
        assert_eq!(bulk(&service, "POST", body).await.status, expected, "{case}");
    }
    assert_eq!(service.create(named("m0")).await.status, 201, "nothing of the 201 was created");
    let empty = bulk(&service, "POST", json!([])).await;
    assert_eq!((empty.status, &empty.body), (207, &json!([])));
    let full = bulk(&service, "PUT", many(200)).await;
    let results = full.body.as_array().expect("a list");
    assert_eq!(results.len(), 200);
    assert!(results.iter().zip(1..).all(|(item, index)| item["index"] == index), "{}", full.body);
}

#[tokio::test]
async fn the_first_index_can_be_configured() {
    let service = Service::start_with(Settings { index_base: 0, ..Settings::default() }).await;
    let answer = bulk(&service, "POST", json!([named("b1"), named("b2")])).await;
    assert_eq!((&answer.body[0]["index"], &answer.body[1]["index"]), (&json!(0), &json!(1)));
}
