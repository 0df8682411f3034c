//! The past over HTTP: history, versions, instants, differences, and what was assigned.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use shared::{
    consistency::Positions,
    ids::ItemType::{Category, Product},
    log::Partition,
    reference::Kind,
};

use crate::api::{Answer, Api, MANAGE, OWN, READ, Sent as _};

async fn ask(api: &Api, rest: &str) -> Answer {
    api.request_by(&api.token(MANAGE, None), Method::GET, "acme", rest).answer().await
}

/// As [`ask`], and the answer is one of 200.
async fn see(api: &Api, rest: &str) -> Value {
    let answer = ask(api, rest).await;
    assert_eq!(answer.status, StatusCode::OK, "{rest}: {}", answer.body);
    answer.body
}

/// Everything happens one millisecond after the other: created, patched and deleted; then created and replaced.
async fn with_two_lives() -> Api {
    let mut api = Api::start().await;
    let names = |en: &str| json!({ "name": { "en": en, "de": format!("{en}-de") }, "status": "ACTIVE" });
    api.story.put("acme", "g1", names("first")).await;
    api.story.patch("acme", "g1", names("patched")).await;
    api.story.put("acme", "g1", names("third")).await;
    api.story.delete("acme", "g1").await;
    api.story.put("acme", "other", names("other")).await;
    api.story.put("acme", "g1", names("again")).await;
    api.story.put("acme", "g1", names("last")).await;
    api.catch_up().await;
    api
}

/// When the entries of `g1` happened, the first first.
async fn times(api: &Api) -> Vec<String> {
    let entries = see(api, "/g1/history").await;
    let times = entries.as_array().expect("an array").iter().rev();
    times.map(|entry| entry["time"].as_str().expect("a time").to_owned()).collect()
}

fn column(rows: &Value, pointer: &str) -> Vec<Value> {
    rows.as_array().expect("an array").iter().map(|row| row.pointer(pointer).cloned().unwrap_or_default()).collect()
}

#[tokio::test]
async fn history_tells_every_version_of_every_life_the_latest_first() {
    let api = with_two_lives().await;
    let history = see(&api, "/g1/history").await;
    assert_eq!(column(&history, "/version"), [json!(2), json!(1), Value::Null, json!(3), json!(2), json!(1)]);
    let types = ["replaced", "created", "deleted", "replaced", "patched", "created"];
    assert_eq!(column(&history, "/type"), types.map(|word| json!(format!("customer-segment.segment-{word}.v1"))));
    assert_eq!(column(&history, "/actor"), vec![json!("client:story"); 6]);
    let (patched, deleted) = (&history[4], &history[2]);
    assert_eq!(patched["operations"][0], json!({ "op": "add", "path": "/name", "value": patched["document"]["name"] }));
    assert_eq!(patched["time"], patched["document"]["metadata"]["modifiedAt"]);
    assert_eq!(patched["commandId"].as_str().map(str::len), Some(36));
    let members: Vec<&String> = deleted.as_object().expect("an object").keys().collect();
    assert_eq!(members, ["actor", "commandId", "time", "type"]);
    assert_eq!(history[0]["document"], api.get("/g1").answer().await.body);
}

#[tokio::test]
async fn history_has_pages_and_bounds_that_belong_to_it() {
    let api = with_two_lives().await;
    let page = api.request_by(&api.token(MANAGE, None), Method::GET, "acme", "/g1/history?pageSize=2&pageNumber=2");
    let page = page.header("X-Total-Count", "true").answer().await;
    assert_eq!(page.header("X-Total-Count"), Some("6"));
    assert_eq!(column(&page.body, "/version"), [Value::Null, json!(3)]);
    assert_eq!(see(&api, "/g1/history?pageNumber=9").await, json!([]));

    let times = times(&api).await;
    let (second, third) = (&times[1], &times[2]);
    // The deletion happened in the same millisecond as what came before it.
    let between = see(&api, &format!("/g1/history?from={second}&to={third}")).await;
    assert_eq!(column(&between, "/version"), [Value::Null, json!(3), json!(2)]);
    assert_eq!(see(&api, "/g1/history?to=2020-01-01T00:00:00Z").await, json!([]));
    let german = api.request_by(&api.token(MANAGE, None), Method::GET, "acme", "/g1/history?pageSize=1");
    let german = german.header("Accept-Language", "de").answer().await;
    assert_eq!(german.body[0]["document"]["name"], json!({ "de": "last-de" }));
}

