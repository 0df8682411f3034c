//! Sound histories are sound, and every kind of damage to one is found. `given` a history, `when` one thing is done to it, `then`
//! this is found.

pub(crate) mod history;

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use shared::{
    Timestamp,
    events::{Control, Headers, WriterStarted, headers},
    log::{Chain, Ignored, NewRecord, Partition, Record},
};
use uuid::Uuid;

use super::*;
use history::{History, Step, history};

static SCHEMAS: LazyLock<Arc<Schemas>> = LazyLock::new(|| Arc::new(Schemas::published()));

fn audit(records: &[Record]) -> (Summary, Vec<Finding>) {
    let mut auditor = Auditor::new(Partition::new(0), 1, SCHEMAS.clone());
    records.iter().for_each(|record| auditor.check(record));
    auditor.finish()
}

/// Place and kind of what is found.
fn found(records: &[Record]) -> Vec<(i64, &'static str)> {
    audit(records).1.iter().map(|finding| (finding.offset, finding.damage.kind())).collect()
}

const fn write(segment: u8, what: u8) -> Step {
    Step::Write { segment, what }
}

/// A segment that is created, changed, given products, deleted and created again, under two writers.
///
/// | place | 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 |
/// |---|---|---|---|---|---|---|---|---|---|---|---|
/// | what | start | g9 | g1 | patch | assign | stop | start | patch | delete | create | g8 |
fn life() -> History {
    history(&[write(1, 0), write(1, 1), write(1, 2), Step::Handover, write(1, 1), write(1, 5), write(1, 0)])
}

/// The same record with another value, sealed and chained as if its writer had meant it; the rest is chained on it.
fn resealed(records: &mut [Record], place: usize, value: Vec<u8>) {
    records[place].value = value;
    let mut chain = Chain::default();
    for record in records.iter_mut().filter(|record| Control::of(record).is_none()) {
        let number = record.headers.get(headers::PSEQ).expect("a number").parse().expect("a number");
        chain = chain.extended(number, &record.key, &record.headers, &record.value);
        record.headers.set(headers::CHAIN, chain.to_string());
    }
}

#[test]
fn a_sound_history_is_sound() {
    let (summary, findings) = audit(&life().records);
    assert!(findings.is_empty(), "{findings:?}");
    assert_eq!((summary.records, summary.events, summary.controls, summary.pseq), (11, 8, 3, 8));
    assert_eq!((summary.segments, summary.assignments), (Some(3), Some(0)));
}

#[test]
fn what_the_protocol_explains_is_counted_and_no_damage() {
    let steps = [write(1, 0), Step::Zombie, write(2, 0), Step::Overtaken, write(2, 1), Step::Torn, write(2, 1)];
    let (summary, findings) = audit(&history(&steps).records);
    assert!(findings.is_empty(), "{findings:?}");
    let ignored: Vec<_> = summary.ignored.into_iter().collect();
    assert_eq!(ignored, [(Ignored::Overtaken, 1), (Ignored::StaleWriter, 1), (Ignored::Gap, 2)]);
    assert_eq!(summary.events, 6);
}

#[test]
fn a_missing_record_is_found_where_the_numbers_skip() {
    let mut records = life().records;
    records.remove(3);
    assert_eq!(found(&records), [(4, "missing")]);
}

#[test]
fn a_missing_announcement_is_found_by_the_records_of_its_writer() {
    let mut records = life().records;
    records.remove(6);
    assert_eq!(found(&records), [(7, "writer")]);
}

#[test]
fn a_changed_byte_is_found_once() {
    let mut records = life().records;
    let name = records[3].value.windows(2).position(|two| two == b"n1").expect("a name");
    records[3].value[name] = b'm';
    assert_eq!(found(&records), [(3, "chain")]);
}

#[test]
fn a_changed_chain_is_found_once() {
    let mut records = life().records;
    records[3].headers.set(headers::CHAIN, Chain::default().to_string());
    assert_eq!(found(&records), [(3, "chain")]);
}

#[test]
fn a_swapped_pair_is_found() {
    let mut records = life().records;
    records.swap(2, 3);
    assert_eq!(found(&records), [(2, "order")]);
}

