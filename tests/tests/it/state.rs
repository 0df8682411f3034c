//! The topic of how segments are now: whatever becomes of its publishers, in the end it holds what the API answers, and never was
//! an older document behind a newer one.
//!
//! Runs with `STACK=kafka`.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use e2e::{
    Caller, Shop,
    samples::{named, without},
    stack::{Kind, Topics},
};
use rustix::process::Signal;
use serde_json::{Value, json};

/// Rounds of writes; in each a publisher is killed.
const ROUNDS: usize = 4;
const WRITES: usize = 60;

type Topic = BTreeMap<String, Vec<Option<Value>>>;

/// Creates, replaces, patches, assigns, deletes and creates again.
async fn write(shop: Shop, done: Arc<AtomicUsize>) -> Shop {
    for number in 0..ROUNDS * WRITES {
        let id = format!("g{}", number % 23);
        let body = without(named(&format!("größe {number}")), "id");
        match number % 7 {
            0..=2 => drop(shop.put(&format!("/{id}"), &body).await),
            3 => {
                let name = json!([{ "op": "add", "path": "/name/de", "value": format!("Stempel {number}") }]);
                shop.patch(&format!("/{id}"), &name).await;
            }
            4 => drop(shop.ask(reqwest::Method::PUT, &format!("/{id}/items/PRODUCT/p{number}")).await),
            5 => drop(shop.delete(&format!("/{id}?forceDelete=true")).await.empty(204)),
            _ => {
                let several: Value = (0..5).map(|more| named(&format!("g{}", (number + more) % 23))).collect();
                shop.put("/bulk", &several).await.expect(207);
            }
        }
        done.fetch_add(1, Ordering::Relaxed);
    }
    shop
}

/// The documents that the API answers, by key.
async fn answered(shop: &Shop, origin: &str) -> BTreeMap<String, Value> {
    let reads = Shop::of(&shop.tenant, origin);
    let token = shop.seen().expect("something was written");
    let all = reads.get("?pageSize=2000").header("X-Consistency-Token", &token).header("Prefer", "wait=10");
    let all = all.await.expect(200).json();
    let key = |one: &Value| format!("{}/{}", shop.tenant, one["id"].as_str().expect("an id"));
    all.as_array().expect("a list").iter().map(|one| (key(one), one.clone())).collect()
}

/// What the topic says.
fn last_of_each(topic: &Topic) -> BTreeMap<String, Value> {
    let last = topic.iter().filter_map(|(key, values)| Some((key.clone(), values.last()?.clone()?)));
    last.collect()
}

/// Whether each record of a segment is newer than the one before it: a version further, or of another life.
fn check_order(topic: &Topic) {
    for (key, values) in topic {
        let facts = values.iter().flatten().map(|value| {
            let metadata = &value["metadata"];
            (
                metadata["createdAt"].as_str().expect("a time").to_owned(),
                metadata["version"].as_u64().expect("a number"),
            )
        });
        let facts: Vec<_> = facts.collect();
        assert!(facts.is_sorted_by(|one, next| one < next), "{key}: {facts:?}");
    }
}

#[tokio::test]
async fn the_state_is_what_the_api_answers_whatever_becomes_of_its_publishers() {
    if Kind::of_this_run() != Kind::Kafka {
        return;
    }
    let topics = Topics::create().await.expect("this stack has a Kafka");
    let (_writes, origin) = topics.command_service("state-writes").await;
    let publish = |topic: &str| [format!("--kafka-state-topic={topic}")];
    let done = Arc::new(AtomicUsize::new(0));
    let shop = Shop::at(&origin);
    let writing = tokio::spawn(write(Shop::of(&shop.tenant, &origin), Arc::clone(&done)));
    for round in 1..=ROUNDS {
        let publisher = topics.query_service_with("state", &publish(&topics.state)).await;
        // On a database of its own, so that no lock keeps them apart: Kafka must.
        let rival = topics.query_service_with("state-rival", &publish(&topics.state)).await;
        let is_there = async || done.load(Ordering::Relaxed) >= round * WRITES;
        shop.eventually("the writes of a round", is_there).await;
        publisher.0.signal(Signal::KILL);
        rival.0.signal(Signal::KILL);
    }
    let shop = writing.await.expect("everything is written");

    let (_publisher, reads) = topics.query_service_with("state", &publish(&topics.state)).await;
    let expected = answered(&shop, &reads).await;
    assert!(expected.len() > 5, "{} segments are left", expected.len());
    let is_equal = async || last_of_each(&topics.compacted(&topics.state).await) == expected;
    shop.eventually("the state is as the API answers", is_equal).await;
    check_order(&topics.compacted(&topics.state).await);

    let again = format!("{}.again", topics.state);
    topics.create_state(&again).await;
    let _second = topics.query_service_with("state-again", &publish(&again)).await;
    let is_equal = async || last_of_each(&topics.compacted(&again).await) == expected;
    shop.eventually("a new topic holds the same", is_equal).await;
}

#[tokio::test]
async fn a_state_that_follows_from_another_log_is_left_alone() {
    if Kind::of_this_run() != Kind::Kafka {
        return;
    }
    let topics = Topics::create().await.expect("this stack has a Kafka");
    let publish = [format!("--kafka-state-topic={}", topics.state)];
    let (_writes, origin) = topics.command_service("state-one").await;
    let shop = Shop::at(&origin);
    shop.create(named("g1")).await;
    let publisher = topics.query_service_with("state-one-reads", &publish).await;
    let is_there = async || last_of_each(&topics.compacted(&topics.state).await).len() == 1;
    shop.eventually("the state is published", is_there).await;
    drop(publisher);
    let before = topics.compacted(&topics.state).await;

    let others = Topics::create().await.expect("this stack has a Kafka");
    let (_writes, origin) = others.command_service("state-other").await;
    Shop::at(&origin).create(named("g2")).await;
    let (_publisher, origin) = others.query_service_with("state-other-reads", &publish).await;
    let reads = Shop::at(&origin);
    let has_stopped = async || {
        let metrics = reads.ask_at(reqwest::Method::GET, "/metrics").by(Caller::Nobody).await.expect(200).text;
        metrics.lines().any(|line| line == "state_publisher_stopped_total 1")
    };
    reads.eventually("the publisher stops", has_stopped).await;
    assert_eq!(topics.compacted(&topics.state).await, before);
}
