//! The match index behind HTTP: what it answers when views cannot, and what views answer when it cannot.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use shared::{
    consistency::CONSISTENCY_TOKEN,
    ids::ItemType::{Category, Product},
    log::memory::{Call, Fault, Faults},
    reference::Kind,
};

use crate::{
    api::{Answer, Api, MANAGE, Sent as _},
    support::{Outage, eventually},
};

fn active() -> Value {
    json!({ "name": { "en": "n" }, "status": "ACTIVE" })
}

/// Asks which of the products are in `g1`.
fn ask(api: &Api, products: &[&str]) -> RequestBuilder {
    let items: Vec<Value> = products.iter().map(|id| json!({ "id": id })).collect();
    let body = json!({ "items": items, "segmentIds": ["g1"], "site": "main" });
    api.request_by(&api.token(MANAGE, None), Method::POST, "acme", "/match").json(&body)
}

fn matched(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.ids().join(" ")
}

/// `g1` has `p1`, and the index is ready.
async fn followed() -> Api {
    let mut api = Api::start().await;
    api.story.put("acme", "g1", active()).await;
    api.story.assign("acme", "g1", Product, &["p1"], None).await;
    api.catch_up().await;
    api.follow().await;
    api
}

#[tokio::test]
async fn a_match_waits_for_its_token_on_the_index_alone() {
    let mut api = followed().await;
    api.projection.take().expect("running").stop().await;
    for number in 0..20 {
        let id = format!("new{number}");
        let token = api.story.assign("acme", "g1", Product, &[&id], None).await.to_string();
        let answer = ask(&api, &[&id]).header(CONSISTENCY_TOKEN, &token).answer().await;
        assert_eq!(matched(&answer), id);
        assert_eq!(answer.header("X-View-Lag-Ms"), Some("0"));
    }
    let pair = json!({ "productId": "boots", "categoryId": "shoes" });
    api.catalogue.put("acme", Kind::ProductCategory, &[pair]).await;
    let mut token = api.catalogue.end().await;
    token.merge(&api.story.assign("acme", "g1", Category, &["shoes"], None).await);
    let token = token.to_string();
    let answer = ask(&api, &["boots", "p1"]).header(CONSISTENCY_TOKEN, &token).answer().await;
    assert_eq!(matched(&answer), "boots p1");
    let views = api.get("/g1").header(CONSISTENCY_TOKEN, &token).header("Prefer", "wait=0").answer().await;
    assert_eq!(views.status, StatusCode::SERVICE_UNAVAILABLE, "the views know nothing of it");
}

