//! Reads of the customers of a segment: lists, searches, single assignments.

use e2e::{Answer, Caller, Shop, samples::golden};
use serde_json::{Value, json};

async fn shop_with_customers() -> Shop {
    let shop = Shop::open().await;
    shop.create(golden()).await;
    for customer in ["c1", "c1/le1", "c1/le2", "c2/le1"] {
        shop.join("g1", customer).await;
    }
    shop.put("/g1/customers/c1/le2", &json!({ "mixins": { "m": { "n": 1 } } })).await.empty(204);
    shop
}

/// `customer` or `customer/legal entity` of each row.
fn names(answer: &Answer) -> Vec<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let name = |row: &Value| [text(&row["customer"]["id"]), text(&row["legalEntity"]["id"])].into_iter().flatten();
    answer.rows().iter().map(|row| name(row).collect::<Vec<_>>().join("/")).collect()
}

#[tokio::test]
async fn x01_x02_single_assignments_are_read_by_customer_and_legal_entity() {
    let shop = shop_with_customers().await;
    let row = shop.get("/g1/customers/c1").by(Caller::Reader).await.expect(200).json();
    assert_eq!(row, json!({ "customer": { "id": "c1" }, "assignmentType": "MANUAL", "metadata": row["metadata"] }));
    let of_entity = shop.get("/g1/customers/c1/le2").by(Caller::Reader).await.expect(200).json();
    let members = (&of_entity["legalEntity"], &of_entity["mixins"], &of_entity["metadata"]["version"]);
    assert_eq!(members, (&json!({ "id": "le2" }), &json!({ "m": { "n": 1 } }), &json!(2)));
    shop.delete("/g1/customers/c1").await.empty(204);
    shop.get("/g1/customers/c1").await.error(404);
    shop.get("/g1/customers/c1/le1").await.expect(200);
    for path in ["/g1/customers/c2", "/g1/customers/c2/le2", "/g1/customers/nope", "/nope/customers/c1"] {
        shop.get(path).await.error(404);
    }
}

#[tokio::test]
async fn customers_of_a_segment_are_filtered_sorted_counted_and_paged() {
    let shop = shop_with_customers().await;
    for (query, expected, total) in [
        ("", "c1 c1/le1 c1/le2 c2/le1", "4"),
        ("?pageSize=2&pageNumber=2", "c1/le2 c2/le1", "4"),
        ("?sort=legalEntity.id:desc,customer.id", "c1/le2 c1/le1 c2/le1 c1", "4"),
        ("?q=customer.id:c1 legalEntity:exists", "c1/le1 c1/le2", "2"),
        ("?q=legalEntity.id:le1", "c1/le1 c2/le1", "2"),
        ("?q=assignmentType:MANUAL mixins.m.n:1", "c1/le2", "1"),
        ("?q=customer.id:~^c metadata.version:2&fields=customer,legalEntity", "c1/le2", "1"),
    ] {
        let answer = shop.get(&format!("/g1/customers{query}")).header("X-Total-Count", "true").await.expect(200);
        assert_eq!((&*names(&answer).join(" "), answer.header("X-Total-Count")), (expected, Some(total)), "{query}");
    }
    let found = shop.post("/g1/customers/search?pageSize=1", &json!({ "q": "legalEntity.id:le1" })).await.expect(200);
    assert_eq!(names(&found), ["c1/le1"]);
    assert_eq!(shop.get("/nope/customers").await.expect(200).json(), json!([]));
    shop.get("/g1/customers?sort=segmentId").await.error(400);
    shop.get("/g1/customers?q=customer.id:").await.error(400);
    shop.get("/g1/customers").by(Caller::Manager).await.error(403);
}

#[tokio::test]
async fn assignments_of_customers_have_tags() {
    let shop = shop_with_customers().await;
    let tag = shop.get("/g1/customers/c1").await.expect(200).etag();
    shop.get("/g1/customers/c1").header("If-None-Match", &tag).await.empty(304);
    shop.delete("/g1/customers/c1").await.empty(204);
    shop.join("g1", "c1").await;
    assert_ne!(shop.get("/g1/customers/c1").await.expect(200).etag(), tag);
}
