//! `segments import`: reference data from a file, through the API of a running service.

use std::{
    path::Path,
    process::{Command, Output},
};

use e2e::{
    Caller, Shop,
    samples::golden,
    stack::{self, binary},
};
use serde_json::{Value, json};

/// Imports these lines into the shop's tenant.
async fn import(shop: &Shop, lines: &[String]) -> Output {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.ndjson", shop.tenant));
    std::fs::write(&file, lines.join("\n")).expect("the file can be written");
    let header = Caller::Manager.authorization(&shop.tenant).expect("a token");
    let token = header.strip_prefix("Bearer ").expect("a bearer token").to_owned();
    let mut command = Command::new(binary("segments"));
    command.arg("import").arg(&file).args(["--url", &stack::current().await.origin, "--tenant", &shop.tenant]);
    command.env("SEGMENTS_TOKEN", token);
    tokio::task::spawn_blocking(move || command.output().expect("the program starts")).await.expect("it ends")
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

async fn matches(shop: &Shop, product: &str) -> bool {
    let question = json!({ "items": [{ "id": product }], "segmentIds": ["g1"], "site": "main" });
    let answer = shop.post("/match", &question).by(Caller::Manager).await.expect(200);
    answer.json() == json!([{ "id": product }])
}

#[tokio::test]
async fn a_file_of_entries_is_imported_and_imported_again() {
    let shop = Shop::open().await;
    shop.create(golden()).await;
    shop.assign("g1", "CATEGORY", "k0").await;
    let line = |entry: Value| entry.to_string();
    let mut lines = vec![
        line(json!({ "kind": "category", "id": "k1", "parentId": "k0" })),
        line(json!({ "kind": "productCategory", "productId": "gone", "categoryId": "k1" })),
        String::new(),
        line(json!({ "kind": "productCategory", "productId": "gone", "categoryId": "k1", "delete": true })),
    ];
    lines.extend((0..450).map(|number| {
        line(json!({ "kind": "productCategory", "productId": format!("p{number}"), "categoryId": "k1" }))
    }));
    for round in ["first", "second"] {
        let output = import(&shop, &lines).await;
        assert!(output.status.success(), "{round}: {}", told(&output));
        assert!(told(&output).contains("453 entries accepted"), "{round}: {}", told(&output));
    }
    shop.eventually("the last line", async || matches(&shop, "p449").await).await;
    shop.eventually("the removal", async || !matches(&shop, "gone").await).await;
}

#[tokio::test]
async fn lines_that_are_refused_are_named_and_the_others_imported() {
    let shop = Shop::open().await;
    shop.create(golden()).await;
    shop.assign("g1", "CATEGORY", "k1").await;
    let lines = [
        r#"{"kind":"productCategory","productId":"p1","categoryId":"k1"}"#,
        "no JSON",
        r#"{"kind":"segment","id":"g1"}"#,
        r#"{"kind":"product","id":"a/b"}"#,
    ];
    let output = import(&shop, &lines.map(str::to_owned)).await;
    assert!(!output.status.success(), "a failure for scripts");
    for expected in ["1 entries accepted", "line 2: ", "line 3: ", "line 4: ", "3 lines were refused"] {
        assert!(told(&output).contains(expected), "{expected}: {}", told(&output));
    }
    shop.eventually("the good line", async || matches(&shop, "p1").await).await;
}