#[tokio::test]
async fn a_version_is_that_of_the_last_life() {
    let mut api = with_two_lives().await;
    let name = |document: &Value| document["name"]["en"].clone();
    assert_eq!(name(&see(&api, "/g1?version=1").await), "again");
    assert_eq!(name(&see(&api, "/g1?version=2").await), "last");
    for version in ["3", "99999999999999999999"] {
        assert_eq!(ask(&api, &format!("/g1?version={version}")).await.status, StatusCode::NOT_FOUND);
    }
    api.story.delete("acme", "g1").await;
    api.catch_up().await;
    assert_eq!(api.get("/g1").answer().await.status, StatusCode::NOT_FOUND);
    assert_eq!(name(&see(&api, "/g1?version=2").await), "last");
}

#[tokio::test]
async fn an_instant_shows_what_was_there_then() {
    let api = with_two_lives().await;
    let times = times(&api).await;
    let at = async |time: &str| ask(&api, &format!("/g1?asOf={time}")).await;
    assert_eq!(at(&times[1]).await.body["name"]["en"], "patched");
    assert_eq!(at(&times[4]).await.body["name"]["en"], "again");
    assert_eq!(at("2100-01-01T00:00:00%2B01:00").await.body["name"]["en"], "last");
    // Before it was created; while it was deleted.
    for time in ["2020-01-01T00:00:00Z", &times[3]] {
        assert_eq!(at(time).await.status, StatusCode::NOT_FOUND, "{time}");
    }
}

#[tokio::test]
async fn a_past_document_is_shaped_and_tagged_as_a_present_one() {
    let api = with_two_lives().await;
    let manager = api.token(MANAGE, None);
    let request = |rest: &str| api.request_by(&manager, Method::GET, "acme", rest);
    let german = request("/g1?version=1&fields=name").header("Accept-Language", "de").answer().await;
    assert_eq!(german.body, json!({ "id": "g1", "name": { "de": "again-de" } }));
    let plain = request("/g1?version=1").answer().await;
    let (tag, other) = (plain.header("etag").expect("a tag"), german.header("etag").expect("a tag"));
    assert_ne!(tag, other);
    assert!(plain.header("X-View-Lag-Ms").is_some());
    let unchanged = request("/g1?version=1").header("If-None-Match", tag).answer().await;
    assert_eq!(unchanged.status, StatusCode::NOT_MODIFIED);
    let changed = request("/g1?version=2").header("If-None-Match", tag).answer().await;
    assert_eq!(changed.status, StatusCode::OK);
}

