//! The change feed: what is shown to whom, from where on, and what happens to streams.

use std::time::Duration;

use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use shared::{
    events::{headers, structured},
    ids::ItemType,
    log::{Acceptance, Partition, Verdict},
};
use tokio::time::timeout;

use crate::{
    api::{Api, MANAGE, READ, Sent as _},
    story::Story,
    support::{PARTITIONS, eventually},
};

const PATIENCE: Duration = Duration::from_secs(20);

/// A message of a stream.
#[derive(Debug, Clone, PartialEq)]
struct Message {
    id: String,
    event: Value,
}

/// A stream that is read.
struct Stream {
    response: Response,
    text: String,
    /// The last id that came, with or without an event.
    last_id: String,
}

impl Stream {
    async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK);
        Self { response, text: String::new(), last_id: String::new() }
    }

    /// The next message with an event; none when the stream is over.
    async fn next(&mut self) -> Option<Message> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let member = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                let (id, data) = (member("id: "), member("data: "));
                self.text = rest.to_owned();
                self.last_id = id.unwrap_or_else(|| self.last_id.clone());
                if let Some(data) = data {
                    let event = serde_json::from_str(&data).expect("JSON");
                    return Some(Message { id: self.last_id.clone(), event });
                }
            }
            let chunk = timeout(PATIENCE, self.response.chunk()).await.expect("something comes");
            self.text += str::from_utf8(&chunk.expect("it can be read")?).expect("UTF-8");
        }
    }

    async fn take(&mut self, count: usize) -> Vec<Message> {
        let mut messages = Vec::new();
        while messages.len() < count {
            messages.push(self.next().await.expect("the stream goes on"));
        }
        messages
    }

    /// The id that it begins with.
    async fn greeting(&mut self) -> String {
        while !self.text.contains("\n\n") {
            let chunk = timeout(PATIENCE, self.response.chunk()).await.expect("something comes");
            self.text += str::from_utf8(&chunk.expect("it can be read").expect("it goes on")).expect("UTF-8");
        }
        let id = self.text.lines().find_map(|line| line.strip_prefix("id: "));
        id.expect("an id").to_owned()
    }
}

/// What a stream of this tenant must show, in no particular order: the log, judged from its beginning.
fn expected(api: &Api, tenant: &str) -> Vec<Value> {
    let mut events = Vec::new();
    for partition in (0..PARTITIONS).map(Partition::new) {
        let mut rule = Acceptance::new(partition, PARTITIONS);
        for record in api.log.records(partition) {
            if rule.step(&record) == Verdict::Accepted && record.headers.get(headers::TENANT) == Some(tenant) {
                events.push(serde_json::from_slice(&structured(&record).expect("a CloudEvent")).expect("JSON"));
            }
        }
    }
    sorted(events)
}

fn sorted(mut events: Vec<Value>) -> Vec<Value> {
    events.sort_by_key(|event| event["id"].as_str().expect("an id").to_owned());
    events
}

fn events(messages: &[Message]) -> Vec<Value> {
    messages.iter().map(|message| message.event.clone()).collect()
}

fn body(name: &str) -> Value {
    json!({ "name": { "en": name } })
}

/// Writes of two tenants in all partitions, by one writer after another, with records between them that do not count.
async fn tell(story: &mut Story, round: usize) {
    for number in 0..4 {
        let id = format!("s{round}-{number}");
        story.put("acme", &id, body("one")).await;
        story.put("other", &id, body("of others")).await;
        story.stray("acme", &id).await;
        story.patch("acme", &id, body("two")).await;
    }
    story.announce().await;
    story.assign("acme", &format!("s{round}-0"), ItemType::Product, &["p1"], None).await;
}