#[test]
fn a_duplicate_is_found_wherever_it_comes() {
    for (original, place) in [(2, 3), (2, 5), (2, 9), (0, 1), (5, 8), (6, 10)] {
        let mut records = life().records;
        let copy = Record { offset: 100, ..records[original].clone() };
        records.insert(place, copy);
        assert_eq!(found(&records), [(100, "repeated")], "{original} again at {place}");
    }
}

#[test]
fn a_version_gap_is_found_although_the_chain_fits() {
    let mut records = life().records;
    let text = String::from_utf8(records[3].value.clone()).expect("JSON");
    let value = text.replace(r#""version":2"#, r#""version":3"#);
    assert_ne!(value, text);
    resealed(&mut records, 3, value.into_bytes());
    assert_eq!(found(&records), [(3, "version")]);
}

#[test]
fn a_value_that_is_not_what_its_schema_says_is_found_although_the_chain_fits() {
    let mut records = life().records;
    let text = String::from_utf8(records[3].value.clone()).expect("JSON");
    resealed(&mut records, 3, text.replace(r#""siteCode":"main""#, r#""siteCode":"""#).into_bytes());
    assert_eq!(found(&records), [(3, "schema")]);
}

#[test]
fn a_header_that_contradicts_the_record_is_found_although_the_chain_fits() {
    for (header, text) in [
        (headers::SUBJECT, "g2"),
        (headers::SOURCE, "/customer-segment/other"),
        (headers::PARTITION_KEY, "acme/g2"),
        (headers::DATA_SCHEMA, "urn:customer-segment:schema:segment-created.v1"),
    ] {
        let mut records = life().records;
        let value = records[3].value.clone();
        records[3].headers.set(header, text);
        resealed(&mut records, 3, value);
        assert_eq!(found(&records), [(3, "header")], "{header}");
    }
}

#[test]
fn a_control_record_must_say_the_same_in_its_headers_and_its_value() {
    for (header, text) in [(headers::TIME, "2026-01-01T00:00:00.500Z"), (headers::SPEC_VERSION, "2.0")] {
        let mut records = life().records;
        records[6].headers.set(header, text);
        assert_eq!(found(&records), [(6, "header")], "{header}");
    }
}

#[test]
fn an_announcement_of_another_log_is_found() {
    let mut records = life().records;
    let Some(Control::Started(started)) = Control::of(&records[0]) else { panic!("an announcement") };
    let NewRecord { headers, value, .. } = WriterStarted { partitions: 2, ..started }.to_record(Uuid::from_u128(7));
    (records[0].headers, records[0].value) = (headers, value);
    assert_eq!(found(&records), [(0, "control"), (1, "writer")]);
}

#[test]
fn a_key_of_another_partition_is_found() {
    let records = life().records;
    let mut auditor = Auditor::new(Partition::new(0), 1, SCHEMAS.clone());
    // As one of two partitions it is foreign from its announcement on, and half of the keys are.
    let mut of_two = Auditor::new(Partition::new(0), 2, SCHEMAS.clone());
    for record in &records {
        auditor.check(record);
        of_two.check(record);
    }
    assert!(auditor.take_findings().is_empty());
    let kinds: Vec<_> = of_two.take_findings().iter().map(|finding| finding.damage.kind()).collect();
    assert!(kinds.contains(&"control") && kinds.contains(&"partition"), "{kinds:?}");
}

#[test]
fn a_writer_whose_clock_runs_back_is_found() {
    let mut records = life().records;
    let value = records[3].value.clone();
    records[3].headers.set(headers::TIME, Timestamp::from_unix_millis(0).to_string());
    resealed(&mut records, 3, value);
    assert_eq!(found(&records), [(3, "time")]);
}

/// One thing that is done to a history. Numbers are taken modulo what there is.
#[derive(Debug, Clone)]
enum Mutation {
    Drop(usize),
    Flip { record: usize, byte: usize, bit: u8 },
    Swap(usize),
    Duplicate { record: usize, later: usize },
    Gap(usize),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..3_u8, 0..12_u8).prop_map(|(segment, what)| write(segment, what)),
        1 => Just(Step::Handover),
        1 => Just(Step::Zombie),
        1 => Just(Step::Overtaken),
        1 => Just(Step::Torn),
    ]
}

fn any_mutation() -> impl Strategy<Value = Mutation> {
    let place = || any::<usize>();
    prop_oneof![
        place().prop_map(Mutation::Drop),
        (place(), place(), 0..7_u8).prop_map(|(record, byte, bit)| Mutation::Flip { record, byte, bit }),
        place().prop_map(Mutation::Swap),
        (place(), place()).prop_map(|(record, later)| Mutation::Duplicate { record, later }),
        place().prop_map(Mutation::Gap),
    ]
}

/// Changes one bit of what the chain covers: the value, the key or a header.
fn flip(record: &mut Record, byte: usize, bit: u8) {
    let flipped = |text: &str, at: usize| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] ^= 1 << bit;
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let (value, key) = (record.value.len(), record.key.clone().expect("an event has a key"));
    let mut at = byte % (value + key.len() + record.headers.iter().map(|(_, text)| text.len()).sum::<usize>());
    if at < value {
        record.value[at] ^= 1 << bit;
        return;
    }
    at -= value;
    if at < key.len() {
        record.key = Some(flipped(&key, at));
        return;
    }
    at -= key.len();
    let headers: Vec<_> = record.headers.iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    record.headers = Headers::from_iter(headers.into_iter().map(|(name, text)| {
        let here = at < text.len();
        let changed = if here { flipped(&text, at) } else { text.clone() };
        at = if here { usize::MAX } else { at.saturating_sub(text.len()) };
        (name, changed)
    }));
}

