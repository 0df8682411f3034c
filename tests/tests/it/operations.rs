//! What operators ask: health and metrics of every process.

use e2e::{Caller, Shop, samples::golden, stack};
use reqwest::Method;

#[tokio::test]
async fn every_process_tells_that_it_lives_and_is_ready() {
    for origin in &stack::current().await.services {
        let process = Shop::at(origin);
        for path in ["/health/live", "/health/ready"] {
            let report = process.ask_at(Method::GET, path).by(Caller::Nobody).await.expect(200).json();
            assert_eq!(report["status"], "UP", "{origin}{path}: {report}");
        }
        let ready = process.ask_at(Method::GET, "/health/ready").by(Caller::Nobody).await.json();
        assert!(ready["checks"].as_array().is_some_and(|checks| !checks.is_empty()), "{ready}");
        process.ask_at(Method::POST, "/health/live").by(Caller::Nobody).await.error(405);
    }
}

#[tokio::test]
async fn every_process_counts_what_it_answers() {
    let shop = Shop::open().await;
    shop.create(golden()).await;
    shop.segment("g1").await;
    for (origin, status) in stack::current().await.services.iter().zip(["201", "200"]) {
        let metrics = Shop::at(origin).ask_at(Method::GET, "/metrics").by(Caller::Nobody).await.expect(200);
        assert!(metrics.header("content-type").is_some_and(|given| given.starts_with("text/plain; version=0.0.4")));
        let counted =
            |line: &str| line.starts_with("http_requests_total{") && line.contains(&format!("status=\"{status}\""));
        assert!(metrics.text.lines().any(counted), "{origin}: {}", metrics.text);
    }
}
