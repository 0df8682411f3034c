//! The projector: every record counts once, whatever happens in between.

use std::time::Duration;

use query_service::{
    projector::{Options, State},
    views::{Visible, segments},
};
use serde_json::{Value, json};
use shared::{
    ids::{ItemType, SegmentId, Tenant},
    log::{Partition, memory::Health},
};

use crate::{
    batches::{Step, tell},
    story::Story,
    support::{PARTITIONS, Views, empty_log, eventually},
};

#[tokio::test]
async fn a_created_segment_can_be_read_as_it_was_created() {
    let (views, log) = (Views::empty().await, empty_log());
    let _projection = views.project(&log);
    let mut story = Story::begin(&log).await;

    let token = story.put("acme", "g1", json!({ "name": { "en": "Golden Segment" }, "status": "ACTIVE" })).await;
    views.reach(&token).await;

    let (tenant, id) = (Tenant::parse("acme").expect("a tenant"), SegmentId::parse("g1").expect("an id"));
    let row =
        segments::get(&views.reader, &tenant, &Visible::Everything, &id).await.expect("an answer").expect("a row");
    let document: Value = serde_json::from_str(&row.doc).expect("JSON");
    assert_eq!(document["name"], json!({ "en": "Golden Segment" }));
    assert_eq!(document["metadata"]["version"], json!(1));
    assert_eq!(row.version, 1);
    assert_eq!(row.incarnation.len(), 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crashes_and_lost_connections_neither_lose_nor_repeat_anything() {
    let (views, log) = (Views::empty().await, empty_log());
    let mut story = Story::begin(&log).await;
    for round in 0..25_u8 {
        // Two at once: each partition is projected by whoever has its lock.
        let projections =
            [views.project(&log), views.project_with(&log, Options { batch_records: 3, ..Options::default() })];
        for step in 0..12_u8 {
            let salt = round.wrapping_mul(31).wrapping_add(step);
            let (segment, other) = (salt % 6, salt % 4);
            let kinds = [Step::Put(segment, salt), Step::Assign(segment, other, true), Step::Join(segment, other)];
            tell(&mut story, kinds[usize::from(step) % 3].clone()).await;
            if step % 3 == 2 {
                tell(&mut story, Step::Patch(segment, salt)).await;
            }
            if salt % 23 == 0 {
                tell(&mut story, Step::Delete(salt % 6)).await;
            }
        }
        if round % 3 == 0 {
            let projectors = "select count(pg_terminate_backend(pid)) from pg_stat_activity
                where application_name like 'projector%' and datname = current_database()";
            views.count(projectors).await;
        }
        tokio::time::sleep(Duration::from_millis(u64::from(round))).await;
        drop(projections);
    }
    let _last = views.project(&log);
    views.catch_up(&story).await;
    assert_eq!(views.summary().await, story.summary());

    let fresh = Views::empty().await;
    let _projection = fresh.project(&log);
    fresh.catch_up(&story).await;
    assert_eq!(views.checksum().await, fresh.checksum().await);
}

#[tokio::test]
async fn what_another_projector_has_applied_is_not_applied_again() {
    let (views, log) = (Views::empty().await, empty_log());
    let mut story = Story::begin(&log).await;
    let name = json!({ "name": { "en": "n" } });
    story.put("acme", "first", name.clone()).await;
    let _projection = views.project(&log);
    views.catch_up(&story).await;

    // Somebody else takes the next record, as if the lock had not kept the two apart. Nothing of it may be written here.
    let partition = story.partition_of("acme", "first");
    let ghost = (0..).map(|n| format!("ghost{n}")).find(|id| story.partition_of("acme", id) == partition).expect("one");
    log.set_partition(partition, Health::Invisible);
    story.put("acme", &ghost, name.clone()).await;
    let acceptance = story.acceptance(partition);
    sqlx::query("update projection set next_offset = $1, acceptance = $2 where partition = $3")
        .bind(acceptance.next_offset())
        .bind(sqlx::types::Json(&acceptance))
        .bind(i16::try_from(partition.number()).expect("few"))
        .execute(&views.owner)
        .await
        .expect("moved");
    log.set_partition(partition, Health::Up);

    story.put("acme", "first", name).await;
    views.catch_up(&story).await;
    assert_eq!(views.summary().await, ["acme/first 2"]);
}

#[tokio::test]
async fn a_deleted_segment_takes_its_assignments_along_and_its_id_can_live_again() {
    let (views, log) = (Views::empty().await, empty_log());
    let _projection = views.project(&log);
    let mut story = Story::begin(&log).await;
    let body = json!({ "name": { "en": "Gold" }, "status": "ACTIVE" });
    story.put("acme", "g1", body.clone()).await;
    story.put("acme", "g1", body.clone()).await;
    story.assign("acme", "g1", ItemType::Product, &["p1", "p2"], None).await;
    story.join("acme", "g1", &["c1", "c1/le1"], None).await;
    views.catch_up(&story).await;
    assert_eq!(views.count("select count(*) from live_item_assignment").await, 2);
    assert_eq!(views.count("select count(*) from live_customer_assignment").await, 2);
    let (tenant, id) = (Tenant::parse("acme").expect("a tenant"), SegmentId::parse("g1").expect("an id"));
    let before =
        segments::get(&views.reader, &tenant, &Visible::Everything, &id).await.expect("an answer").expect("a row");

    story.delete("acme", "g1").await;
    views.catch_up(&story).await;
    assert_eq!(views.summary().await, Vec::<String>::new());

    story.put("acme", "g1", body).await;
    views.catch_up(&story).await;
    let after =
        segments::get(&views.reader, &tenant, &Visible::Everything, &id).await.expect("an answer").expect("a row");
    assert_eq!((before.version, after.version), (2, 1));
    assert_ne!(before.incarnation, after.incarnation);
    assert_eq!(views.count("select count(*) from item_assignment").await, 0);
    assert_eq!(views.count("select count(*) from customer_assignment").await, 0);
}

#[tokio::test]
async fn many_assignments_of_a_deleted_segment_vanish_at_once_and_are_removed_later() {
    let (views, log) = (Views::empty().await, empty_log());
    let _projection = views.project_with(&log, Options { bury_from: 4, ..Options::default() });
    let mut story = Story::begin(&log).await;
    story.put("acme", "g1", json!({ "name": { "en": "Gold" } })).await;
    story.assign("acme", "g1", ItemType::Product, &["p1", "p2"], None).await;
    story.join("acme", "g1", &["c1", "c2"], None).await;
    views.catch_up(&story).await;

    story.delete("acme", "g1").await;
    story.put("acme", "g1", json!({ "name": { "en": "again" } })).await;
    story.assign("acme", "g1", ItemType::Product, &["p2"], None).await;
    story.join("acme", "g1", &["c2"], None).await;
    views.catch_up(&story).await;
    assert_eq!(views.summary().await, story.summary());

    eventually("the dead rows are removed", async || views.count("select count(*) from buried").await == 0).await;
    assert_eq!(views.count("select count(*) from item_assignment").await, 1);
    assert_eq!(views.count("select count(*) from customer_assignment").await, 1);
    assert_eq!(views.summary().await, story.summary());
}

#[tokio::test]
async fn a_record_that_cannot_be_applied_stops_its_partition_and_no_other() {
    let (views, log) = (Views::empty().await, empty_log());
    let mut story = Story::begin(&log).await;
    let body = json!({ "name": { "en": "n" } });
    for number in 0..30 {
        story.put("acme", &format!("s{number}"), body.clone()).await;
    }
    let good = story.end().await;
    let sick = story.forge("acme", "s0").await;
    for number in 30..60 {
        story.put("acme", &format!("s{number}"), body.clone()).await;
    }
    let projection = views.project(&log);
    // Everything before the bad record is applied, also in its partition.
    views.reach(&good).await;

    eventually("the partition has stopped", async || {
        let states = projection.health.states();
        states.iter().all(|(partition, state)| matches!(state, State::Stopped(_)) == (*partition == sick))
    })
    .await;
    let others = story.end().await.iter().filter(|(place, _)| *place != sick.into()).collect();
    views.reach(&others).await;
    assert_eq!(
        views.progress.next_offset(sick),
        good.iter().find(|(place, _)| *place == sick.into()).map(|(_, next)| next)
    );
    eventually("it is the only problem", async || projection.health.problems().len() == 1).await;
}

#[tokio::test]
async fn views_of_another_log_are_left_alone() {
    let (views, log) = (Views::empty().await, empty_log());
    let mut story = Story::begin(&log).await;
    story.put("acme", "g1", json!({ "name": { "en": "n" } })).await;
    let projection = views.project(&log);
    views.catch_up(&story).await;
    projection.stop().await;
    let before = views.checksum().await;

    let projection = views.project(&empty_log());
    eventually("all partitions have stopped", async || {
        projection.health.states().iter().all(|(_, state)| matches!(state, State::Stopped(_)))
    })
    .await;
    eventually("nothing else", async || projection.health.problems().len() == usize::from(PARTITIONS)).await;
    assert_eq!(views.checksum().await, before);
}

#[tokio::test]
async fn views_that_were_dropped_come_back_equal() {
    let (mut views, log) = (Views::empty().await, empty_log());
    let mut story = Story::begin(&log).await;
    for number in 0..50_u8 {
        tell(&mut story, Step::Put(number % 6, number)).await;
        tell(&mut story, Step::Assign(number % 6, number % 4, true)).await;
        tell(&mut story, Step::Join(number % 6, number % 4)).await;
    }
    let projection = views.project(&log);
    views.catch_up(&story).await;
    projection.stop().await;
    let before = views.checksum().await;
    assert_eq!(before.len(), 13);

    sqlx::query("drop schema v1 cascade").execute(&views.owner).await.expect("dropped");
    views = views.opened_again().await;
    assert_eq!(views.progress.next_offset(Partition::new(0)), None);
    let _projection = views.project(&log);
    views.catch_up(&story).await;
    assert_eq!(views.checksum().await, before);
}

#[tokio::test]
async fn the_views_are_ready_once_they_have_caught_up() {
    let (views, log) = (Views::empty().await, empty_log());
    let mut story = Story::begin(&log).await;
    story.put_all("acme", (0..3_000).map(|n| (format!("s{n}"), json!({ "name": { "en": "n" } })))).await;
    let projection = views.project(&log);
    assert!(!projection.health.check().ready);
    eventually("ready", async || projection.health.check().ready).await;
    assert_eq!(views.count("select count(*) from segment").await, 3_000);
    let elsewhere = views.project(&log);
    eventually("ready, projected elsewhere", async || elsewhere.health.check().ready).await;
    assert!(elsewhere.health.states().iter().all(|(_, state)| *state == State::Standby));
}

#[tokio::test]
async fn a_partition_that_cannot_be_read_does_not_hold_up_the_others() {
    let (views, log) = (Views::empty().await, empty_log());
    let mut story = Story::begin(&log).await;
    let name = json!({ "name": { "en": "n" } });
    let sick = story.partition_of("acme", "s0");
    let _projection = views.project(&log);
    story.put("acme", "s0", name.clone()).await;
    views.catch_up(&story).await;

    log.set_partition(sick, Health::Down);
    for number in 1..40 {
        let id = format!("s{number}");
        if story.partition_of("acme", &id) != sick {
            story.put("acme", &id, name.clone()).await;
        }
    }
    views.catch_up(&story).await;

    log.set_partition(sick, Health::Up);
    story.put("acme", "s0", name).await;
    views.catch_up(&story).await;
    assert_eq!(views.summary().await, story.summary());
}

#[tokio::test]
async fn empty_views_are_filled_without_some_indexes_which_come_back_as_they_were() {
    // What they are, and an identity that ends with them: an index that was made again is another one.
    let indexes = async |views: &Views| -> (Vec<String>, Vec<i64>) {
        let all = "select indexdef, (schemaname || '.' || indexname)::regclass::oid::bigint from pg_indexes
                   where schemaname = 'v1' order by indexname";
        let rows: Vec<(String, i64)> = sqlx::query_as(all).fetch_all(&views.owner).await.expect("indexes");
        rows.into_iter().unzip()
    };
    let (views, log) = (Views::empty().await, empty_log());
    let mut story = Story::begin(&log).await;
    story
        .put_all("acme", (0..2_000).map(|n| (format!("s{n}"), json!({ "name": { "en": "n" }, "mixins": { "n": n } }))))
        .await;
    let (before, identities) = indexes(&views).await;
    let is_bulky: Vec<bool> = before.iter().map(|definition| definition.contains("USING gin")).collect();
    assert_eq!(is_bulky.iter().filter(|bulky| **bulky).count(), 9, "{before:?}");

    let projection = views.project_with(&log, Options { bulk_from: 1_000, ..Options::default() });
    eventually("ready", async || projection.health.check().ready).await;
    let (after, new_identities) = indexes(&views).await;
    assert_eq!(after, before);
    let is_new: Vec<bool> = identities.iter().zip(&new_identities).map(|(old, new)| old != new).collect();
    assert_eq!(is_new, is_bulky);
    assert_eq!(views.summary().await, story.summary());

    // A crash after the indexes were dropped.
    projection.stop().await;
    sqlx::query("drop index segment_by_search, segment_by_texts, item_assignment_by_search")
        .execute(&views.owner)
        .await
        .expect("dropped");
    let projection = views.project(&log);
    eventually("ready again", async || projection.health.check().ready).await;
    assert_eq!(indexes(&views).await.0, before);
}
