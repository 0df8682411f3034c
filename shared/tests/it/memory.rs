//! The log in memory: the contract, and that each fault does what it says.

use std::{
    sync::Arc,
    time::{Duration, Instant as RealTime},
};

use shared::{
    SystemClock,
    log::{
        EventLog, Partition,
        memory::{Call, Fault, Faults, Health, MemLog},
    },
};
use tokio::time::{Instant, sleep};

use crate::{
    contract::Site,
    records::{P0, P1, PARTITIONS, from_the_start, name, record, take, texts},
};

struct Plain;

impl Site for Plain {
    type Log = MemLog;

    async fn fresh() -> Option<(Self, MemLog)> {
        Some((Self, MemLog::new(PARTITIONS, Arc::new(SystemClock))))
    }

    async fn again(&self, log: MemLog) -> MemLog {
        log
    }
}

struct WithMarkers;

impl Site for WithMarkers {
    type Log = MemLog;

    async fn fresh() -> Option<(Self, MemLog)> {
        let slow = Duration::from_micros(10)..Duration::from_millis(2);
        let faults = Faults { seed: 1, latency: slow.clone(), lag: slow, ..Faults::default() };
        Some((Self, MemLog::new(PARTITIONS, Arc::new(SystemClock)).with_markers().with_faults(faults)))
    }

    async fn again(&self, log: MemLog) -> MemLog {
        log
    }
}

mod plain {
    contract!(super::Plain);
}

mod with_markers {
    contract!(super::WithMarkers);
}

fn log() -> MemLog {
    MemLog::new(PARTITIONS, Arc::new(SystemClock))
}

const SOON: Duration = Duration::from_secs(5);

#[tokio::test(start_paused = true)]
async fn each_fault_of_an_append_lands_what_it_says() {
    for (fault, succeeds, at_once, later) in [
        (Fault::Pass, true, vec!["1", "2", "3"], vec![]),
        (Fault::Fail, false, vec![], vec![]),
        (Fault::LandAndFail, false, vec!["1", "2", "3"], vec![]),
        (Fault::LandLater(SOON), false, vec![], vec!["1", "2", "3"]),
        (Fault::LandPrefix(2), false, vec!["1", "2"], vec![]),
        (Fault::LandWithout(1), false, vec!["1", "3"], vec![]),
        (Fault::Duplicate(Duration::ZERO), true, vec!["1", "2", "3", "1", "2", "3"], vec![]),
        (Fault::Duplicate(SOON), true, vec!["1", "2", "3"], vec!["1", "2", "3"]),
    ] {
        let log = log();
        let mut writer = log.open_writer(&name("a")).await.expect("a writer");
        log.script(Call::Append, [fault]);
        let batch = ["1", "2", "3"].map(|text| (P0, record(text))).to_vec();
        assert_eq!(log.append(&mut writer, batch).await.is_ok(), succeeds, "{fault:?}");
        assert_eq!(texts(&log.records(P0)), at_once, "{fault:?}");
        sleep(SOON * 2).await;
        assert_eq!(texts(&log.records(P0)), [at_once, later].concat(), "{fault:?}");
        log.append(&mut writer, vec![(P0, record("next"))]).await.expect("the script is over");
    }
}