/// Does it, to events that count and have one behind them: without one, nobody can know. What is swapped counts, or announces.
fn mutated(History { mut records, counts, .. }: History, mutation: &Mutation) -> Vec<Record> {
    let last = counts.iter().rposition(|counts| *counts).expect("there is an event");
    let events: Vec<usize> = (0..last).filter(|place| counts[*place]).collect();
    let event = |number: usize| events[number % events.len()];
    match *mutation {
        Mutation::Drop(number) => drop(records.remove(event(number))),
        Mutation::Flip { record, byte, bit } => flip(&mut records[event(record)], byte, bit),
        Mutation::Swap(number) => {
            let place = event(number);
            // With the record before it: the last event stays behind both.
            let writer = |at: usize| records[at].headers.get(headers::WRITER_ID);
            if writer(place - 1) == writer(place) {
                records.swap(place - 1, place);
            }
        }
        Mutation::Duplicate { record, later } => {
            let place = event(record);
            let to = place + 1 + later % (records.len() - place);
            let copy = records[place].clone();
            records.insert(to, copy);
        }
        Mutation::Gap(number) => {
            let place = event(number);
            let mut value: serde_json::Value = serde_json::from_slice(&records[place].value).expect("JSON");
            for member in ["/segment/metadata/version", "/metadata/version", "/lastVersion"] {
                if let Some(version) = value.pointer_mut(member) {
                    *version = (version.as_u64().expect("a version") + 1).into();
                }
            }
            resealed(&mut records, place, serde_json::to_vec(&value).expect("JSON"));
        }
    }
    records
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn sound_histories_are_sound(steps in prop::collection::vec(any_step(), 0..40)) {
        let history = history(&steps);
        let (summary, findings) = audit(&history.records);
        prop_assert!(findings.is_empty(), "{:?}", findings);
        prop_assert_eq!(summary.events as usize, history.counts.iter().filter(|counts| **counts).count());
    }

    #[test]
    fn any_single_mutation_is_found(steps in prop::collection::vec(any_step(), 0..40), mutation in any_mutation()) {
        let history = history(&steps);
        let resealing_is_simple =
            history.records.iter().zip(&history.counts).all(|(record, counts)| *counts || Control::of(record).is_some());
        prop_assume!(!matches!(mutation, Mutation::Gap(_)) || resealing_is_simple);
        let before = history.records.clone();
        let after = mutated(history, &mutation);
        prop_assume!(after != before);
        prop_assert!(!audit(&after).1.is_empty());
    }
}
