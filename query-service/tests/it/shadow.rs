//! The match index against the SQL that says what match means: on random histories, and by its own second opinion.

use std::sync::Arc;

use proptest::{prelude::*, test_runner::TestRunner};
use query_service::{
    index::{Follower, Index},
    projector::{Health, Options},
    views::matching::{self, Question},
};
use reqwest::{Method, StatusCode};
use serde_json::json;
use shared::{
    Clock as _, SystemClock,
    ids::{ItemId, ItemType, SegmentId, Tenant},
    log::{
        EventLog as _,
        memory::{Faults, MemLog},
    },
    reference::{Kind, ReferenceLog as _},
};
use tokio::task::JoinHandle;

use crate::{
    api::{Api, MANAGE, Sent as _},
    story::Story,
    support::{Catalogue, Views, empty_log, eventually},
};

const TENANTS: [&str; 2] = ["acme", "beta"];
const SEGMENTS: u8 = 3;
const PRODUCTS: u8 = 5;
const CATEGORIES: u8 = 6;
/// Of the reference log: trees lie in several.
const REFERENCE_PARTITIONS: u16 = 2;
const BREAKS_AFTER: usize = 9;

/// What happens to a tenant. Ids are few, so that they meet again.
#[derive(Debug, Clone)]
enum Step {
    /// The salt decides on status, site and validity.
    Put(u8, u8),
    Delete(u8),
    AssignProduct(u8, u8),
    AssignCategory(u8, u8),
    Unassign(u8, prop::sample::Index),
    Join(u8),
    Announce,
    Category(u8, Option<u8>),
    CategoryGone(u8),
    Pair(u8, u8),
    PairGone(u8, u8),
}

fn steps() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let (segment, product, category) = (0..SEGMENTS, 0..PRODUCTS, 0..CATEGORIES);
    let step = prop_oneof![
        6 => (segment.clone(), any::<u8>()).prop_map(|(segment, salt)| Step::Put(segment, salt)),
        1 => segment.clone().prop_map(Step::Delete),
        3 => (segment.clone(), product.clone()).prop_map(|(segment, product)| Step::AssignProduct(segment, product)),
        6 => (segment.clone(), category.clone()).prop_map(|(segment, category)| Step::AssignCategory(segment, category)),
        2 => (segment.clone(), any::<prop::sample::Index>()).prop_map(|(segment, which)| Step::Unassign(segment, which)),
        1 => segment.prop_map(Step::Join),
        1 => Just(Step::Announce),
        8 => (category.clone(), prop::option::weighted(0.8, category.clone())).prop_map(|(id, above)| Step::Category(id, above)),
        1 => category.clone().prop_map(Step::CategoryGone),
        8 => (product.clone(), category.clone()).prop_map(|(product, category)| Step::Pair(product, category)),
        2 => (product, category).prop_map(|(product, category)| Step::PairGone(product, category)),
    ];
    prop::collection::vec((0..TENANTS.len(), step), 1..90)
}

async fn tell(story: &mut Story, catalogue: &Catalogue, tenant: &str, step: Step) {
    let (segment_id, product_id, category_id) =
        (|n: u8| format!("s{n}"), |n: u8| format!("i{n}"), |n: u8| format!("i{n}"));
    match step {
        Step::Put(segment, salt) => {
            let ends = ["2000-01-01T00:00:00Z", "2100-01-01T00:00:00Z"];
            let validity = match salt % 7 {
                0 => json!({ "to": ends[usize::from(salt / 7) % 2] }),
                1 => json!({ "from": ends[usize::from(salt / 7) % 2] }),
                2 => json!({ "from": ends[0], "to": ends[1] }),
                _ => json!(null),
            };
            let status = if salt % 5 == 0 { "INACTIVE" } else { "ACTIVE" };
            let site = if salt % 11 == 0 { "other" } else { "main" };
            let body = json!({ "name": { "en": "n" }, "status": status, "siteCode": site, "validity": validity });
            story.put(tenant, &segment_id(segment), body).await;
        }
        Step::Announce => story.announce().await,
        Step::Category(id, above) => {
            let parent = above.filter(|above| *above != id).map(category_id);
            let entry = match parent {
                Some(parent) => json!({ "id": category_id(id), "parentId": parent }),
                None => json!({ "id": category_id(id) }),
            };
            catalogue.put(tenant, Kind::Category, &[entry]).await;
        }
        Step::CategoryGone(id) => catalogue.delete(tenant, Kind::Category, &category_id(id)).await,
        Step::Pair(product, category) => {
            let pair = json!({ "productId": product_id(product), "categoryId": category_id(category) });
            catalogue.put(tenant, Kind::ProductCategory, &[pair]).await;
        }
        Step::PairGone(product, category) => {
            let id = format!("{}/{}", product_id(product), category_id(category));
            catalogue.delete(tenant, Kind::ProductCategory, &id).await;
        }
        Step::Delete(segment)
        | Step::AssignProduct(segment, _)
        | Step::AssignCategory(segment, _)
        | Step::Unassign(segment, _)
        | Step::Join(segment) => {
            let id = segment_id(segment);
            let Some(items) = story.items_of(tenant, &id) else { return };
            match step {
                Step::Delete(_) => drop(story.delete(tenant, &id).await),
                Step::AssignProduct(_, item) => {
                    story.assign(tenant, &id, ItemType::Product, &[&product_id(item)], None).await;
                }
                Step::AssignCategory(_, item) => {
                    story.assign(tenant, &id, ItemType::Category, &[&category_id(item)], None).await;
                }
                Step::Unassign(_, which) if !items.is_empty() => {
                    let item = which.get(&items);
                    story.unassign(tenant, &id, item.kind, item.id.as_str()).await;
                }
                _ => drop(story.join(tenant, &id, &["c1", "c1/le1"], None).await),
            }
        }
    }
}

