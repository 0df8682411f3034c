//! Reading what was written: `X-Consistency-Token`, `Prefer`, `X-View-Lag-Ms`.

use e2e::{Shop, samples::golden, stack};
use serde_json::json;
use shared::consistency::Positions;

/// A token of positions that the log will not reach while this test runs.
fn far_ahead() -> String {
    (0..6).map(|partition| (shared::log::Partition::new(partition), 1_000_000_000)).collect::<Positions>().to_string()
}

#[tokio::test]
async fn a_read_with_the_token_of_a_write_sees_it() {
    let shop = Shop::open().await;
    for round in 1..=20 {
        let written = shop.put("/g1", &with_round(round)).await;
        let token = written.header("X-Consistency-Token").expect("a token").to_owned();
        let read = shop.get("/g1").of_any_age().header("X-Consistency-Token", &token).await.expect(200);
        assert_eq!(read.json()["mixins"]["round"], round);
        assert!(read.header("X-View-Lag-Ms").is_some_and(|lag| lag.parse::<u64>().is_ok()));
        let listed = shop.get("").of_any_age().header("X-Consistency-Token", &token).await.expect(200);
        assert_eq!(listed.rows()[0]["mixins"]["round"], round);
    }
}

fn with_round(round: u64) -> serde_json::Value {
    e2e::samples::with(golden(), json!({ "mixins": { "round": round } }))
}

#[tokio::test]
async fn writes_that_change_nothing_have_a_token_too() {
    let shop = Shop::open().await;
    shop.create(golden()).await;
    for answer in [shop.patch("/g1", &json!([])).await, shop.delete("/nope").await, shop.put("/bulk", &json!([])).await]
    {
        assert!(answer.header("X-Consistency-Token").is_some(), "{}", answer.asked);
    }
}

#[tokio::test]
async fn a_token_that_nobody_gave_is_refused() {
    let shop = Shop::open().await;
    let of_another_log = Positions::at(shared::log::Partition::new(500), 1).to_string();
    for token in ["", "nonsense", "s1.", "s1.%%%", "s2.W10", &of_another_log] {
        for path in ["", "/g1", "/items"] {
            shop.get(path).header("X-Consistency-Token", token).await.error(400);
        }
        shop.post("/search", &json!({})).header("X-Consistency-Token", token).await.error(400);
    }
}

#[tokio::test]
async fn a_view_that_does_not_get_there_in_time_is_stale() {
    let shop = Shop::open().await;
    for path in ["", "/g1", "/items"] {
        let read = shop.get(path).header("X-Consistency-Token", &far_ahead()).header("Prefer", "wait=0");
        let answer = read.await;
        assert!(answer.header("Retry-After").is_some(), "{}", answer.asked);
        assert_eq!(answer.error(503)["details"]["type"], "stale-view");
    }
    let started = std::time::Instant::now();
    shop.get("").header("X-Consistency-Token", &far_ahead()).header("Prefer", "wait=1").await.error(503);
    assert!(started.elapsed().as_millis() >= 1000, "{:?}", started.elapsed());
}

#[tokio::test]
async fn an_old_answer_can_be_preferred_to_none() {
    let shop = Shop::open().await;
    let read = shop.get("").header("X-Consistency-Token", &far_ahead()).header("Prefer", "wait=0, handling=lenient");
    let answer = read.await.expect(200);
    assert_eq!((answer.header("X-Consistency"), answer.json()), (Some("stale"), json!([])));
}

#[tokio::test]
async fn without_a_token_one_process_shows_its_own_writes() {
    let shop = Shop::open().await;
    let is_one_process = stack::Kind::of_this_run() != stack::Kind::Kafka;
    for round in 1..=10 {
        shop.put("/g1", &with_round(round)).await;
        let read = shop.get("/g1").of_any_age().await;
        // Where reads and writes are apart, a client that sends no token may read what was before.
        if is_one_process {
            assert_eq!(read.expect(200).json()["mixins"]["round"], round);
        } else {
            assert!([200, 404].contains(&read.status), "{}", read.text);
        }
    }
}
