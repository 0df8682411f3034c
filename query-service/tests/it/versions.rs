//! A new version of the views, filled from the beginning of the logs, is the same as one that followed them; both are what a
//! fold of the logs says, and whatever is changed behind their backs is found.

use std::time::Duration;

use futures::StreamExt as _;
use proptest::{prelude::*, test_runner::TestRunner};
use query_service::{
    projector::{Lane, Options, deal},
    rebuild::{self, BATCH_RECORDS, Build},
    service::{self, Settings},
    verify::{Catalogue, Compared, Fold, Snapshot, compare},
    views::{Database, Registry, Version, checksum, owner, registry::State},
};
use serde_json::json;
use shared::{
    SystemClock,
    ids::{ItemType, SegmentId, Tenant},
    log::{EventLog as _, LogError, Partition, Record, memory::MemLog},
    reference::{Kind, ReferenceLog as _},
};
use sqlx::AssertSqlSafe;
use tokio::{runtime::Handle, sync::mpsc};

use crate::{
    batches::{Step, steps, tell},
    story::Story,
    support::{Catalogue as Told, PARTITIONS, Views, empty_log, eventually},
};

const KEEP: Duration = Duration::from_secs(3600);

/// Everything that the log holds, a few records at a time.
async fn heaps(log: &MemLog, at_once: usize) -> mpsc::Receiver<Result<Vec<Record>, LogError>> {
    let (send, heaps) = mpsc::channel(1);
    let mut from = Vec::new();
    for partition in (0..PARTITIONS).map(Partition::new) {
        let end = log.end(partition).await.expect("the log answers");
        from.push((partition, end));
    }
    let log = log.clone();
    tokio::spawn(async move {
        for (partition, end) in from.into_iter().filter(|(_, end)| *end > 0) {
            let mut tail = log.tail(vec![(partition, 0)]).chunks(1);
            let mut heap = Vec::new();
            let mut is_over = false;
            while !is_over {
                for record in tail.next().await.expect("the log goes on") {
                    let record = record.expect("a record");
                    is_over = log.end_after(record.offset) >= end;
                    heap.push(record);
                }
                if (heap.len() >= at_once || is_over) && send.send(Ok(std::mem::take(&mut heap))).await.is_err() {
                    return;
                }
            }
        }
    });
    heaps
}

fn nothing() -> Vec<Fold> {
    (0..PARTITIONS).map(|number| Fold::new(Partition::new(number), PARTITIONS)).collect()
}

/// What is told of the catalogue.
async fn fold_catalogue(told: Option<&Told>) -> Catalogue {
    let mut catalogue = Catalogue::default();
    let Some(told) = told else { return catalogue };
    let only = Partition::new(0);
    let end = told.log.end(only).await.expect("the log answers");
    let mut tail = told.log.tail(vec![(only, 0)]);
    let mut next = 0;
    while next < end {
        let record = tail.next().await.expect("the log goes on").expect("a record");
        next = record.offset + 1;
        catalogue.add(&record).expect("an entry");
    }
    catalogue
}

/// What differs between a version and the logs.
async fn differences(url: &str, version: Version, log: &MemLog, told: Option<&Told>) -> Vec<Compared> {
    let mut snapshot = Snapshot::of(&Database::at(url), version).await.expect("a snapshot");
    let found = snapshot.sums().await.expect("sums");
    let lanes = nothing().into_iter().map(Lane::fold).collect();
    let folds = deal(heaps(log, 7).await, lanes, |_| {}).await.expect("folded");
    let compared = compare(&snapshot, &found, &folds, &fold_catalogue(told).await);
    compared.into_iter().filter(|compared| !compared.is_equal).collect()
}

/// Fills the version of a build with what the log holds.
async fn fill(build: &Build, log: &MemLog, batch_records: usize) {
    build.fill(heaps(log, 5).await, nothing(), batch_records, |_| {}).await.expect("filled");
}

/// Loads what came since into the version of a build; what it was folded to.
async fn load(build: &Build, log: &MemLog, folds: Vec<Fold>) -> Vec<Fold> {
    let mut lanes = Vec::new();
    for fold in folds {
        lanes.push(build.lane(fold, PARTITIONS).await.expect("a lane"));
    }
    deal(heaps(log, 5).await, lanes, |_| {}).await.expect("loaded")
}

