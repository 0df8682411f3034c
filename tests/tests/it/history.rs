//! The past of segments: what happened, how things were, what differs.

use e2e::{
    Answer, Caller, Shop,
    samples::{golden, named, with},
};
use serde_json::{Value, json};

/// `g1` is created, patched and replaced, holds `p1` and `c1`, is deleted with both, and created and replaced again.
async fn shop_with_two_lives() -> Shop {
    let shop = Shop::open().await;
    shop.create(golden()).await;
    shop.assign("g1", "PRODUCT", "p1").await;
    shop.join("g1", "c1").await;
    shop.patch("/g1", &json!([{ "op": "add", "path": "/name/de", "value": "Gold" }])).await.empty(204);
    shop.put("/g1", &with(golden(), json!({ "siteCode": "third" }))).await.empty(204);
    shop.delete("/g1?forceDelete=true").await.empty(204);
    shop.create(with(golden(), json!({ "siteCode": "again" }))).await;
    shop.put("/g1", &with(golden(), json!({ "siteCode": "last" }))).await.empty(204);
    shop
}

async fn see(shop: &Shop, path: &str) -> Answer {
    shop.get(path).by(Caller::Manager).await.expect(200)
}

/// The last part of the type of each entry, and the version.
fn told(history: &Answer) -> Vec<(String, Option<u64>)> {
    let word = |entry: &Value| entry["type"].as_str().expect("a type").replace("customer-segment.segment-", "");
    history.rows().iter().map(|entry| (word(entry).replace(".v1", ""), entry["version"].as_u64())).collect()
}

#[tokio::test]
async fn every_version_of_every_life_is_kept() {
    let shop = shop_with_two_lives().await;
    let history = see(&shop, "/g1/history").await;
    let expected = [
        ("replaced", Some(2)),
        ("created", Some(1)),
        ("deleted", None),
        ("replaced", Some(3)),
        ("patched", Some(2)),
        ("created", Some(1)),
    ];
    assert_eq!(told(&history), expected.map(|(word, version)| (word.to_owned(), version)));
    let entries = history.rows();
    assert_eq!(entries[0]["document"], shop.segment("g1").await);
    assert_eq!(entries[4]["operations"], json!([{ "op": "add", "path": "/name/de", "value": "Gold" }]));
    for entry in &entries {
        assert!(entry["actor"].as_str().is_some_and(|actor| actor.contains(':')), "{entry}");
        assert!(entry["document"].is_null() || entry["document"]["metadata"]["modifiedAt"] == entry["time"], "{entry}");
    }
    let page = shop.get("/g1/history?pageSize=4&pageNumber=2").header("X-Total-Count", "true").await.expect(200);
    assert_eq!((page.header("X-Total-Count"), page.rows()), (Some("6"), entries[4..].to_vec()));
}

#[tokio::test]
async fn a_segment_can_be_seen_at_any_version_and_any_time() {
    let shop = shop_with_two_lives().await;
    let entries = see(&shop, "/g1/history").await.rows();
    assert_eq!(see(&shop, "/g1?version=1").await.json()["siteCode"], "again");
    shop.get("/g1?version=3").await.error(404);
    for entry in &entries {
        let then = entry["time"].as_str().expect("a time");
        // Of what happened in the same millisecond, the last counts.
        let expected = entries.iter().find(|other| other["time"] == entry["time"]).expect("itself");
        let path = format!("/g1?asOf={then}");
        match expected.get("document") {
            Some(document) => assert_eq!(see(&shop, &path).await.json(), *document),
            None => drop(shop.get(&path).by(Caller::Manager).await.error(404)),
        }
    }
    // Deleted again, it stays readable.
    shop.delete("/g1").await.empty(204);
    assert_eq!(see(&shop, "/g1?version=2").await.json()["siteCode"], "last");
    assert_eq!(told(&see(&shop, "/g1/history?pageSize=1").await), [("deleted".to_owned(), None)]);
}

#[tokio::test]
async fn what_was_assigned_can_be_seen_at_any_time() {
    let shop = shop_with_two_lives().await;
    let entries = see(&shop, "/g1/history").await.rows();
    let (before, after) = (&entries[3]["time"], &entries[2]["time"]);
    let [before, after] = [before, after].map(|time| time.as_str().expect("a time").to_owned());
    let count = async |list: &str, time: &str| see(&shop, &format!("/g1/{list}?asOf={time}")).await.rows().len();
    for list in ["items", "customers"] {
        // Nothing lies between where both happened in one millisecond.
        assert_eq!(count(list, &before).await, usize::from(before != after), "{list}");
        assert_eq!(count(list, &after).await, 0, "{list}");
    }
}

#[tokio::test]
async fn versions_can_be_compared() {
    let shop = shop_with_two_lives().await;
    let diff = see(&shop, "/g1/diff?from=1&to=2").await;
    assert_eq!(diff.header("content-type"), Some("application/json-patch+json"));
    let site = json!({ "op": "replace", "path": "/siteCode", "value": "last" });
    assert!(diff.rows().contains(&site), "{}", diff.text);
    assert_eq!(see(&shop, "/g1/diff?from=2&to=2").await.json(), json!([]));
    shop.get("/g1/diff?from=1&to=3").await.error(404);
    shop.get("/g1/diff?from=1").await.error(400);
}

#[tokio::test]
async fn the_past_is_seen_by_who_manages_alone() {
    let shop = Shop::open().await;
    shop.create(named("g1")).await;
    shop.join("g1", "c1").await;
    let now = "2100-01-01T00:00:00Z";
    for path in ["/g1/history", "/g1/diff?from=1&to=1", "/g1?version=1"] {
        shop.get(path).by(Caller::Manager).await.expect(200);
        shop.get(path).by(Caller::Reader).await.error(403);
        shop.get(path).by(Caller::Customer("c1")).await.error(403);
    }
    for path in ["/g1", "/g1/items", "/g1/customers"] {
        let past = format!("{path}?asOf={now}");
        shop.get(&past).by(Caller::Manager).await.expect(200);
        shop.get(&past).by(Caller::Reader).await.error(403);
        shop.get(path).by(Caller::Manager).await.error(403);
    }
    shop.get("/g1?version=1&asOf=2100-01-01T00:00:00Z").await.error(400);
    shop.get("/nope/history").await.error(404);
}