#[tokio::test]
async fn every_id_goes_on_behind_its_event_without_loss_or_repetition() {
    let mut api = Api::start().await;
    for round in 0..3 {
        tell(&mut api.story, round).await;
    }
    let all = expected(&api, "acme");
    assert_eq!(all.len(), 27);
    let mut whole = Stream::of(api.events("acme", "?from=beginning")).await;
    let messages = whole.take(all.len()).await;
    assert_eq!(sorted(events(&messages)), all);
    for segment in ["s0-0", "s2-3"] {
        let of_segment = messages.iter().filter(|message| message.event["subject"] == segment);
        let number = |message: &Message| message.event["pseq"].as_str().and_then(|number| number.parse::<u64>().ok());
        let numbers: Vec<u64> = of_segment.map(|message| number(message).expect("a number")).collect();
        assert!(numbers.len() > 1 && numbers.is_sorted(), "{segment}: {numbers:?}");
    }
    drop(whole);

    for (place, last) in messages.iter().enumerate() {
        let wanted = sorted(events(&messages[place + 1..]));
        let request = api.events("acme", "").header("Last-Event-ID", &last.id);
        let rest = open(request).await.take(wanted.len()).await;
        assert_eq!(sorted(events(&rest)), wanted, "behind {}", last.id);
    }
    // What comes then is the next, and no filter changes where an id stands.
    let last = &messages.last().expect("there are some").id;
    let mut after =
        open(api.events("acme", "?type=segment-created,segment-deleted").header("Last-Event-ID", last)).await;
    tell(&mut api.story, 3).await;
    let created = after.take(4).await;
    assert!(created.iter().all(|message| message.event["type"] == "customer-segment.segment-created.v1"));
    let behind = created[1].id.clone();
    let mut rest = open(api.events("acme", &format!("?from={behind}"))).await.take(5).await;
    assert!(rest.iter().all(|message| !events(&created[..2]).contains(&message.event)));
    rest.extend(created[..2].iter().cloned());
    assert!(events(&rest).iter().all(|event| event["subject"].as_str().expect("a subject").starts_with("s3-")));
}

/// A stream, when one of those before has been found to be gone.
async fn open(request: RequestBuilder) -> Stream {
    let again = || request.try_clone().expect("no body").send();
    let mut response = None;
    eventually("a stream can be had", async || {
        let answer = again().await.expect("an answer");
        let is_there = answer.status() == StatusCode::OK;
        response = Some(answer);
        is_there
    })
    .await;
    Stream { response: response.expect("an answer"), text: String::new(), last_id: String::new() }
}

#[tokio::test]
async fn without_an_id_a_stream_begins_with_what_comes_now() {
    let mut api = Api::start().await;
    tell(&mut api.story, 0).await;
    // So many writers after the last event that one look back does not find it.
    for _ in 0..40 {
        api.story.announce().await;
    }
    api.catch_up().await;
    let mut stream = Stream::of(api.events("acme", "")).await;
    let greeting = stream.greeting().await;
    api.story.put("other", "g1", body("of others")).await;
    api.story.put("acme", "g1", body("now")).await;
    let [message] = stream.take(1).await.try_into().expect("one");
    assert_eq!(message.event["data"]["segment"]["name"], json!({ "en": "now" }));
    // The id that came before the first event is as good as any.
    let [again] = open(api.events("acme", &format!("?from={greeting}"))).await.take(1).await.try_into().expect("one");
    assert_eq!(again, message);
}

#[tokio::test]
async fn a_segment_is_watched_alone() {
    let mut api = Api::start().await;
    tell(&mut api.story, 0).await;
    let mut stream = Stream::of(api.events("acme", "?from=beginning&segmentId=s0-0&type=item-assigned")).await;
    let [message] = stream.take(1).await.try_into().expect("one");
    assert_eq!((&message.event["subject"], &message.event["data"]["itemId"]), (&json!("s0-0"), &json!("p1")));
    let attributes = ["id", "source", "specversion", "type", "time", "subject", "tenant", "datacontenttype"];
    assert!(attributes.iter().all(|name| message.event[name].is_string()), "{}", message.event);
}

