//! The writer on the log in memory, one situation each. What may come in any order is the simulation's.

mod snapshots;

use std::{sync::Arc, time::Duration};

use serde_json::json;
use shared::{
    Clock, Timestamp,
    clock::SharedClock,
    events::{Actor, CommandStamp, Control},
    ids::{SegmentId, SegmentKey, Tenant},
    log::{
        EventLog, LockEvent, LockEvents, Partition, WriterName, all_granted,
        memory::{Call, Fault, Health, MemLog},
        partition_of,
    },
};
use tokio::{sync::oneshot, task::JoinHandle, time::Instant};
use uuid::Uuid;

use super::{Answer, Ended, Failure, Outcome, Request, WriterConfig, WriterHandle, prepare};
use crate::domain::{Action, Command, Condition, ContentLanguage, Draft, Effect, Rejection};

const PARTITIONS: u16 = 2;

/// The runtime's clock, some time off.
#[derive(Debug)]
struct TestClock {
    started: Instant,
    off: Duration,
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let elapsed = self.started.elapsed() + self.off;
        Timestamp::from_unix_millis(1_750_000_000_000 + elapsed.as_millis() as i64)
    }
}

fn clock(off: Duration) -> SharedClock {
    Arc::new(TestClock { started: Instant::now(), off })
}

fn log() -> MemLog {
    MemLog::new(PARTITIONS, clock(Duration::ZERO))
}

fn config(instance: &str) -> WriterConfig {
    WriterConfig::new(instance, WriterName(format!("test.{instance}")))
}

/// Without a thread of its own, where time could not be held.
async fn start_at(
    log: MemLog,
    clock: SharedClock,
    config: WriterConfig,
    locks: LockEvents,
) -> (WriterHandle, JoinHandle<Ended>) {
    let prepared = prepare(log, || locks, clock, Box::new(Uuid::now_v7), config).await;
    let (handle, writer) = prepared.expect("the log is readable");
    (handle, tokio::spawn(writer))
}

async fn start_with(log: &MemLog, config: WriterConfig, locks: LockEvents) -> (WriterHandle, JoinHandle<Ended>) {
    start_at(log.clone(), clock(Duration::ZERO), config, locks).await
}

async fn serving(log: &MemLog) -> (WriterHandle, JoinHandle<Ended>) {
    let (mut handle, ended) = start_with(log, config("a"), all_granted(PARTITIONS)).await;
    handle.ready().await;
    (handle, ended)
}

fn create(id: &str, text: &str) -> Request {
    let key = SegmentKey::new(Tenant::parse("acme").expect("a tenant"), SegmentId::parse(id).expect("an id"));
    let body = json!({ "name": { "en": text }, "siteCode": "main" });
    let draft = Draft::parse(body, &ContentLanguage::Any).expect("a draft");
    let command = Command { key, condition: Condition::default(), action: Action::CreateSegment(draft) };
    Request {
        command,
        stamp: CommandStamp { id: Uuid::now_v7(), hash: blake3::hash(text.as_bytes()) },
        actor: Actor("client:test".to_owned()),
        correlation_id: None,
        causation_id: None,
        trace_parent: None,
        trace_state: None,
        size: text.len(),
    }
}

fn keyed(request: Request, key: &str) -> Request {
    let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, key.as_bytes());
    Request { stamp: CommandStamp { id, ..request.stamp }, ..request }
}

/// An id of a segment in that partition.
fn id_in(partition: u16, nth: usize) -> String {
    let tenant = Tenant::parse("acme").expect("a tenant");
    let in_partition = |id: &String| {
        let key = SegmentKey::new(tenant.clone(), SegmentId::parse(id).expect("an id"));
        partition_of(&key, PARTITIONS) == Partition::new(partition)
    };
    (0..).map(|number| format!("s{number}")).filter(in_partition).nth(nth).expect("there are enough")
}

fn is_created(answer: &Result<Answer, Failure>) -> bool {
    matches!(answer, Ok(Answer { outcome: Outcome::Changed(receipt), .. }) if receipt.effect == Effect::Created)
}