#[tokio::test]
async fn an_index_that_does_not_get_there_refuses_or_marks_its_answer() {
    let mut api = followed().await;
    api.leave();
    let token = api.story.assign("acme", "g1", Product, &["p2"], None).await.to_string();
    api.views.catch_up(&api.story).await;
    let asked = || ask(&api, &["p1", "p2"]).header(CONSISTENCY_TOKEN, &token);
    let refused = asked().header("Prefer", "wait=1").answer().await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.body["details"]["type"], "stale-view");
    assert_eq!(refused.header("Retry-After"), Some("1"));
    let lenient = asked().header("Prefer", "wait=0, handling=lenient").answer().await;
    assert_eq!((&*matched(&lenient), lenient.header("X-Consistency")), ("p1", Some("stale")));
    let foreign = ask(&api, &["p1"]).header(CONSISTENCY_TOKEN, "x").answer().await;
    assert_eq!(foreign.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_views_answer_until_the_index_is_ready_and_when_it_has_ended() {
    let mut api = Api::start().await;
    api.story.put("acme", "g1", active()).await;
    let token = api.story.assign("acme", "g1", Product, &["p1"], None).await.to_string();
    assert!(!api.index.is_ready());
    assert_eq!(matched(&ask(&api, &["p2", "p1"]).header(CONSISTENCY_TOKEN, &token).answer().await), "p1");
    api.follow().await;
    assert_eq!(matched(&ask(&api, &["p2", "p1"]).answer().await), "p1");

    api.projection.take().expect("running").stop().await;
    api.story.forge("acme", "g1").await;
    eventually("the index has ended", async || !api.index.is_ready()).await;
    assert_eq!(matched(&ask(&api, &["p2", "p1"]).answer().await), "p1");
}

/// Every tail breaks as soon as it has something to tell.
fn every_tail_breaks() -> Faults {
    Faults { break_tail: 1.0, ..Faults::default() }
}

#[tokio::test]
async fn while_the_log_cannot_be_read_the_views_answer_and_the_index_begins_when_it_can() {
    let mut api = Api::start().await;
    api.story.put("acme", "g1", active()).await;
    api.story.assign("acme", "g1", Product, &["p1"], None).await;
    api.catch_up().await;
    api.log.set_faults(every_tail_breaks());
    api.log.script(Call::End, [Fault::Fail, Fault::Fail]);
    api.begin_to_follow();
    for _ in 0..10 {
        assert_eq!(matched(&ask(&api, &["p1", "p2"]).answer().await), "p1");
    }
    assert!(!api.index.is_ready());
    api.log.set_faults(Faults::default());
    eventually("the index is ready", async || api.index.is_ready()).await;
    assert_eq!(matched(&ask(&api, &["p1", "p2"]).answer().await), "p1");
}

#[tokio::test]
async fn an_index_whose_tail_breaks_says_how_far_it_is_and_goes_on_when_it_is_back() {
    let mut api = followed().await;
    api.projection.take().expect("running").stop().await;
    api.log.set_faults(every_tail_breaks());
    let token = api.story.assign("acme", "g1", Product, &["p2"], None).await.to_string();
    let asked = || ask(&api, &["p1", "p2"]).header(CONSISTENCY_TOKEN, &token);
    let refused = asked().header("Prefer", "wait=0").answer().await;
    assert_eq!(
        (refused.status, &refused.body["details"]["type"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("stale-view"))
    );
    let lenient = asked().header("Prefer", "wait=0, handling=lenient").answer().await;
    assert_eq!((&*matched(&lenient), lenient.header("X-Consistency")), ("p1", Some("stale")));
    assert!(api.index.is_ready(), "it knows what it knew");
    api.log.set_faults(Faults::default());
    eventually("the index has it", async || asked().header("Prefer", "wait=0").answer().await.status == StatusCode::OK)
        .await;
    assert_eq!(matched(&asked().answer().await), "p1 p2");
}

#[tokio::test]
async fn questions_beyond_the_limit_are_answered_by_the_views() {
    let mut api = followed().await;
    api.projection.take().expect("running").stop().await;
    let token = api.story.assign("acme", "g1", Product, &["p2"], None).await.to_string();
    let ids: Vec<String> = (1..=query_service::index::MAX_ASKED + 1).map(|number| format!("p{number}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let (many, too_many) = (ask(&api, &ids[1..]), ask(&api, &ids));
    assert_eq!(matched(&many.header(CONSISTENCY_TOKEN, &token).answer().await), "p2");
    assert_eq!(matched(&too_many.answer().await), "p1", "the views do not know the newest");
}

#[tokio::test]
async fn a_match_needs_no_database_and_everything_catches_up_when_it_is_back() {
    let mut api = followed().await;
    let outage = Outage::of(&api.views.owner).await;
    assert_eq!(matched(&ask(&api, &["p1", "p2"]).answer().await), "p1");
    let token = api.story.assign("acme", "g1", Product, &["p2"], None).await.to_string();
    let answer = ask(&api, &["p1", "p2"]).header(CONSISTENCY_TOKEN, &token).answer().await;
    assert_eq!(matched(&answer), "p1 p2");
    let refused = api.get("/g1/items").answer().await;
    assert_eq!(
        (refused.status, &refused.body["details"]["type"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable"))
    );

    outage.end().await;
    eventually("the views show it too", async || {
        let answer = api.get("/g1/items").header(CONSISTENCY_TOKEN, &token).answer().await;
        answer.status == StatusCode::OK && answer.body.as_array().is_some_and(|rows| rows.len() == 2)
    })
    .await;
    assert_eq!(matched(&ask(&api, &["p1", "p2"]).answer().await), "p1 p2");
}
