//! Customers of segments. Names carry the contract's case numbers.

use serde_json::{Value, json};

use super::service::{Answered, MANAGE, SEGMENTS, Service, golden, named};

const INVALID: &str = "Validation problem with request body.";

async fn service_with_segment() -> Service {
    let service = Service::start().await;
    assert_eq!(service.create(golden()).await.status, 201);
    service
}

async fn status(service: &Service, method: &str, path: &str) -> u16 {
    service.ask(method, &format!("{SEGMENTS}/{path}")).send().await.status
}

fn codes(answer: &Answered) -> Vec<u64> {
    let results = answer.body.as_array().expect("a list");
    results.iter().map(|item| item["code"].as_u64().expect("a code")).collect()
}

#[tokio::test]
async fn x01_x04_x13_a_customer_is_assigned_replaced_and_taken_away() {
    let service = service_with_segment().await;
    for path in ["c%2B1", "c%2B1/l%20e"].map(|customer| format!("{SEGMENTS}/g1/customers/{customer}")) {
        for (case, method, body, expected) in [
            ("new, without a body", "PUT", None, 201),
            ("again", "PUT", Some(json!({"mixins": {"a": 1}, "customerId": 5})), 204),
            ("the present version", "PUT", Some(json!({"metadata": {"version": 2}})), 204),
            ("a stale version", "PUT", Some(json!({"metadata": {"version": 1}})), 409),
            ("not an object", "PUT", Some(json!([])), 400),
            ("mixins that are none", "PUT", Some(json!({"mixins": 1})), 400),
            ("away", "DELETE", None, 204),
            ("away already", "DELETE", None, 204),
        ] {
            let answer = service.ask(method, &path).json_or_nothing(body.as_ref()).await;
            assert_eq!(answer.status, expected, "{case}: {}", answer.body);
            match answer.status {
                201 | 204 => {
                    assert_eq!(answer.body, Value::Null, "{case}");
                    assert!(!answer.positions().is_empty(), "{case}");
                    assert_eq!(answer.header("ETag").is_some(), method == "PUT", "{case}");
                }
                409 => {
                    assert_eq!(answer.body["message"], "The resource you are attempting to access has changed.");
                    assert_eq!(answer.body["resourceId"], "c+1");
                }
                _ => assert_eq!(answer.body["message"], INVALID),
            }
            assert_eq!(answer.header("Location"), (answer.status == 201).then_some(path.as_str()), "{case}");
        }
    }
}

#[tokio::test]
async fn x02_rows_with_and_without_a_legal_entity_are_apart() {
    let service = service_with_segment().await;
    let rows = ["g1/customers/c1", "g1/customers/c1/le1", "g1/customers/c1/le2"];
    for row in rows {
        assert_eq!(status(&service, "PUT", row).await, 201, "{row}");
    }
    for gone in rows {
        assert_eq!(status(&service, "DELETE", gone).await, 204);
        for row in rows {
            let expected = if row == gone { 201 } else { 204 };
            assert_eq!(status(&service, "PUT", row).await, expected, "{row} after {gone} was deleted");
        }
    }
}

#[tokio::test]
async fn x03_customers_need_a_segment_and_ids_that_can_be_some() {
    let service = service_with_segment().await;
    let long = "x".repeat(256);
    for (method, path, expected) in [
        ("PUT", "nope/customers/c1", 400),
        ("PUT", "nope/customers/c1/le1", 400),
        ("DELETE", "nope/customers/c1", 204),
        ("DELETE", "nope/customers/c1/le1", 204),
        ("PUT", "g1/customers/a%2Fb", 400),
        ("PUT", "g1/customers/c1/a%0Ab", 400),
        ("PUT", &format!("g1/customers/{long}"), 400),
        ("DELETE", &format!("g1/customers/c1/{long}"), 400),
        ("PUT", "g1/customers/c1/bulk", 201),
        // Words of the API, and paths that it does not have.
        ("PUT", "g1/customers/search", 405),
        ("POST", "g1/customers/bulk", 405),
        ("PATCH", "g1/customers/c1", 405),
        ("DELETE", "g1/customers", 405),
        ("PUT", "g1/customers/bulk/le1", 404),
        ("PUT", "g1/customers/c1/le1/", 404),
        ("PUT", "g1/customers/c1/le1/x", 404),
        ("PUT", "items/customers/c1", 404),
    ] {
        assert_eq!(status(&service, method, path).await, expected, "{method} {path}");
    }
}