async fn checksum_of(url: &str, version: Version) -> Vec<String> {
    let pool = owner(&Database::at(url), version).expect("a URL");
    checksum::of(&pool).await.expect("a checksum").iter().map(ToString::to_string).collect()
}

/// How many documents name a schema by which they could not be found.
async fn unfindable_schemas(url: &str, version: Version) -> i64 {
    let pool = owner(&Database::at(url), version).expect("a URL");
    let count = "select count(*) from segment s where s.search #> '{metadata,mixins,m}' is not null and not exists
        (select from metadata_text m where m.tenant = s.tenant and m.text = s.search #>> '{metadata,mixins,m}')";
    sqlx::query_scalar(count).fetch_one(&pool).await.expect("a count")
}

#[test]
fn a_loaded_version_is_the_same_as_one_that_followed_and_both_are_what_the_log_says() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() });
    let outcome =
        runner.run(&(steps(), steps(), 1..40_u64, 1..20_usize), |(first, second, bury_from, batch_records)| {
            runtime.block_on(async {
                let (views, log) = (Views::empty().await, empty_log());
                views.register().await;
                let options = Options { bury_from, batch_records: 3, ..Options::default() };
                let _projection = views.project_with(&log, options);
                let mut story = Story::begin(&log).await;
                for step in first {
                    tell(&mut story, step).await;
                }
                let build = Build::begin(&Database::at(views.url())).await.expect("a build");
                fill(&build, &log, batch_records).await;
                // As if it had been killed here: what is loaded already is not loaded again.
                drop(build);
                let build = Build::begin(&Database::at(views.url())).await.expect("the same build");
                prop_assert_eq!(build.version().to_string(), "v2");
                prop_assert!(!build.is_empty().await.expect("an answer"));
                build.index().await.expect("indexed");
                for step in second {
                    tell(&mut story, step).await;
                }
                load(&build, &log, nothing()).await;
                views.catch_up(&story).await;
                prop_assert_eq!(checksum_of(views.url(), build.version()).await, views.checksum().await);
                for version in [Version::FIRST, build.version()] {
                    prop_assert_eq!(differences(views.url(), version, &log, None).await, vec![]);
                    prop_assert_eq!(unfindable_schemas(views.url(), version).await, 0);
                }
                Ok(())
            })
        });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_changed_behind_the_back_of_the_projector_is_found() {
    let (views, log, told) = (Views::empty().await, empty_log(), Told::empty().await);
    let (_projection, _following) = (views.project(&log), views.follow(&told));
    let name = json!({ "de": "Schuhe", "en": "Shoes \"and\" so on\n\u{1}" });
    told.put("acme", Kind::Customer, &[json!({ "id": "c1", "firstName": "Ada" }), json!({ "id": "c2" })]).await;
    told.put("acme", Kind::LegalEntity, &[json!({ "id": "le1", "name": "ACME" })]).await;
    told.put("acme", Kind::Product, &[json!({ "id": "p1", "name": name, "code": "P" }), json!({ "id": "p2" })]).await;
    told.put("acme", Kind::Category, &[json!({ "id": "k1", "parentId": "k0", "name": name, "position": 3 })]).await;
    told.put("acme", Kind::ProductCategory, &[json!({ "productId": "p1", "categoryId": "k1" })]).await;
    told.delete("acme", Kind::Product, "p2").await;
    let mut story = Story::begin(&log).await;
    for number in 0..40_u8 {
        for step in
            [Step::Put(number % 6, number), Step::Assign(number % 6, number % 4, true), Step::Join(number % 6, 1)]
        {
            tell(&mut story, step).await;
        }
    }
    story.assign("acme", "s0", ItemType::Product, &["p1"], None).await;
    story.join("acme", "s0", &["c1/le1"], None).await;
    tell(&mut story, Step::Delete(1)).await;
    views.catch_up(&story).await;
    views.know(&told).await;
    assert_eq!(differences(views.url(), Version::FIRST, &log, Some(&told)).await, []);

    for (table, damage, repair) in [
        ("segment", "set status = 'x' || status", "set status = substr(status, 2)"),
        ("item_assignment", "set version = version + 1", "set version = version - 1"),
        (
            "customer_assignment",
            "set mixins = '{\"a\":1}' where mixins is null",
            "set mixins = null where mixins::text = '{\"a\":1}'",
        ),
        ("segment_history", "set log_offset = -log_offset", "set log_offset = -log_offset"),
        (
            "past_item_assignment",
            "set ended_at = ended_at + interval '1 ms'",
            "set ended_at = ended_at - interval '1 ms'",
        ),
        ("past_customer_assignment", "set version = version + 1", "set version = version - 1"),
        (
            "customer",
            "set first_name = 'Eve' where first_name = 'Ada'",
            "set first_name = 'Ada' where first_name = 'Eve'",
        ),
        ("legal_entity", "set name = name || '.'", "set name = rtrim(name, '.')"),
        ("product", "set code = code || '.'", "set code = rtrim(code, '.')"),
        ("category", "set log_offset = log_offset + 1", "set log_offset = log_offset - 1"),
        ("product_category", "set category_id = category_id || '.'", "set category_id = rtrim(category_id, '.')"),
    ] {
        let change = async |change: &str| {
            let changed = sqlx::query(AssertSqlSafe(format!("update {table} {change}"))).execute(&views.owner).await;
            assert!(changed.expect(table).rows_affected() > 0, "{table} holds nothing");
        };
        change(damage).await;
        let found = differences(views.url(), Version::FIRST, &log, Some(&told)).await;
        assert_eq!(found.iter().map(|compared| &*compared.name).collect::<Vec<_>>(), [table]);
        change(repair).await;
    }
    assert_eq!(differences(views.url(), Version::FIRST, &log, Some(&told)).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_indexes_of_a_new_version_are_those_of_the_one_before() {
    let (views, log) = (Views::empty().await, empty_log());
    views.register().await;
    Story::begin(&log).await.put("acme", "g1", json!({ "name": { "en": "n" } })).await;
    let build = Build::begin(&Database::at(views.url())).await.expect("a build");
    let of = async |version: Version| -> Vec<String> {
        sqlx::query_scalar("select replace(indexdef, $1 || '.', '') from pg_indexes where schemaname = $1 and tablename <> 'index_to_make' order by 1")
            .bind(version.to_string())
            .fetch_all(&views.owner)
            .await
            .expect("indexes")
    };
    let all = of(Version::FIRST).await;
    // Only what enforces something in tables that are not filled with events, and what keeps the closure of categories.
    assert_eq!(of(build.version()).await.len(), 13);
    fill(&build, &log, BATCH_RECORDS).await;
    build.index().await.expect("indexed");
    assert_eq!(of(build.version()).await, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn services_follow_a_switch_and_the_way_back_and_what_is_dropped_is_gone() {
    let (views, log, told) = (Views::empty().await, empty_log(), Told::empty().await);
    let database = Database { connections: 4, ..Database::at(views.url()) };
    let settings = Settings {
        database: database.clone(),
        projector: Some(Options::default()),
        default_language: "en".to_owned(),
        enforce_validity: false,
        match_descendants: true,
        match_index: false,
        match_shadow: "0".parse().expect("a share"),
        event_streams: 0,
    };
    let clock = std::sync::Arc::new(SystemClock);
    let service = service::open(log.clone(), told.log.clone(), &settings, None, clock, &Handle::current())
        .await
        .expect("a service");
    let work = tokio::spawn(service.work);
    let (app, health) = (service.app, service.health);
    let mut story = Story::begin(&log).await;
    story.put("acme", "g1", json!({ "name": { "en": "one" } })).await;

    let mut build = Build::begin(&database).await.expect("a build");
    fill(&build, &log, BATCH_RECORDS).await;
    build.index().await.expect("indexed");
    build.hand_over().await.expect("handed over");
    story.put("acme", "g2", json!({ "name": { "en": "two" } })).await;
    eventually("it follows the log", async || differences(views.url(), build.version(), &log, None).await.is_empty())
        .await;
    build.catch_up().await.expect("caught up");
    assert!(matches!(Build::begin(&database).await, Err(rebuild::Error::Busy)));
    let second = build.version();
    assert_eq!(build.switch(KEEP).await.expect("switched"), (Some(Version::FIRST), true));
    assert!(health.now().check().ready);
    let registry = Registry::open(&database).await.expect("the registry");
    let last = story.put("acme", "g3", json!({ "name": { "en": "three" } })).await;
    let shows = async |expected: Version| {
        let app = app.now();
        assert_eq!(health.now().version(), expected);
        assert!(app.progress.wait(&app.reader, &last, tokio::time::Instant::now() + KEEP).await.expect("an answer"));
        let (tenant, id) = (Tenant::parse("acme").expect("a tenant"), SegmentId::parse("g3").expect("an id"));
        let row =
            query_service::views::segments::get(&app.reader, &tenant, &query_service::views::Visible::Everything, &id);
        assert!(row.await.expect("an answer").is_some());
    };
    shows(second).await;
    assert_eq!(rebuild::roll_back(&database, KEEP).await.expect("back"), (Some(second), Version::FIRST, true));
    shows(Version::FIRST).await;
    assert!(registry.give_up(Version::FIRST).await.is_err(), "it is read");
    registry.give_up(second).await.expect("given up");
    eventually("it is dropped", async || {
        let states: Vec<State> = registry.list().await.expect("versions").iter().map(|row| row.state).collect();
        states == [State::Active]
    })
    .await;
    assert_eq!(views.count("select count(*) from pg_namespace where nspname = 'v2'").await, 0);
    shows(Version::FIRST).await;
    assert!(rebuild::roll_back(&database, KEEP).await.is_err());
    // A number is never used again.
    assert_eq!(Build::begin(&database).await.expect("a build").version().to_string(), "v3");
    work.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_somebody_still_writes_to_is_dropped_when_they_are_done() {
    let views = Views::empty().await;
    let database = Database::at(views.url());
    views.register().await;
    let registry = Registry::open(&database).await.expect("the registry");
    let version = Build::begin(&database).await.expect("a build").version();
    registry.give_up(version).await.expect("given up");
    let pool = owner(&database, version).expect("a URL");
    let mut writing = pool.begin().await.expect("a transaction");
    sqlx::query("lock table segment in row exclusive mode").execute(&mut *writing).await.expect("locked");
    assert_eq!(registry.sweep().await.expect("it is not waited for"), []);
    writing.commit().await.expect("a commit");
    assert_eq!(registry.sweep().await.expect("dropped"), [version]);
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_of_another_layout_have_a_version_of_their_own() {
    let views = Views::empty().await;
    let registry = Registry::open(&Database::at(views.url())).await.expect("a registry");
    assert!(registry.active().await.is_err());
    assert!(Build::begin(&Database::at(views.url())).await.is_err(), "there is nothing to build it beside");
    assert_eq!(registry.active_or_new().await.expect("one"), Version::FIRST);
    assert_eq!(registry.active().await.expect("it"), Version::FIRST);
    let newer = "update segments_registry.view set layout = layout + 1";
    sqlx::query(newer).execute(&views.owner).await.expect("changed");
    // A program of this layout is deployed: its views may be built before it starts, beside those that others read.
    let log = empty_log();
    Story::begin(&log).await.put("acme", "g1", json!({ "name": { "en": "n" } })).await;
    let mut build = Build::begin(&Database::at(views.url())).await.expect("a build");
    fill(&build, &log, BATCH_RECORDS).await;
    build.index().await.expect("indexed");
    build.hand_over().await.expect("handed over");
    build.catch_up().await.expect("nobody reads one of this layout");
    assert_eq!(build.switch(KEEP).await.expect("switched"), (None, true));
    assert_eq!(registry.active_or_new().await.expect("another").to_string(), "v2");
    let states: Vec<State> = registry.list().await.expect("both").iter().map(|row| row.state).collect();
    assert_eq!(states, [State::Active, State::Active]);
    registry.give_up(Version::FIRST).await.expect("nobody of this layout reads it");
}