#[tokio::test(start_paused = true)]
async fn what_lands_late_is_subject_to_the_fence_if_there_is_one() {
    for (log, expected) in [(log(), vec!["stop"]), (log().without_fencing(), vec!["stop", "late"])] {
        let mut old = log.open_writer(&name("a")).await.expect("a writer");
        log.script(Call::Append, [Fault::LandLater(SOON)]);
        log.append(&mut old, vec![(P0, record("late"))]).await.expect_err("scripted");
        log.fence(&name("a"), vec![(P0, record("stop"))]).await.expect("a fence");
        sleep(SOON * 2).await;
        assert_eq!(texts(&log.records(P0)), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn an_append_goes_on_when_nobody_waits_for_it() {
    let log = log();
    let mut writer = log.open_writer(&name("a")).await.expect("a writer");
    log.script(Call::Append, [Fault::Delay(SOON)]);
    let append = log.append(&mut writer, vec![(P0, record("1"))]);
    tokio::time::timeout(SOON / 2, append).await.expect_err("it takes longer");
    assert!(log.records(P0).is_empty());
    sleep(SOON).await;
    assert_eq!(texts(&log.records(P0)), ["1"]);
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_is_down_fails_its_batches_and_no_others() {
    let log = log();
    let mut writer = log.open_writer(&name("a")).await.expect("a writer");
    log.set_partition(P1, Health::Down);
    let both = || vec![(P0, record("both")), (P1, record("both"))];
    let doubt = log.append(&mut writer, both()).await.expect_err("a partition is down");
    assert_eq!(doubt.failed, [P1]);
    log.end(P1).await.expect_err("a partition is down");
    log.append(&mut writer, vec![(P0, record("alone"))]).await.expect("the other is up");
    log.set_partition(P1, Health::Up);
    log.append(&mut writer, both()).await.expect("all are up");
    assert_eq!(texts(&log.records(P0)), ["alone", "both"]);
    assert_eq!(texts(&log.records(P1)), ["both"]);
}

#[tokio::test(start_paused = true)]
async fn what_an_invisible_partition_takes_is_read_when_it_is_well_again() {
    let log = log();
    let mut writer = log.open_writer(&name("a")).await.expect("a writer");
    log.script(Call::Append, [Fault::Sick(P1, Health::Invisible, SOON)]);
    log.append(&mut writer, vec![(P0, record("0")), (P1, record("1"))]).await.expect("it is committed");
    assert_eq!(log.end(P1).await.expect("an end"), 0);
    let (mut tail, start) = (log.tail(from_the_start()), Instant::now());
    assert_eq!(texts(&take(&mut tail, 1).await), ["0"]);
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(texts(&take(&mut tail, 1).await), ["1"]);
    assert_eq!(start.elapsed(), SOON);
    assert_eq!(log.end(P1).await.expect("an end"), 1);
}

#[tokio::test(start_paused = true)]
async fn markers_and_aborted_batches_leave_holes() {
    let log = log().with_markers();
    let mut writer = log.open_writer(&name("a")).await.expect("a writer");
    log.append(&mut writer, vec![(P0, record("1")), (P0, record("2"))]).await.expect("an append");
    assert_eq!(log.end(P0).await.expect("an end"), log.end_after(1));
    log.script(Call::Append, [Fault::Fail]);
    log.append(&mut writer, vec![(P0, record("3"))]).await.expect_err("scripted");
    assert_ne!(log.end(P0).await.expect("an end"), log.end_after(1));
    log.append(&mut writer, vec![(P0, record("4"))]).await.expect("an append");
    let offsets: Vec<i64> = log.records(P0).iter().map(|record| record.offset).collect();
    assert_eq!(offsets, [0, 1, 5]);
}

#[tokio::test(start_paused = true)]
async fn scripts_reach_every_call() {
    let log = log();
    log.script(Call::Open, [Fault::Fail]);
    log.open_writer(&name("a")).await.expect_err("scripted");
    let mut writer = log.open_writer(&name("a")).await.expect("a writer");
    log.script(Call::Open, [Fault::LandAndFail]);
    log.open_writer(&name("a")).await.expect_err("scripted");
    log.append(&mut writer, vec![(P0, record("1"))]).await.expect_err("the open that failed had voided it");
    log.script(Call::End, [Fault::Fail]);
    log.end(P0).await.expect_err("scripted");
    log.script(Call::Fence, [Fault::LandLater(SOON)]);
    log.fence(&name("a"), vec![(P0, record("stop"))]).await.expect_err("scripted");
    assert!(log.records(P0).is_empty());
    sleep(SOON * 2).await;
    assert_eq!(texts(&log.records(P0)), ["stop"]);
}

/// A busy hour of two writers and a reader under every fault, told as text.
fn story(seed: u64) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let some = Duration::from_millis(1)..Duration::from_secs(2);
        let odds = 0.05;
        let log = log().with_markers().with_faults(Faults {
            seed,
            fail: odds,
            slow: odds,
            land_and_fail: odds,
            land_later: odds,
            late_announcement: odds,
            land_prefix: odds,
            land_without: odds,
            duplicate: odds,
            down: odds,
            invisible: odds,
            break_tail: odds,
            latency: some.clone(),
            lag: some.clone(),
            late: some.clone(),
            sick: some,
        });
        let start = Instant::now();
        let write = async |who: &str| {
            let mut writer = None;
            let mut story = String::new();
            for round in 0..100_u16 {
                let Some(mut open) = writer.take() else {
                    writer = log.open_writer(&name(who)).await.ok();
                    continue;
                };
                let batch = (0..round % 5).map(|place| (Partition::new(place % 3), record(&format!("{who}{round}"))));
                match log.append(&mut open, batch.collect()).await {
                    Ok(()) => writer = Some(open),
                    Err(doubt) => story += &doubt.to_string(),
                }
            }
            story
        };
        let (a, b) = tokio::join!(write("a"), write("b"));
        let ends = [log.end(P0).await, log.end(P1).await];
        let all: Vec<String> = [P0, P1].iter().flat_map(|partition| texts(&log.records(*partition))).collect();
        format!("{a} {b} {ends:?} {all:?} {:?}", start.elapsed())
    })
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let start = RealTime::now();
    let stories: Vec<String> = (0..5).map(story).collect();
    assert_eq!(stories, (0..5).map(story).collect::<Vec<_>>());
    assert!(stories.windows(2).all(|pair| pair[0] != pair[1]), "other seeds tell other stories");
    assert!(start.elapsed() < Duration::from_secs(30), "nobody really waits");
}
