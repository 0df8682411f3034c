//! Reading one's own writes, and reading without a database.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::json;
use shared::{
    consistency::{Acknowledged, CONSISTENCY_TOKEN, Place, Positions},
    ids::Tenant,
    log::Partition,
    reference::{Kind, ReferenceLog as _},
};

use crate::{
    api::{Api, Sent as _},
    support::{Outage, eventually},
};

fn name() -> serde_json::Value {
    json!({ "name": { "en": "n" } })
}

#[tokio::test]
async fn a_token_read_waits_for_the_view() {
    let mut api = Api::start().await;
    for number in 0..20 {
        let id = format!("s{number}");
        let token = api.story.put("acme", &id, name()).await;
        let answer = api.get(&format!("/{id}")).header(CONSISTENCY_TOKEN, token.to_string()).answer().await;
        assert_eq!(answer.status, StatusCode::OK, "{id}: {}", answer.body);
        assert!(answer.header("X-View-Lag-Ms").expect("a lag").parse::<u64>().is_ok());
    }
}

#[tokio::test]
async fn a_view_that_does_not_get_there_is_refused_or_marked() {
    let mut api = Api::start().await;
    api.story.put("acme", "g1", name()).await;
    api.catch_up().await;
    api.projection.take().expect("running").stop().await;
    let token = api.story.put("acme", "g2", name()).await.to_string();

    let started = Instant::now();
    let refused = api.get("/g2").header(CONSISTENCY_TOKEN, &token).header("Prefer", "wait=1").answer().await;
    assert!((1..3).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.body["details"]["type"], "stale-view");
    assert_eq!(refused.header("Retry-After"), Some("1"));

    let lenient =
        api.get("").header(CONSISTENCY_TOKEN, &token).header("Prefer", "wait=0, handling=lenient").answer().await;
    assert_eq!((lenient.status, lenient.header("X-Consistency")), (StatusCode::OK, Some("stale")));
    assert_eq!(lenient.ids(), ["g1"]);
    assert_eq!(api.get("/g1").answer().await.header("X-Consistency"), None);

    // Another process takes the projection over; this one sees it in the table.
    let elsewhere = query_service::progress::Progress::new(api.views.progress.partitions(), 1);
    let access = crate::support::open(api.views.url(), elsewhere.clone()).await;
    let clock = std::sync::Arc::new(shared::SystemClock);
    let options = query_service::projector::Options::default();
    let other = query_service::projector::Projector::new(api.log.clone(), access, elsewhere, clock, options);
    let task = tokio::spawn(other.run());
    let answer = api.get("/g2").header(CONSISTENCY_TOKEN, &token).header("Prefer", "wait=10").answer().await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    task.abort();
}

#[tokio::test]
async fn tokens_that_nobody_issued_are_refused() {
    let api = Api::start().await;
    let unknown = Positions::at(Partition::new(99), 1).to_string();
    for token in ["", "x", "s2.W10", &unknown] {
        for rest in ["", "/g1", "/items"] {
            let answer = api.get(rest).header(CONSISTENCY_TOKEN, token).answer().await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{token} {rest}");
            assert_eq!(answer.body["details"]["field"], CONSISTENCY_TOKEN, "{token} {rest}");
        }
    }
}

#[tokio::test]
async fn a_read_without_token_waits_a_little_for_what_its_process_acknowledged() {
    let acknowledged = Acknowledged::default();
    let mut api = Api::with(acknowledged.clone()).await;
    let tenant = Tenant::parse("acme").expect("a tenant");
    api.catch_up().await;
    for number in 0..20 {
        let id = format!("s{number}");
        let token = api.story.put("acme", &id, name()).await;
        acknowledged.record(&tenant, &token);
        assert_eq!(api.get(&format!("/{id}")).answer().await.status, StatusCode::OK, "{id}");
        assert_eq!(api.ids("").await.len(), number + 1);
    }
    api.projection.take().expect("running").stop().await;
    acknowledged.record(&tenant, &api.story.put("acme", "late", name()).await);
    let started = Instant::now();
    assert_eq!(api.get("/late").answer().await.status, StatusCode::NOT_FOUND);
    assert!(started.elapsed() >= Duration::from_millis(250), "{:?}", started.elapsed());
}

#[tokio::test]
async fn reads_wait_for_reference_data_and_without_a_token_only_those_that_show_it() {
    let acknowledged = Acknowledged::default();
    let mut api = Api::with(acknowledged.clone()).await;
    api.story.put("acme", "g1", name()).await;
    api.story.join("acme", "g1", &["c1"], None).await;
    api.catch_up().await;
    let only = Place::Reference(Partition::new(0));
    for round in 0..20 {
        api.catalogue.put("acme", Kind::Customer, &[json!({ "id": "c1", "firstName": format!("n{round}") })]).await;
        let token = Positions::at(only, api.catalogue.log.end(Partition::new(0)).await.expect("an end"));
        let answer = api.get("/g1/customers/c1").header(CONSISTENCY_TOKEN, token.to_string()).answer().await;
        assert_eq!(answer.body["customer"]["firstName"], format!("n{round}"));
    }

    let ahead = Positions::at(only, 1_000);
    let early = api.get("/g1").header(CONSISTENCY_TOKEN, ahead.to_string()).header("Prefer", "wait=0").answer().await;
    assert_eq!((early.status, &early.body["details"]["type"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("stale-view")));
    acknowledged.record(&Tenant::parse("acme").expect("a tenant"), &ahead);
    for (rest, waits) in
        [("", false), ("/g1", false), ("/items", true), ("/g1/customers", true), ("/g1/customers/c1", true)]
    {
        let started = Instant::now();
        assert_eq!(api.get(rest).answer().await.status, StatusCode::OK, "{rest}");
        assert_eq!(started.elapsed() >= Duration::from_millis(250), waits, "{rest}: {:?}", started.elapsed());
    }
}

#[tokio::test]
async fn without_database_reads_say_so_quickly_and_go_on_when_it_is_back() {
    let mut api = Api::start().await;
    api.story.put("acme", "g1", name()).await;
    api.catch_up().await;
    let outage = Outage::of(&api.views.owner).await;

    for rest in ["/g1", "", "/items"] {
        let started = Instant::now();
        let answer = api.get(rest).answer().await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{rest}: {}", answer.body);
        assert_eq!(answer.body["details"]["type"], "unavailable", "{rest}");
        assert!(started.elapsed() < Duration::from_secs(12), "{:?}", started.elapsed());
    }
    api.story.put("acme", "g2", name()).await;

    outage.end().await;
    eventually("reads are answered again", async || {
        let answer = api.get("").answer().await;
        answer.status == StatusCode::OK && answer.ids() == ["g1", "g2"]
    })
    .await;
}