#[tokio::test]
async fn a_difference_leads_from_one_version_to_the_other() {
    let api = with_two_lives().await;
    let (one, two) = (see(&api, "/g1?version=1").await, see(&api, "/g1?version=2").await);
    for (from, to, before, after) in [(1, 2, &one, &two), (2, 1, &two, &one), (2, 2, &two, &two)] {
        let answer = ask(&api, &format!("/g1/diff?from={from}&to={to}")).await;
        assert_eq!(answer.header("content-type"), Some("application/json-patch+json"));
        let patch: json_patch::Patch = serde_json::from_value(answer.body).expect("a patch");
        assert_eq!(patch.is_empty(), from == to);
        let mut document = before.clone();
        json_patch::patch(&mut document, &patch).expect("it fits");
        assert_eq!(document, *after, "{from} to {to}");
    }
    // The first life had a third version.
    assert_eq!(ask(&api, "/g1/diff?from=1&to=3").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_never_was_has_no_past() {
    let api = with_two_lives().await;
    let long = "x".repeat(256);
    for id in ["nope", &long] {
        for rest in ["/history", "?version=1", "?asOf=2100-01-01T00:00:00Z", "/diff?from=1&to=1"] {
            let answer = ask(&api, &format!("/{id}{rest}")).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{id}{rest}");
            assert_eq!(answer.body["resourceId"], *id);
        }
        for rest in ["/items", "/customers"] {
            assert_eq!(see(&api, &format!("/{id}{rest}?asOf=2100-01-01T00:00:00Z")).await, json!([]));
        }
    }
    let stranger = api.token(&format!("{MANAGE} tenant=beta"), None);
    let answer = api.request_by(&stranger, Method::GET, "beta", "/g1/history").answer().await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn questions_that_make_no_sense_are_told_so() {
    let api = with_two_lives().await;
    for (rest, field) in [
        ("?version=1&asOf=2100-01-01T00:00:00Z", "asOf"),
        ("?version=0", "version"),
        ("?version=one", "version"),
        ("?version=", "version"),
        ("?version=1&version=2", "version"),
        ("?asOf=yesterday", "asOf"),
        ("?asOf=2100-01-01", "asOf"),
        // A plus that was not encoded is a space.
        ("?asOf=2100-01-01T00:00:00+01:00", "asOf"),
        ("/items?asOf=", "asOf"),
        ("/customers?asOf=now", "asOf"),
        ("/history?from=now", "from"),
        ("/history?to=1", "to"),
        ("/history?from=2100-01-01T00:00:01Z&to=2100-01-01T00:00:00Z", "from"),
        ("/history?pageSize=2001", "pageSize"),
        ("/history?pageNumber=0", "pageNumber"),
        ("/diff", "from"),
        ("/diff?from=1", "to"),
        ("/diff?from=0&to=1", "from"),
        ("/diff?from=1&to=2100-01-01T00:00:00Z", "to"),
    ] {
        let answer = ask(&api, &format!("/g1{rest}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{rest}");
        assert_eq!(answer.body["details"]["field"], field, "{rest}");
    }
}

#[tokio::test]
async fn the_past_is_for_who_manages_and_for_nobody_else() {
    let mut api = with_two_lives().await;
    api.story.join("acme", "g1", &["c1"], None).await;
    api.catch_up().await;
    let [reader, own] = [api.token(READ, None), api.token(OWN, Some("c1"))];
    let past = [
        "/history",
        "/diff?from=1&to=2",
        "?version=1",
        "?asOf=2100-01-01T00:00:00Z",
        "/items?asOf=2100-01-01T00:00:00Z",
    ];
    for rest in past.into_iter().chain(["/customers?asOf=2100-01-01T00:00:00Z", "?version=nonsense"]) {
        for token in [&reader, &own] {
            let answer = api.request_by(token, Method::GET, "acme", &format!("/g1{rest}")).answer().await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{rest}");
            let message = answer.body["details"]["message"].as_str().expect("a message");
            assert!(message.contains(MANAGE), "{rest}: {message}");
        }
        assert_ne!(ask(&api, &format!("/g1{rest}")).await.status, StatusCode::FORBIDDEN, "{rest}");
    }
    // Of the present, who manages sees nothing by that.
    assert_eq!(ask(&api, "/g1").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn what_was_assigned_can_be_filtered_and_paged_as_what_is() {
    let mut api = Api::start().await;
    api.catalogue.put("acme", Kind::Product, &[json!({ "id": "p1", "name": { "en": "Bag" } })]).await;
    api.story.put("acme", "g1", json!({ "name": { "en": "n" } })).await;
    api.story.assign("acme", "g1", Product, &["p1", "p2"], Some(json!({ "rank": 1 }))).await;
    api.story.assign("acme", "g1", Category, &["k1"], None).await;
    api.story.join("acme", "g1", &["c1", "c1/le1"], None).await;
    let full = api.story.told().last().expect("events").time;
    api.story.assign("acme", "g1", Product, &["p1"], Some(json!({ "rank": 2 }))).await;
    api.story.unassign("acme", "g1", Product, "p2").await;
    api.story.leave("acme", "g1", "c1").await;
    api.story.delete("acme", "g1").await;
    api.catch_up().await;

    let request = |rest: &str| api.request_by(&api.token(MANAGE, None), Method::GET, "acme", rest);
    let page = request(&format!("/g1/items?asOf={full}&q=mixins.rank:1&sort=item.id:desc&pageSize=1"));
    let page = page.header("X-Total-Count", "true").answer().await;
    assert_eq!((page.header("X-Total-Count"), &page.body[0]["item"]["id"]), (Some("2"), &json!("p2")));
    // Names are those of today: other systems tell no others.
    let bags = see(&api, &format!("/g1/items?asOf={full}&q=item.name:Bag")).await;
    assert_eq!(column(&bags, "/mixins/rank"), [json!(1)]);
    assert_eq!(bags[0]["item"]["name"], json!({ "en": "Bag" }));
    let customers = see(&api, &format!("/g1/customers?asOf={full}&fields=legalEntity.id")).await;
    assert_eq!(column(&customers, "/legalEntity/id"), [Value::Null, json!("le1")]);
    assert_eq!(see(&api, "/g1/items?asOf=2100-01-01T00:00:00Z").await, json!([]));
}

#[tokio::test]
async fn reads_of_the_past_wait_for_what_they_must_show() {
    let mut api = with_two_lives().await;
    let token = api.story.put("acme", "g1", json!({ "name": { "en": "newest" } })).await;
    let manager = api.token(MANAGE, None);
    let request = |rest: &str, token: &Positions| {
        let request = api.request_by(&manager, Method::GET, "acme", rest);
        request.header("X-Consistency-Token", token.to_string())
    };
    let paths = ["/g1?version=3", "/g1?asOf=2100-01-01T00:00:00Z", "/g1/diff?from=1&to=3", "/g1/history"];
    for rest in paths {
        assert_eq!(request(rest, &token).answer().await.status, StatusCode::OK, "{rest}");
    }
    let far_ahead = Positions::at(Partition::new(0), 1_000_000);
    for rest in paths.into_iter().chain(["/g1/items?asOf=2100-01-01T00:00:00Z"]) {
        let answer = request(rest, &far_ahead).header("Prefer", "wait=0").answer().await;
        assert_eq!(answer.body["details"]["type"], "stale-view", "{rest}");
    }
}