#[tokio::test]
async fn only_managers_assign_customers() {
    let service = service_with_segment().await;
    let token = service.token("customersegment.segment_read customersegment.segment_read_own");
    for (method, path) in
        [("PUT", "c1"), ("DELETE", "c1"), ("PUT", "c1/le1"), ("DELETE", "c1/le1"), ("PUT", "bulk"), ("DELETE", "bulk")]
    {
        let asking = service.ask_plainly(method, &format!("{SEGMENTS}/g1/customers/{path}"));
        let answer = asking.header("Authorization", &format!("Bearer {token}")).text("{").await;
        assert_eq!(answer.status, 403, "{method} {path}: before the body is looked at");
        assert_eq!(answer.body["details"]["message"], format!("missing scope: {MANAGE}"));
    }
}

#[tokio::test]
async fn x05_bulk_results_of_customers_show_no_ids() {
    let service = service_with_segment().await;
    let path = format!("{SEGMENTS}/g1/customers/bulk");
    let put = json!([
        {"customerId": "c1"},
        {"customerId": "c1", "legalEntityId": "le1", "mixins": {"a": 1}},
        {"customerId": "c1", "legalEntityId": null, "metadata": {"version": 1}},
        {"customerId": "c1", "metadata": {"version": 1}},
        {"legalEntityId": "le1"},
        {"customerId": "bulk"},
        "c1",
        null,
    ]);
    let put = service.ask("PUT", &path).json(&put).await;
    assert_eq!(put.status, 207);
    let refused = |index: u64, code: u64, status: &str, message: &str| json!({"index": index, "code": code, "status": status, "message": message});
    assert_eq!(
        put.body,
        json!([
            {"index": 1, "code": 201, "status": "Created"},
            {"index": 2, "code": 201, "status": "Created"},
            {"index": 3, "code": 204, "status": "OK"},
            refused(4, 409, "Conflict", "The resource you are attempting to access has changed."),
            refused(5, 400, "Bad Request", INVALID),
            {"index": 6, "code": 201, "status": "Created"},
            refused(7, 400, "Bad Request", INVALID),
            refused(8, 400, "Bad Request", INVALID),
        ])
    );

    let delete = json!([
        {"customerId": "c1", "mixins": {}, "metadata": {"version": 9}, "more": 1},
        {"customerId": "c1"},
        {"customerId": "nobody", "legalEntityId": "le1"},
        {"legalEntityId": "le1"},
        "c1",
    ]);
    let delete = service.ask("DELETE", &path).json(&delete).await;
    assert_eq!(codes(&delete), [204, 204, 204, 400, 400], "{}", delete.body);
    assert_eq!(delete.body[0], json!({"index": 1, "code": 204, "status": "OK"}));
    assert_eq!(status(&service, "PUT", "g1/customers/c1/le1").await, 204, "the other row is still there");
    assert_eq!(status(&service, "PUT", "g1/customers/c1").await, 201);
}

#[tokio::test]
async fn a_bulk_of_customers_is_accepted_or_refused_as_a_whole() {
    let service = service_with_segment().await;
    let many = |count: usize| Value::from_iter((0..count).map(|n| json!({"customerId": format!("c{n}")})));
    let path = format!("{SEGMENTS}/g1/customers/bulk");
    for (case, method, body, expected) in [
        ("201 entries", "PUT", many(201), 400),
        ("201 entries", "DELETE", many(201), 400),
        ("an object", "PUT", json!({"customerId": "c1"}), 400),
        ("nothing", "PUT", json!([]), 207),
        ("200 entries", "PUT", many(200), 207),
        ("200 entries", "DELETE", many(200), 207),
    ] {
        assert_eq!(service.ask(method, &path).json(&body).await.status, expected, "{case} to {method}");
    }
    let nowhere = format!("{SEGMENTS}/nope/customers/bulk");
    let put = service.ask("PUT", &nowhere).json(&many(2)).await;
    assert_eq!((put.status, &put.body["code"]), (400, &json!(400)), "there is no segment");
    assert_eq!(codes(&service.ask("DELETE", &nowhere).json(&many(2)).await), [204, 204]);
}

