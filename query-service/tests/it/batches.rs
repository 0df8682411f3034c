//! The law of the batches, on histories of any kind.

use proptest::{prelude::*, test_runner::TestRunner};
use query_service::projector::{Options, Writing};
use serde_json::json;
use shared::{ids::ItemType, log::memory::MemLog};

use crate::{
    story::Story,
    support::{Views, empty_log},
};

/// A command, or a new writer; segments, items and customers are few, so that they meet again.
#[derive(Debug, Clone)]
pub enum Step {
    Put(u8, u8),
    Patch(u8, u8),
    Delete(u8),
    Assign(u8, u8, bool),
    Unassign(u8),
    Join(u8, u8),
    Leave(u8),
    Announce,
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let segment = 0..6_u8;
    let step = prop_oneof![
        4 => (segment.clone(), any::<u8>()).prop_map(|(segment, salt)| Step::Put(segment, salt)),
        2 => (segment.clone(), any::<u8>()).prop_map(|(segment, salt)| Step::Patch(segment, salt)),
        1 => segment.clone().prop_map(Step::Delete),
        6 => (segment.clone(), 0..4_u8, any::<bool>()).prop_map(|(segment, item, with)| Step::Assign(segment, item, with)),
        2 => segment.clone().prop_map(Step::Unassign),
        6 => (segment.clone(), 0..4_u8).prop_map(|(segment, customer)| Step::Join(segment, customer)),
        2 => segment.prop_map(Step::Leave),
        1 => Just(Step::Announce),
    ];
    prop::collection::vec(step, 1..80)
}

/// Writes it, if it would be accepted.
pub async fn tell(story: &mut Story, step: Step) {
    let name = |segment: u8| (["acme", "beta"][usize::from(segment) % 2], format!("s{}", segment / 2));
    match step {
        Step::Put(segment, salt) => {
            let (tenant, id) = name(segment);
            let status = ["ACTIVE", "INACTIVE"][usize::from(salt) % 2];
            let schemas = json!({ "mixins": { "m": format!("https://schemas.example/{}.json", salt % 8) } });
            let body = json!({ "name": { "en": format!("n{salt}") }, "status": status, "mixins": { "m": salt }, "metadata": schemas });
            story.put(tenant, &id, body).await;
        }
        Step::Patch(segment, salt) => {
            let (tenant, id) = name(segment);
            if story.items_of(tenant, &id).is_some() {
                let change = json!({ "name": { "en": "patched" }, "description": { "de": format!("d{salt}") } });
                story.patch(tenant, &id, change).await;
            }
        }
        Step::Delete(segment) => {
            let (tenant, id) = name(segment);
            if story.items_of(tenant, &id).is_some() {
                story.delete(tenant, &id).await;
            }
        }
        Step::Assign(segment, item, with) => {
            let (tenant, id) = name(segment);
            let kind = [ItemType::Product, ItemType::Category][usize::from(item) % 2];
            if story.items_of(tenant, &id).is_some() {
                let mixins = with.then(|| json!({ "n": item }));
                story.assign(tenant, &id, kind, &[&format!("i{item}"), "both"], mixins).await;
            }
        }
        Step::Unassign(segment) => {
            let (tenant, id) = name(segment);
            if let Some(item) = story.items_of(tenant, &id).and_then(|items| items.first().cloned()) {
                story.unassign(tenant, &id, item.kind, item.id.as_str()).await;
            }
        }
        Step::Join(segment, customer) => {
            let (tenant, id) = name(segment);
            if story.customers_of(tenant, &id).is_some() {
                let one = ["c1", "c1/le1", "c1/le2", "c2"][usize::from(customer) % 4];
                let mixins = (customer % 2 == 0).then(|| json!({ "n": customer }));
                story.join(tenant, &id, &[one, "c3/le1"], mixins).await;
            }
        }
        Step::Leave(segment) => {
            let (tenant, id) = name(segment);
            if let Some(customer) = story.customers_of(tenant, &id).and_then(|customers| customers.first().cloned()) {
                story.leave(tenant, &id, &customer).await;
            }
        }
        Step::Announce => story.announce().await,
    }
}

/// The law of the batches: applied one by one, all at once or in parts, inserted or copied, with big deletions buried or not,
/// and interrupted by a crash, the same log makes the same views, and they are what the commands say.
#[test]
fn the_same_log_makes_the_same_views_in_batches_of_any_size() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let views = runtime.block_on(Views::empty());
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() });
    let histories = (steps(), 2..40_usize, 0..4_u64);
    let result = runner.run(&histories, |(steps, batch_records, bury_from)| {
        runtime.block_on(async {
            let log = empty_log();
            let mut story = Story::begin(&log).await;
            for step in steps {
                tell(&mut story, step).await;
            }
            let options =
                |batch_records, writing| Options { batch_records, writing: Some(writing), ..Options::default() };
            let one_by_one = rebuilt(&views, &log, &story, options(1, Writing::Inserted)).await;
            prop_assert_eq!(views.summary().await, story.summary());
            let options = Options { bury_from, bulk_from: 1, ..options(batch_records, Writing::Copied) };
            let in_parts = rebuilt(&views, &log, &story, options).await;
            prop_assert_eq!(&in_parts, &one_by_one);
            let at_once = rebuilt(&views, &log, &story, Options::default()).await;
            prop_assert_eq!(&at_once, &one_by_one);
            Ok(())
        })
    });
    result.expect("the views are equal");
}

async fn rebuilt(views: &Views, log: &MemLog, story: &Story, options: Options) -> Vec<String> {
    views.clear().await;
    let projection = views.project_with(log, options);
    views.catch_up(story).await;
    projection.stop().await;
    views.checksum().await
}