#[tokio::test(start_paused = true)]
async fn a_command_is_answered_with_its_place_in_the_log() {
    let log = log();
    let (writer, _) = serving(&log).await;
    let answer = writer.submit(create(&id_in(1, 0), "x")).await.expect("accepted");
    let last = log.records(Partition::new(1)).last().map(|record| record.offset);
    assert_eq!((answer.partition, Some(answer.next_offset - 1)), (Partition::new(1), last));
    let again = writer.submit(create(&id_in(1, 0), "y")).await;
    assert_eq!(again, Err(Failure::Rejected(Rejection::AlreadyExists)));
}

#[tokio::test(start_paused = true)]
async fn a_key_sent_again_is_answered_again_even_by_a_new_writer_and_another_request_under_it_is_refused() {
    let log = log();
    let (writer, ended) = serving(&log).await;
    let first = writer.submit(keyed(create("s1", "x"), "k")).await.expect("accepted");
    let replayed = Answer { replayed: true, ..first.clone() };
    assert_eq!(writer.submit(keyed(create("s1", "x"), "k")).await, Ok(replayed.clone()));
    assert_eq!(writer.submit(keyed(create("s1", "other"), "k")).await, Err(Failure::KeyReused));
    ended.abort();
    let (writer, _) = serving(&log).await;
    assert_eq!(writer.submit(keyed(create("s1", "x"), "k")).await, Ok(replayed));
}

#[tokio::test(start_paused = true)]
async fn two_requests_with_one_key_in_flight_get_the_same_answer_from_one_record() {
    let log = log();
    let (writer, _) = serving(&log).await;
    let (one, two) = (writer.submit(keyed(create("s1", "x"), "k")), writer.submit(keyed(create("s1", "x"), "k")));
    let (one, two) = tokio::join!(one, two);
    assert!(is_created(&one));
    assert_eq!(one, two);
}

