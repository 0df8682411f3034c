//! Views are nothing but what the log says: dropped, they come back equal.

use std::process::Command;

use e2e::{
    Shop,
    samples::{golden, golden_without_id, named, with},
    stack::{self, SegmentsUp, UpOptions},
};
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};

/// Table, rows and hash, as `views-checksum` prints them.
fn checksums(database_url: &str) -> Vec<[String; 3]> {
    let program = stack::binary("views-checksum");
    let output = Command::new(program).args(["--database-url", database_url]).output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let words = |line: &str| -> Vec<String> { line.split_whitespace().map(str::to_owned).collect() };
    text.lines().map(|line| words(line).try_into().unwrap_or_else(|_| panic!("three words: {line}"))).collect()
}

/// What the documents say; how far the log was read is left out, since every start of a writer is a record of its own.
fn of_documents(checksums: &[[String; 3]]) -> Vec<&[String; 3]> {
    checksums.iter().filter(|[table, ..]| table != "projection").collect()
}

async fn drop_views(database_url: &str) {
    let mut connection = PgConnection::connect(database_url).await.expect("PostgreSQL answers");
    sqlx::query("drop schema v1 cascade").execute(&mut connection).await.expect("the schema is there");
    connection.close().await.expect("the connection closes");
}

/// Writes of every kind; gives the shop that saw them.
async fn write_much(origin: &str) -> Shop {
    let shop = Shop::at(origin);
    let segments: Vec<Value> = (0..150)
        .map(|number| {
            let more = json!({ "mixins": { "m": { "n": number, "rate": 0.1 } }, "description": { "de": "Größe ✓" } });
            with(named(&format!("s{number:03}")), more)
        })
        .collect();
    shop.create_all(&segments).await;
    for (kind, entry) in [
        ("customer", json!({ "id": "c1", "email": "ada@example.com" })),
        ("legalEntity", json!({ "id": "le1", "name": "ACME" })),
        ("product", json!({ "id": "p1", "name": { "en": "Bag" } })),
        ("category", json!({ "id": "k1", "parentId": "k0" })),
        ("productCategory", json!({ "productId": "p1", "categoryId": "k1" })),
    ] {
        shop.know(kind, &json!([entry])).await;
    }
    let items: Value = (0..120).map(|number| json!({ "id": format!("p{number}") })).collect();
    for segment in ["s000", "s001", "s002"] {
        shop.put(&format!("/{segment}/items/PRODUCT/bulk"), &items).await.expect(207);
        for customer in ["c1", "c1/le1", "c2/le1"] {
            shop.join(segment, customer).await;
        }
    }
    for number in 0..20 {
        let path = format!("/s{number:03}");
        shop.put(&path, &golden_without_id()).await.empty(204);
        let patch = json!([{ "op": "add", "path": "/name/de", "value": "Gold" }]);
        shop.patch(&path, &patch).await.empty(204);
    }
    shop.delete("/s001?forceDelete=true").await.empty(204);
    shop.delete("/s149").await.empty(204);
    shop.delete("/s000/items/PRODUCT/p7").await.empty(204);
    shop.delete("/s000/customers/c1").await.empty(204);
    shop.create(with(golden(), json!({ "id": "s149" }))).await;
    shop
}

#[tokio::test]
async fn dropped_views_come_back_equal() {
    let options = UpOptions::plain("up-rebuild").await.with_tokens_of_tests();
    let up = SegmentsUp::start(&options, &[]).await;
    let shop = write_much(&up.origin).await;
    let everything = |shop: Shop| async move {
        let segments = shop.get("?pageSize=2000").await.expect(200).json();
        let items = shop.get("/items?pageSize=2000").await.expect(200).json();
        let customers = shop.get("/s000/customers").await.expect(200).json();
        (shop.tenant.clone(), segments, items, customers)
    };
    let (tenant, segments, items, customers) = everything(shop).await;
    assert_eq!((segments.as_array().map(Vec::len), items.as_array().map(Vec::len)), (Some(149), Some(239)));
    let before = checksums(options.database_url());
    assert_eq!(customers.as_array().map(Vec::len), Some(2));
    assert_eq!(of_documents(&before).len(), 12, "{before:?}");
    assert!(of_documents(&before).iter().all(|[_, rows, _]| rows != "0"), "{before:?}");

    drop(up);
    drop_views(options.database_url()).await;
    let up = SegmentsUp::start(&options, &[options.data()]).await;
    let again = everything(Shop::of(&tenant, &up.origin)).await;
    assert_eq!(again, (tenant, segments, items, customers));
    let after = checksums(options.database_url());
    assert_eq!(of_documents(&after), of_documents(&before));
    assert_eq!(after.len(), before.len());
}