/// An index that follows until it is dropped.
struct Followed {
    index: Index,
    task: JoinHandle<()>,
}

impl Followed {
    /// Its tail of reference data breaks now and then.
    fn begin(log: &MemLog, catalogue: &Catalogue) -> Self {
        let index = Index::new(log.partitions(), catalogue.log.partitions());
        let (log, reference) = (log.clone(), catalogue.log.breaking_after(BREAKS_AFTER));
        let follower =
            Follower::new(index.clone(), log, reference, Health::new(query_service::views::Version::FIRST, 0));
        Self { index, task: tokio::spawn(follower.run()) }
    }

    async fn catch_up(&self, story: &Story, catalogue: &Catalogue) {
        let mut everything = story.end().await;
        everything.merge(&catalogue.end().await);
        let has_read = async || self.index.is_ready() && self.index.progress().reached(&everything);
        eventually("the index has read everything", has_read).await;
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Asks both every question there is about few ids.
async fn compare(views: &Views, index: &Index) -> Result<(), TestCaseError> {
    let all: Vec<SegmentId> = (0..=SEGMENTS).map(|n| SegmentId::parse(&format!("s{n}")).expect("an id")).collect();
    let products: Vec<ItemId> = (0..=PRODUCTS).rev().map(|n| ItemId::parse(&format!("i{n}")).expect("an id")).collect();
    for tenant in TENANTS.map(|tenant| Tenant::parse(tenant).expect("a tenant")) {
        for segment_ids in std::iter::once(&*all).chain(all.chunks(1)) {
            for (site_code, valid_at, with_descendants) in [
                ("main", None, true),
                ("main", None, false),
                ("other", None, true),
                ("main", Some(SystemClock.now()), true),
            ] {
                let question = Question {
                    tenant: &tenant,
                    segment_ids,
                    site_code,
                    valid_at,
                    with_descendants,
                    products: &products,
                };
                let by_sql = matching::products(&views.reader, &question).await.expect("an answer");
                let by_index = index.products(&question);
                let by_index: Vec<&str> = by_index.iter().map(ItemId::as_str).collect();
                prop_assert_eq!(by_index, by_sql, "{:?}", question);
            }
        }
    }
    Ok(())
}

/// The law of the index: followed from the beginning or built anew, it answers what the SQL answers, also while tails break and
/// reference data lies in several partitions.
#[test]
fn the_index_answers_what_the_views_answer_on_random_histories() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let views = runtime.block_on(Views::of(REFERENCE_PARTITIONS));
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() });
    let outcome = runner.run(&(steps(), 0..4_u64, any::<u64>()), |(steps, bury_from, seed)| {
        runtime.block_on(async {
            views.clear().await;
            let (log, catalogue) = (empty_log(), Catalogue::spread_over(REFERENCE_PARTITIONS).await);
            log.set_faults(Faults { seed, break_tail: 0.1, ..Faults::default() });
            let mut story = Story::begin(&log).await;
            let projection = views.project_with(&log, Options { bury_from, ..Options::default() });
            let reference = views.follow(&catalogue);
            let followed = Followed::begin(&log, &catalogue);
            let half = steps.len() / 2;
            for (place, (tenant, step)) in steps.into_iter().enumerate() {
                if place == half {
                    views.catch_up(&story).await;
                    views.know(&catalogue).await;
                    followed.catch_up(&story, &catalogue).await;
                    compare(&views, &followed.index).await?;
                }
                tell(&mut story, &catalogue, TENANTS[tenant], step).await;
            }
            views.catch_up(&story).await;
            views.know(&catalogue).await;
            followed.catch_up(&story, &catalogue).await;
            compare(&views, &followed.index).await?;
            let rebuilt = Followed::begin(&log, &catalogue);
            rebuilt.catch_up(&story, &catalogue).await;
            compare(&views, &rebuilt.index).await?;
            projection.stop().await;
            reference.stop().await;
            Ok(())
        })
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

#[tokio::test]
async fn every_answer_that_is_compared_is_equal_also_while_events_come() {
    let metrics = metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder().expect("the only one");
    let count = |result: &str| {
        let name = format!("match_shadow_total{{result=\"{result}\"}} ");
        let text = metrics.render();
        text.lines().find_map(|line| line.strip_prefix(&*name)?.parse::<u64>().ok()).unwrap_or(0)
    };
    let mut api = Api::doubtful().await;
    let active = json!({ "name": { "en": "n" }, "status": "ACTIVE" });
    api.story.put("acme", "g1", active).await;
    api.catch_up().await;
    api.follow().await;
    let client = Arc::new(api.token(MANAGE, None));
    for number in 0..60 {
        if number % 3 == 0 {
            api.story.assign("acme", "g1", ItemType::Product, &[&format!("p{number}")], None).await;
        }
        let items: Vec<_> = (0..=number).map(|number| json!({ "id": format!("p{number}") })).collect();
        let body = json!({ "items": items, "segmentIds": ["g1"], "site": "main" });
        let answer = api.request_by(&client, Method::POST, "acme", "/match").json(&body).answer().await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    }
    eventually("all are counted", async || count("equal") + count("different") + count("skipped") >= 60).await;
    assert_eq!(count("different"), 0);
    assert!(count("equal") > 0);
}
