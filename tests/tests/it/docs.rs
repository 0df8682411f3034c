//! What the service says of itself: the documents, their schemas, and the page that shows them, in a real browser too.

use e2e::{Caller, Shop, browser, python};
use reqwest::Method;
use serde_json::Value;

async fn openapi(shop: &Shop) -> Value {
    shop.ask_at(Method::GET, "/openapi.json").by(Caller::Nobody).await.expect(200).json()
}

#[tokio::test]
async fn the_documents_are_there_for_everyone_and_are_not_sent_twice() {
    let shop = Shop::open().await;
    for (path, media_type) in [
        ("/openapi.json", "application/json"),
        ("/asyncapi.yaml", "application/yaml"),
        ("/docs", "text/html; charset=utf-8"),
        ("/docs/page.js", "text/javascript; charset=utf-8"),
        ("/docs/page.css", "text/css; charset=utf-8"),
    ] {
        let first = shop.ask_at(Method::GET, path).by(Caller::Nobody).await.expect(200);
        assert_eq!(first.header("content-type"), Some(media_type), "{path}");
        assert_eq!(first.header("cache-control"), Some("no-cache"), "{path}");
        let policy = first.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{path}: {policy}");
        let again = shop.ask_at(Method::GET, path).by(Caller::Nobody).header("If-None-Match", &first.etag()).await;
        assert_eq!(again.etag(), first.etag(), "{path}");
        again.empty(304);
        shop.ask_at(Method::GET, path).by(Caller::Nobody).header("If-None-Match", "no tag").await.error(400);
        shop.ask_at(Method::POST, path).by(Caller::Nobody).await.error(405);
    }
    shop.ask_at(Method::GET, "/docs/").by(Caller::Nobody).await.error(404);
    shop.ask_at(Method::GET, "/schemas/events/nope.v1.json").by(Caller::Nobody).await.error(404);
}

#[tokio::test]
async fn every_schema_that_the_document_of_the_events_names_can_be_fetched() {
    let shop = Shop::open().await;
    let asyncapi = shop.ask_at(Method::GET, "/asyncapi.yaml").by(Caller::Nobody).await.expect(200);
    let origin = reqwest::Url::parse("http://service/asyncapi.yaml").expect("an address");
    let named = asyncapi.text.lines().filter_map(|line| line.trim().strip_prefix("$ref: ../"));
    let mut found = 0;
    for name in named {
        let path = origin.join(&format!("../{name}")).expect("a reference").path().to_owned();
        let schema = shop.ask_at(Method::GET, &path).by(Caller::Nobody).await.expect(200);
        assert_eq!(schema.header("content-type"), Some("application/schema+json"));
        let schema: Value = serde_json::from_str(&schema.text).expect("a schema is JSON");
        assert!(schema["$id"].is_string(), "{path}");
        found += 1;
    }
    assert_eq!(found, 16, "ten types of records, five kinds of reference data, the state");
}

#[tokio::test]
async fn every_operation_of_the_document_is_one_of_the_service() {
    let shop = Shop::open().await;
    for (path, item) in openapi(&shop).await["paths"].as_object().expect("paths") {
        // Development's issuer is off here, a variable stands for words, and of the rest the gateway answers some itself.
        if ["/oauth/", "/.well-known/", "/schemas/", "/metrics", "/health/"].iter().any(|begin| path.starts_with(begin))
        {
            continue;
        }
        for method in ["get", "post", "put", "patch", "delete"] {
            let operation = item.get(method);
            let asked =
                path.replace("{tenant}", &shop.tenant).replace("{kind}", "product").replace("{type}", "PRODUCT");
            let verb: Method = method.to_uppercase().parse().expect("a method");
            let answer = shop.ask_at(verb, &asked.replace(['{', '}'], "")).by(Caller::Nobody).await;
            match operation.map(|operation| operation["security"] == serde_json::json!([])) {
                None => drop(answer.error(405)),
                Some(true) => drop(answer.expect(200)),
                Some(false) => answer.fault("Invalid access token", "oauth.v2.InvalidAccessToken"),
            }
        }
    }
}

#[tokio::test]
async fn the_page_shows_every_operation_in_a_browser() {
    let Some(mut command) = browser::command() else { return };
    let shop = Shop::open().await;
    let page = shop.address("/docs");
    let dom = tokio::task::spawn_blocking(move || {
        // Time that runs as fast as the page can work, until nothing is left to do.
        python::output_of(command.args(["--virtual-time-budget=20000", "--dump-dom"]).arg(page))
    });
    let dom = dom.await.expect("the browser ends");
    let mut count = 0;
    for item in openapi(&shop).await["paths"].as_object().expect("paths").values() {
        for operation in item.as_object().expect("operations").values().filter(|one| one.is_object()) {
            let (name, summary) = (operation["operationId"].as_str(), operation["summary"].as_str());
            let (name, summary) = (name.expect("a name"), summary.expect("a summary"));
            assert!(dom.contains(&format!("data-operation=\"{name}\"")), "{name} is not shown");
            assert!(dom.contains(&format!(">{summary}<")), "the summary of {name} is not shown");
            count += 1;
        }
    }
    assert!(dom.contains(&format!("{count} of {count} operations")), "the page says how many it shows");
    assert!(dom.contains("address: segments.events.v1"), "the events are shown");
    assert!(!dom.contains("The documents cannot be shown"));
}
