//! Cases X and D that write assignments of customers.

use e2e::{Caller, Shop, samples::golden};
use reqwest::Method;
use serde_json::{Value, json};

const HAS_CHANGED: &str = "The resource you are attempting to access has changed.";

async fn shop_with_golden() -> Shop {
    let shop = Shop::open().await;
    shop.create(golden()).await;
    shop
}

/// The version of an assignment, if there is one.
async fn version(shop: &Shop, customer: &str) -> Option<Value> {
    let answer = shop.get(&format!("/g1/customers/{customer}")).await;
    (answer.status != 404).then(|| answer.expect(200).json()["metadata"]["version"].clone())
}

#[tokio::test]
async fn x01_x04_a_customer_is_assigned_by_put_and_locked_by_version() {
    let shop = shop_with_golden().await;
    for customer in ["c1", "c1/le1"] {
        let path = format!("/g1/customers/{customer}");
        let created = shop.ask(Method::PUT, &path).by(Caller::Manager).await;
        assert!(created.header("ETag").is_some() && created.header("Location").is_some());
        created.empty(201);
        shop.put(&path, &json!({ "mixins": { "m": 1 }, "metadata": { "version": 1 } })).await.empty(204);
        let stale = shop.put(&path, &json!({ "metadata": { "version": 1 } })).await.error(409);
        assert_eq!(stale["message"], HAS_CHANGED);
        assert_eq!(version(&shop, customer).await, Some(json!(2)));
        shop.put(&path, &json!([])).await.error(400);
        shop.ask(Method::PUT, &path).by(Caller::Reader).await.error(403);
        shop.delete(&path).by(Caller::Reader).await.error(403);
    }
    assert_eq!(shop.segment("g1").await["metadata"]["version"], 1, "X13: the segment is not changed");
}

#[tokio::test]
async fn x02_x13_deleting_one_assignment_keeps_the_others() {
    let shop = shop_with_golden().await;
    for customer in ["c1", "c1/le1", "c1/le2"] {
        shop.ask(Method::PUT, &format!("/g1/customers/{customer}")).await.empty(201);
    }
    for (gone, left) in [("c1", 2), ("c1", 2), ("c1/le1", 1), ("nobody", 1), ("c2/le2", 1), ("c1/le2", 0)] {
        shop.delete(&format!("/g1/customers/{gone}")).await.empty(204);
        assert_eq!(version(&shop, gone).await, None, "{gone}");
        assert_eq!(shop.get("/g1/customers").await.expect(200).rows().len(), left, "after {gone}");
    }
    shop.delete("/nope/customers/c1").await.empty(204);
}

#[tokio::test]
async fn x03_customers_are_assigned_to_segments_that_exist() {
    let shop = shop_with_golden().await;
    for path in ["/nope/customers/c1", "/nope/customers/c1/le1", "/g1/customers/a%2Fb", "/g1/customers/c1/a%0Ab"] {
        shop.ask(Method::PUT, path).await.error(400);
    }
    shop.put("/nope/customers/bulk", &json!([{ "customerId": "c1" }])).await.error(400);
    let gone = shop.delete("/nope/customers/bulk").json(&json!([{ "customerId": "c1" }])).await.expect(207);
    assert_eq!(gone.column("code"), [204]);
}

#[tokio::test]
async fn x05_many_customers_are_assigned_at_once_and_no_result_has_an_id() {
    let shop = shop_with_golden().await;
    let path = "/g1/customers/bulk";
    let both = json!([{ "customerId": "c1" }, { "customerId": "c1", "legalEntityId": "le1" }]);
    let put = shop.put(path, &both).await.expect(207);
    let created = |index: u8| json!({ "index": index, "code": 201, "status": "Created" });
    assert_eq!(put.json(), json!([created(1), created(2)]));
    let mixed = json!([{ "customerId": "c1", "metadata": { "version": 7 } }, {}, { "customerId": "c1" }, "c1"]);
    let put = shop.put(path, &mixed).await.expect(207);
    assert_eq!(put.column("code"), [409, 400, 204, 400]);
    let delete = json!([{ "customerId": "c1", "mixins": {} }, { "customerId": "c1" }, { "legalEntityId": "le1" }]);
    let delete = shop.delete(path).json(&delete).await.expect(207);
    assert_eq!(delete.column("code"), [204, 204, 400]);
    assert_eq!(delete.rows()[0], json!({ "index": 1, "code": 204, "status": "OK" }));
    assert_eq!((version(&shop, "c1").await, version(&shop, "c1/le1").await), (None, Some(json!(1))));

    let many = |count: usize| Value::from_iter((0..count).map(|n| json!({ "customerId": format!("m{n}") })));
    shop.put(path, &many(201)).await.error(400);
    assert_eq!(shop.put(path, &many(200)).await.expect(207).rows().len(), 200);
    assert_eq!(shop.get("/g1/customers?pageSize=2000").await.expect(200).rows().len(), 201);
}

#[tokio::test]
async fn d03_d04_d06_customers_go_with_their_segment_by_force_only() {
    let shop = shop_with_golden().await;
    shop.ask(Method::PUT, "/g1/customers/c1/le1").await.empty(201);
    assert_eq!(shop.delete("/g1").await.error(400)["details"]["type"], "hasAssignments");
    shop.delete("/g1?forceDelete=true").await.empty(204);
    assert_eq!(shop.get("/g1/customers").await.expect(200).json(), json!([]));
    shop.create(golden()).await;
    assert_eq!(version(&shop, "c1/le1").await, None, "the new segment has no old assignments");
    shop.delete("/g1").await.empty(204);
}
