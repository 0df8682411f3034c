//! Items of segments.

use serde_json::{Value, json};

use super::service::{SEGMENTS, Service, golden};

#[tokio::test]
async fn an_item_is_assigned_replaced_and_taken_away() {
    let service = Service::start().await;
    service.create(golden()).await;
    let path = format!("{SEGMENTS}/g1/items/PRODUCT/p%2B1");
    for (case, method, body, expected) in [
        ("new, without a body", "PUT", None, 201),
        ("again", "PUT", Some(json!({"mixins": {"a": 1}})), 204),
        ("a stale version", "PUT", Some(json!({"metadata": {"version": 1}})), 409),
        ("not an object", "PUT", Some(json!([])), 400),
        ("away", "DELETE", None, 204),
        ("away already", "DELETE", None, 204),
    ] {
        let answer = service.ask(method, &path).json_or_nothing(body.as_ref()).await;
        assert_eq!(answer.status, expected, "{case}: {}", answer.body);
        if answer.status < 300 {
            assert_eq!(answer.body, Value::Null, "{case}");
            assert!(!answer.positions().is_empty(), "{case}");
            assert_eq!(answer.header("ETag").is_some(), method == "PUT", "{case}");
        }
        if answer.status == 201 {
            assert_eq!(answer.header("Location"), Some(path.as_str()));
        }
    }
}

#[tokio::test]
async fn items_need_a_segment_and_one_of_two_types() {
    let service = Service::start().await;
    service.create(golden()).await;
    for (method, path, expected) in [
        ("PUT", "g1/items/product/p1", 400),
        ("DELETE", "g1/items/THING/p1", 400),
        ("PUT", "nope/items/PRODUCT/p1", 400),
        ("DELETE", "nope/items/PRODUCT/p1", 204),
        ("PUT", "g1/items/PRODUCT/a%2Fb", 400),
        ("POST", "g1/items/PRODUCT/p1", 405),
        ("PUT", "g1/items/PRODUCT", 404),
        ("PUT", "items/items/PRODUCT/p1", 404),
    ] {
        let answer = service.ask(method, &format!("{SEGMENTS}/{path}")).send().await;
        assert_eq!(answer.status, expected, "{method} {path}");
    }
}

#[tokio::test]
async fn bulk_results_of_items_show_no_ids() {
    let service = Service::start().await;
    service.create(golden()).await;
    let path = format!("{SEGMENTS}/g1/items/PRODUCT/bulk");
    let invalid = "Validation problem with request body.";

    let put = service.ask("PUT", &path).json(&json!([{"id": "p1"}, {}, {"id": "p1", "mixins": {}}, "p2"])).await;
    assert_eq!(put.status, 207);
    assert_eq!(
        put.body,
        json!([
            {"index": 1, "code": 201, "status": "Created"},
            {"index": 2, "code": 400, "status": "Bad Request", "message": invalid},
            {"index": 3, "code": 204, "status": "OK"},
            {"index": 4, "code": 400, "status": "Bad Request", "message": invalid},
        ])
    );

    let delete = service.ask("DELETE", &path).json(&json!(["p1", {"id": "p1", "more": 1}, "nope", 5])).await;
    let codes: Vec<_> = delete.body.as_array().expect("a list").iter().map(|item| item["code"].clone()).collect();
    assert_eq!(codes, [204, 204, 204, 400].map(Value::from));
}

#[tokio::test]
async fn a_bulk_of_items_needs_a_segment_as_a_whole() {
    let service = Service::start().await;
    let path = format!("{SEGMENTS}/nope/items/CATEGORY/bulk");
    let put = service.ask("PUT", &path).json(&json!([{"id": "c1"}, {"id": "c2"}])).await;
    assert_eq!((put.status, &put.body["code"]), (400, &json!(400)));
    let delete = service.ask("DELETE", &path).json(&json!(["c1", "c2"])).await;
    assert_eq!(delete.status, 207);
    assert_eq!((&delete.body[0]["code"], &delete.body[1]["code"]), (&json!(204), &json!(204)));
}
