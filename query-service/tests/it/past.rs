//! The law of the past: how things were at any time, and at any version, is the fold of the log to that point.

use std::collections::BTreeMap;

use proptest::{prelude::*, test_runner::TestRunner};
use query_service::projector::Options;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use shared::{
    Timestamp,
    document::{Metadata, Mixins},
    events::Event,
};

use crate::{
    api::{Answer, Api, MANAGE, Sent as _},
    batches::{steps, tell},
    story::{Story, Told},
};

/// A segment at some time.
#[derive(Debug, Clone, Default)]
struct Moment {
    document: Option<Value>,
    items: BTreeMap<(String, String), Value>,
    customers: BTreeMap<(String, String), Value>,
}

/// What a segment went through.
#[derive(Debug, Default)]
struct Past {
    now: Moment,
    /// After each event, in order.
    moments: Vec<(Timestamp, Moment)>,
    /// Of the last life.
    versions: BTreeMap<u64, Value>,
    /// Type, time and document of each event about the document.
    entries: Vec<(&'static str, Timestamp, Option<Value>)>,
}

impl Past {
    fn fold(&mut self, told: &Told) {
        let now = &mut self.now;
        let mut left = |segment: &shared::document::Segment| {
            let document = json!(segment);
            now.document = Some(document.clone());
            (segment.metadata.version, document)
        };
        let entry = match &told.event {
            Event::SegmentCreated(event) => {
                self.versions.clear();
                Some(Some(left(&event.segment)))
            }
            Event::SegmentReplaced(event) => Some(Some(left(&event.segment))),
            Event::SegmentPatched(event) => Some(Some(left(&event.segment))),
            Event::SegmentDeleted(_) => {
                *now = Moment::default();
                Some(None)
            }
            Event::ItemAssigned(event) => {
                let (kind, id) = (event.item_type.to_string(), event.item_id.to_string());
                let row = json!({ "segmentId": event.segment_id, "item": { "id": id }, "type": kind });
                now.items.insert((kind, id), with(row, &event.mixins, &event.metadata));
                None
            }
            Event::ItemUnassigned(event) => {
                now.items.remove(&(event.item_type.to_string(), event.item_id.to_string()));
                None
            }
            Event::CustomerAssigned(event) => {
                let customer = event.customer();
                let entity = customer.legal_entity.as_ref().map(ToString::to_string);
                let mut row = json!({ "customer": { "id": customer.id }, "assignmentType": event.assignment_type });
                if let Some(entity) = &entity {
                    row["legalEntity"] = json!({ "id": entity });
                }
                let key = (customer.id.to_string(), entity.unwrap_or_default());
                now.customers.insert(key, with(row, &event.mixins, &event.metadata));
                None
            }
            Event::CustomerUnassigned(event) => {
                let customer = event.customer();
                let entity = customer.legal_entity.as_ref().map(ToString::to_string);
                now.customers.remove(&(customer.id.to_string(), entity.unwrap_or_default()));
                None
            }
        };
        if let Some(left) = entry {
            let document = left.map(|(version, document)| {
                self.versions.insert(version, document.clone());
                document
            });
            self.entries.push((told.event.event_type().as_str(), told.time, document));
        }
        self.moments.push((told.time, self.now.clone()));
    }

    /// After everything that happened until then.
    fn at(&self, time: Timestamp) -> Moment {
        let last = self.moments.iter().rev().find(|(then, _)| *then <= time);
        last.map(|(_, moment)| moment.clone()).unwrap_or_default()
    }

    /// Each time at which something happened, and one before all of them.
    fn times(&self) -> Vec<Timestamp> {
        let before = self.moments.iter().take(1).map(|(time, _)| Timestamp::from_unix_millis(time.unix_millis() - 1));
        let mut times: Vec<Timestamp> = before.chain(self.moments.iter().map(|(time, _)| *time)).collect();
        times.dedup();
        times
    }
}

fn with(mut row: Value, mixins: &Option<Mixins>, metadata: &Metadata) -> Value {
    if let Some(mixins) = mixins {
        row["mixins"] = json!(mixins);
    }
    row["metadata"] = json!(metadata);
    row
}

fn fold(story: &Story) -> BTreeMap<(String, String), Past> {
    let mut pasts: BTreeMap<(String, String), Past> = BTreeMap::new();
    for told in story.told() {
        let key = (told.tenant.to_string(), told.event.segment_id().to_string());
        pasts.entry(key).or_default().fold(told);
    }
    pasts
}

/// Nothing but what is there, or that it is not.
fn document(answer: Answer) -> Option<Value> {
    match answer.status {
        StatusCode::OK => Some(answer.body),
        StatusCode::NOT_FOUND => None,
        status => panic!("{status}: {}", answer.body),
    }
}

async fn check(api: &Api, tenant: &str, id: &str, past: &Past) {
    let token = api.token(&format!("{MANAGE} tenant={tenant}"), None);
    let ask = async |rest: &str| api.request_by(&token, Method::GET, tenant, &format!("/{id}{rest}")).answer().await;
    for time in past.times() {
        let Moment { document: expected, items, customers } = past.at(time);
        let what = format!("{tenant}/{id} at {time}");
        assert_eq!(document(ask(&format!("?asOf={time}")).await), expected, "{what}");
        let rows = |rows: BTreeMap<_, Value>| Value::from_iter(rows.into_values());
        assert_eq!(ask(&format!("/items?asOf={time}")).await.body, rows(items), "items of {what}");
        assert_eq!(ask(&format!("/customers?asOf={time}")).await.body, rows(customers), "customers of {what}");
    }
    for version in 1..=past.entries.len() as u64 + 1 {
        let found = document(ask(&format!("?version={version}")).await);
        assert_eq!(found.as_ref(), past.versions.get(&version), "{tenant}/{id} version {version}");
    }
    let entries = ask("/history?pageSize=2000").await.body;
    let entry = |entry: &Value| (entry["type"].clone(), entry["time"].clone(), entry.get("document").cloned());
    let found: Vec<_> = entries.as_array().expect("an array").iter().rev().map(entry).collect();
    let entry =
        |(kind, time, document): &(&str, Timestamp, Option<Value>)| (json!(kind), json!(time), document.clone());
    assert_eq!(found, past.entries.iter().map(entry).collect::<Vec<_>>(), "{tenant}/{id}");
}

#[test]
fn the_past_is_the_fold_of_the_log_to_that_point() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 12,
        max_shrink_iters: 100,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let histories = (steps(), steps(), 1..40_usize, 0..4_u64);
    let result = runner.run(&histories, |(first, then, batch_records, bury_from)| {
        runtime.block_on(async {
            let mut api = Api::start().await;
            // What was not projected as it came is projected in batches of any size, and big deletions wait to be done.
            for step in first {
                tell(&mut api.story, step).await;
            }
            api.catch_up().await;
            api.projection.take().expect("a projection").stop().await;
            for step in then {
                tell(&mut api.story, step).await;
            }
            let options = Options { batch_records, bury_from, ..Options::default() };
            api.projection = Some(api.views.project_with(&api.log, options));
            api.catch_up().await;
            for ((tenant, id), past) in fold(&api.story) {
                check(&api, &tenant, &id, &past).await;
            }
            Ok(())
        })
    });
    result.expect("the past is as it was");
}
