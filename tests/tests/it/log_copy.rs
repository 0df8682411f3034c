//! `segments log copy`: services on a copied log answer as those answered that wrote it.
//!
//! Runs where there is a Kafka anyway: with `STACK=kafka` and `STACK=up-kafka`.

use std::process::{Command, Output};

use e2e::{
    Caller, Shop,
    samples::{golden, named},
    stack::{Kind, SegmentsUp, Topics, UpOptions, binary},
};
use serde_json::{Value, json};

/// Segments, changed, deleted and created again; assignments; names and a tree of categories.
async fn write(shop: &Shop) {
    shop.create(golden()).await;
    shop.create_all(&(0..50).map(|number| named(&format!("segment {number}"))).collect::<Vec<_>>()).await;
    shop.patch("/g1", &json!([{ "op": "add", "path": "/name/de", "value": "Größe" }])).await.empty(204);
    shop.assign("g1", "CATEGORY", "k0").await;
    shop.assign("g1", "PRODUCT", "p9").await;
    shop.delete("/g1/items/PRODUCT/p9").await.empty(204);
    shop.join("g1", "c1").await;
    shop.know("category", &json!([{ "id": "k0" }, { "id": "k1", "parentId": "k0" }])).await;
    shop.know("productCategory", &json!([{ "productId": "p1", "categoryId": "k1" }])).await;
    shop.know("customer", &json!([{ "id": "c1", "firstName": "Ada" }])).await;
}

/// What the API answers about all of it.
async fn answers(shop: &Shop) -> Vec<Value> {
    let question = json!({ "items": [{ "id": "p1" }, { "id": "p9" }], "segmentIds": ["g1"], "site": "main" });
    let search = json!({ "q": "name.en:~segment" });
    vec![
        shop.segment("g1").await,
        shop.get("/g1/items").await.expect(200).json(),
        shop.get("/g1/customers").await.expect(200).json(),
        shop.get("?pageSize=100&sort=id").await.expect(200).json(),
        shop.post("/search?sort=id&pageSize=100", &search).await.expect(200).json(),
        shop.post("/match", &question).by(Caller::Manager).await.expect(200).json(),
    ]
}

async fn copy(data: &std::path::Path, topics: &Topics) -> Output {
    let mut command = Command::new(binary("segments"));
    command
        .args(["log", "copy", "--data-dir"])
        .arg(data)
        .args(["--to-kafka", &topics.brokers])
        .args(topics.arguments());
    tokio::task::spawn_blocking(move || command.output().expect("the program starts")).await.expect("it ends")
}

#[tokio::test]
async fn services_on_a_copy_answer_the_same_and_go_on() {
    if Kind::of_this_run() == Kind::Embedded {
        return;
    }
    let topics = Topics::create().await.expect("this stack has a Kafka");
    let options = UpOptions::plain("up-copied").await.with_tokens_of_tests();
    let up = SegmentsUp::start(&options, &[]).await;
    let shop = Shop::at(&up.origin);
    write(&shop).await;
    let expected = answers(&shop).await;
    let tenant = shop.tenant.clone();
    drop(up);

    let copied = copy(options.data(), &topics).await;
    assert!(copied.status.success(), "{copied:?}");
    let (_commands, writing) = topics.command_service("command-service-copied").await;
    let (_queries, reading) = topics.query_service("query-service-copied").await;
    let reader = Shop::of(&tenant, &reading);
    reader.eventually("the copied log", async || answers_are(&reader, &expected).await).await;
    let writer = Shop::of(&tenant, &writing);
    writer.patch("/g1", &json!([{ "op": "add", "path": "/name/fr", "value": "Taille" }])).await.empty(204);
    let version = expected[0]["metadata"]["version"].as_u64().expect("a version") + 1;
    reader.eventually("the next version", async || reader.segment("g1").await["metadata"]["version"] == version).await;
}

/// Whether everything is there, and then whether it is the same.
async fn answers_are(reader: &Shop, expected: &[Value]) -> bool {
    reader.get("/g1").await.status == 200 && answers(reader).await == expected
}