#[tokio::test(start_paused = true)]
async fn what_exceeds_the_queue_is_refused_and_not_executed() {
    let log = log();
    let small = WriterConfig { queue_commands: 3, ..config("a") };
    let (mut writer, _) = start_with(&log, small, all_granted(PARTITIONS)).await;
    writer.ready().await;
    log.script(Call::Append, [Fault::Delay(Duration::from_secs(1))]);
    let first = tokio::spawn(writer.submit(create(&id_in(0, 0), "x")));
    tokio::time::sleep(Duration::from_millis(1)).await;
    let more: Vec<_> = (1..6).map(|nth| writer.submit(create(&id_in(0, nth), "x"))).collect();
    let answers = futures::future::join_all(more).await;
    assert!(is_created(&first.await.expect("answered")));
    assert_eq!(answers.iter().filter(|answer| is_created(answer)).count(), 2);
    assert_eq!(answers.iter().filter(|answer| **answer == Err(Failure::NOT_EXECUTED)).count(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_event_beyond_the_record_limit_is_refused_alone() {
    let log = log();
    let (writer, _) = serving(&log).await;
    let large = writer.submit(create(&id_in(0, 0), &"x".repeat(1024 * 1024)));
    let small = writer.submit(create(&id_in(0, 1), "x"));
    let (large, small) = tokio::join!(large, small);
    assert!(matches!(large, Err(Failure::TooLarge { .. })), "{large:?}");
    assert!(is_created(&small));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_finishes_what_waits_and_stops_the_writer_in_the_log() {
    let log = log();
    let (writer, ended) = serving(&log).await;
    let waiting: Vec<_> = (0..20).map(|number| writer.submit(create(&format!("s{number}"), "x"))).collect();
    writer.shut_down().await;
    assert!(futures::future::join_all(waiting).await.iter().all(is_created));
    assert_eq!(ended.await.expect("no panic"), Ended::ShutDown);
    for number in 0..PARTITIONS {
        let last = log.records(Partition::new(number)).pop().expect("records");
        assert!(matches!(Control::of(&last), Some(Control::Stopped(_))), "{last:?}");
    }
    assert!(matches!(writer.submit(create("late", "x")).await, Err(Failure::NotExecuted { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_sick_partition_does_not_stop_the_others_and_comes_back() {
    for sickness in [Health::Down, Health::Invisible] {
        let log = log();
        let (mut writer, _) = serving(&log).await;
        log.set_partition(Partition::new(0), sickness);
        let sick = tokio::spawn(writer.submit(create(&id_in(0, 0), "x")));
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert!(is_created(&writer.submit(create(&id_in(1, 0), "x")).await), "{sickness:?}");
        // Beyond the deadline nobody knows whether it was written.
        let answer = sick.await.expect("answered");
        assert!(matches!(answer, Err(Failure::OutcomeUnknown { .. })), "{sickness:?}: {answer:?}");
        log.set_partition(Partition::new(0), Health::Up);
        writer.ready().await;
        assert!(is_created(&writer.submit(create(&id_in(0, 1), "x")).await), "{sickness:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_of_two_instances_stops_answering_for_what_the_second_took() {
    let log = log();
    let (first, _) = serving(&log).await;
    let (mut second, _) = start_with(&log, config("b"), all_granted(PARTITIONS)).await;
    second.ready().await;
    assert!(is_created(&second.submit(create("s1", "x")).await));
    assert_eq!(first.submit(create("s1", "x")).await, Err(Failure::NOT_EXECUTED));
}

#[tokio::test(start_paused = true)]
async fn a_partition_is_let_go_when_its_stop_is_read_back() {
    let log = log();
    let (send, locks) = tokio::sync::mpsc::unbounded_channel();
    let all = vec![Partition::new(0), Partition::new(1)];
    send.send(LockEvent::Assigned(all)).expect("the writer listens");
    let (mut writer, _) = start_with(&log, config("a"), locks).await;
    writer.ready().await;
    let (released, let_go) = oneshot::channel();
    let event = LockEvent::Revoked { partitions: vec![Partition::new(0)], released };
    send.send(event).expect("the writer listens");
    let_go.await.expect("it is let go");
    let last = log.records(Partition::new(0)).pop().expect("records");
    assert!(matches!(Control::of(&last), Some(Control::Stopped(_))));
    assert_eq!(writer.submit(create(&id_in(0, 0), "x")).await, Err(Failure::NOT_EXECUTED));
    assert!(is_created(&writer.submit(create(&id_in(1, 0), "x")).await));
}

#[tokio::test(start_paused = true)]
async fn a_second_process_under_the_same_name_ends_the_first() {
    let log = log();
    let (_first, ended) = serving(&log).await;
    let (_second, _) = serving(&log).await;
    assert_eq!(ended.await.expect("no panic"), Ended::NameTaken { instance: "a".to_owned() });
}

#[tokio::test(start_paused = true)]
async fn an_append_that_does_not_return_is_given_up_and_settled() {
    let log = log();
    let (mut writer, _) = serving(&log).await;
    log.script(Call::Append, [Fault::Delay(Duration::from_secs(600))]);
    let answer = writer.submit(create("s1", "x")).await;
    assert!(matches!(answer, Err(Failure::OutcomeUnknown { .. })), "{answer:?}");
    tokio::time::sleep(Duration::from_secs(60)).await;
    writer.ready().await;
    assert!(is_created(&writer.submit(create("s1", "y")).await));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_far_from_the_logs_is_not_trusted() {
    let log = log();
    let off = clock(Duration::from_secs(120));
    let locks = all_granted(PARTITIONS);
    let (writer, _) = start_at(log, off, config("a"), locks).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!writer.is_ready());
    assert_eq!(writer.submit(create("s1", "x")).await, Err(Failure::NOT_EXECUTED));
}

#[tokio::test(start_paused = true)]
async fn a_record_of_a_newer_version_stops_its_partition_alone() {
    let log = log();
    let (writer, _) = serving(&log).await;
    let mut record = shared::events::WriterStopped {
        writer_id: Uuid::nil(),
        partition: Partition::new(0),
        stopped_at: Timestamp::from_unix_millis(0),
        by: "the future".to_owned(),
    }
    .to_record(Uuid::nil());
    record.headers.set("ce_type", "customer-segment.writer-merged.v1");
    let mut foreign = log.open_writer(&WriterName("foreign".to_owned())).await.expect("a handle");
    log.append(&mut foreign, vec![(Partition::new(0), record)]).await.expect("appended");
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(writer.submit(create(&id_in(0, 0), "x")).await, Err(Failure::NOT_EXECUTED));
    assert!(is_created(&writer.submit(create(&id_in(1, 0), "x")).await));
}