#[tokio::test]
async fn what_is_not_a_place_in_this_log_is_refused() {
    let mut api = Api::start().await;
    tell(&mut api.story, 0).await;
    let good = Stream::of(api.events("acme", "?from=beginning")).await.take(3).await.remove(2).id;
    let other = {
        let mut other = Api::start().await;
        tell(&mut other.story, 0).await;
        Stream::of(other.events("acme", "?from=beginning")).await.take(3).await.remove(2).id
    };
    let (places, hash) = good.rsplit_once('.').expect("two parts");
    for (case, from, kind) in [
        ("nonsense", "yesterday", "syntax"),
        ("a consistency token", "s1.W1swLDFdXQ", "syntax"),
        ("fewer partitions", &*format!("e1.0-0.{hash}"), "unknown"),
        ("another hash", &*format!("{places}.0123456789abcdef"), "unknown"),
        ("behind the end", &*format!("e1.9999-0-0.{hash}"), "unknown"),
        ("no event", &*format!("e1.1-1-1.{hash}"), "unknown"),
        ("another log", &*other, "unknown"),
    ] {
        let answer = api.events("acme", &format!("?from={from}")).answer().await;
        assert_eq!((answer.status, &answer.body["details"]["type"]), (StatusCode::BAD_REQUEST, &json!(kind)), "{case}");
        let answer = api.events("acme", "").header("Last-Event-ID", from).answer().await;
        assert_eq!(
            (answer.status, &answer.body["details"]["field"]),
            (StatusCode::BAD_REQUEST, &json!("Last-Event-ID"))
        );
    }
    for (rest, field) in [
        ("?type=segment-made", "type"),
        ("?type=writer-started", "type"),
        ("?segmentId=a%2Fb", "segmentId"),
        ("?from=now&from=now", "from"),
    ] {
        let answer = api.events("acme", rest).answer().await;
        assert_eq!(
            (answer.status, &answer.body["details"]["field"]),
            (StatusCode::BAD_REQUEST, &json!(field)),
            "{rest}"
        );
    }
}

#[tokio::test]
async fn a_token_may_stand_in_the_query_of_the_feed_alone() {
    let api = Api::start().await;
    let token = api.token(&format!("{MANAGE} tenant=acme"), None);
    let client = reqwest::Client::new();
    let stream = client.get(api.events_url("acme", &format!("?access_token={token}"))).send().await.expect("an answer");
    assert_eq!(stream.status(), StatusCode::OK);
    let header = |name: &str| stream.headers().get(name).map(|value| value.to_str().expect("text").to_owned());
    assert_eq!(header("content-type").as_deref(), Some("text/event-stream"));
    assert_eq!(header("cache-control").as_deref(), Some("no-store"));
    assert_eq!(header("x-accel-buffering").as_deref(), Some("no"));
    let reader = api.token(&format!("{READ} tenant=acme"), None);
    for (case, tenant, rest, in_header, expected) in [
        ("no token", "acme", String::new(), None, StatusCode::UNAUTHORIZED),
        ("both", "acme", format!("?access_token={token}"), Some(&token), StatusCode::UNAUTHORIZED),
        ("twice", "acme", format!("?access_token={token}&access_token={token}"), None, StatusCode::UNAUTHORIZED),
        ("of another tenant", "other", format!("?access_token={token}"), None, StatusCode::FORBIDDEN),
        ("who only reads", "acme", String::new(), Some(&reader), StatusCode::FORBIDDEN),
    ] {
        let request = client.get(api.events_url(tenant, &rest));
        let request = in_header.into_iter().fold(request, |request, token| request.bearer_auth(token));
        assert_eq!(request.answer().await.status, expected, "{case}");
    }
    let elsewhere = api.events_url("acme", "").replace("/events", "/segments");
    let answer = client.get(format!("{elsewhere}?access_token={token}")).answer().await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn there_are_no_more_streams_than_there_may_be() {
    let api = Api::start().await;
    let streams = [Stream::of(api.events("acme", "")).await, Stream::of(api.events("acme", "")).await];
    let refused = api.events("acme", "").answer().await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        (&refused.body["details"]["type"], refused.header("Retry-After")),
        (&json!("too-many-streams"), Some("5"))
    );
    drop(streams);
    open(api.events("acme", "")).await;
}