#[tokio::test]
async fn a_repeated_assignment_is_answered_again_and_done_once() {
    let service = service_with_segment().await;
    let path = format!("{SEGMENTS}/g1/customers/c1/le1");
    let keyed = |method: &str, path: &str, key: &str| service.ask(method, path).header("Idempotency-Key", key);
    let first = keyed("PUT", &path, "k1").json(&json!({})).await;
    let second = keyed("PUT", &path, "k1").json(&json!({})).await;
    assert_eq!((first.status, second.status, second.header("Idempotency-Replayed")), (201, 201, Some("true")));
    assert_eq!((first.header("ETag"), first.positions()), (second.header("ETag"), second.positions()));
    assert_eq!(keyed("PUT", &path, "k1").json(&json!({"mixins": {}})).await.status, 422, "another body");
    let other = format!("{SEGMENTS}/g1/customers/c1");
    assert_eq!(keyed("PUT", &other, "k1").json(&json!({})).await.status, 422, "another row");

    let bulk = format!("{SEGMENTS}/g1/customers/bulk");
    let body = json!([{"customerId": "c2"}, {"customerId": "c2", "legalEntityId": "le1"}]);
    let first = keyed("PUT", &bulk, "k2").json(&body).await;
    let second = keyed("PUT", &bulk, "k2").json(&body).await;
    assert_eq!(codes(&first), [201, 201]);
    assert_eq!((&first.body, second.header("Idempotency-Replayed")), (&second.body, Some("true")));
}

#[tokio::test]
async fn preconditions_are_about_the_row() {
    let service = service_with_segment().await;
    let (alone, for_le1) = (format!("{SEGMENTS}/g1/customers/c1"), format!("{SEGMENTS}/g1/customers/c1/le1"));
    let tag = service.ask("PUT", &alone).send().await.header("ETag").expect("a tag").to_owned();
    let other = service.ask("PUT", &for_le1).send().await.header("ETag").expect("a tag").to_owned();
    for (case, method, path, header, value, expected) in [
        ("the tag of another row", "PUT", &alone, "If-Match", &*other, 412),
        ("create only", "PUT", &alone, "If-None-Match", "*", 412),
        ("its tag", "PUT", &alone, "If-Match", &*tag, 204),
        ("a former tag", "DELETE", &alone, "If-Match", &*tag, 412),
        ("any", "DELETE", &alone, "If-Match", "*", 204),
        ("what is gone", "DELETE", &alone, "If-Match", "*", 412),
        ("create only", "PUT", &alone, "If-None-Match", "*", 201),
    ] {
        assert_eq!(service.ask(method, path).header(header, value).send().await.status, expected, "{case}");
    }
}

#[tokio::test]
async fn d03_d04_d06_a_segment_with_customers_is_deleted_by_force_only() {
    let service = service_with_segment().await;
    assert_eq!(status(&service, "PUT", "g1/customers/c1/le1").await, 201);
    let refused = service.ask("DELETE", &format!("{SEGMENTS}/g1")).send().await;
    assert_eq!((refused.status, &refused.body["details"]["type"]), (400, &json!("hasAssignments")));
    let bulk = service.ask("DELETE", &format!("{SEGMENTS}/bulk")).json(&json!(["g1"])).await;
    assert_eq!(codes(&bulk), [400]);
    assert_eq!(status(&service, "DELETE", "g1?forceDelete=true").await, 204);
    assert_eq!(service.create(named("g1")).await.status, 201);
    assert_eq!(status(&service, "PUT", "g1/customers/c1/le1").await, 201, "nothing is left of the former segment");
}
