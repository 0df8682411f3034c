//! What every log must do. A new demand: a case here and its name in the list of `contract!`.

use std::collections::BTreeMap;

use futures::StreamExt;
use shared::{
    events::Headers,
    log::{EventLog, MAX_RECORD_BYTES, NewRecord, Partition, Record, WriterName},
};

use crate::records::{P0, P1, P2, PARTITIONS, everything, from_the_start, name, record, take, text, texts};

/// Where logs of one kind come from.
pub trait Site: Sized {
    type Log: EventLog;

    /// A new log of [`PARTITIONS`] partitions; none if this kind cannot be had here.
    async fn fresh() -> Option<(Self, Self::Log)>;

    /// A name of a writer that is no other test's.
    fn writer(&self, text: &str) -> WriterName {
        name(text)
    }

    /// The same log as the next process finds it.
    async fn again(&self, log: Self::Log) -> Self::Log;
}

/// One test for each case, for the logs of a [`Site`].
macro_rules! contract {
    ($site:ty) => {
        contract!($site:
            what_is_appended_is_read_back_in_order
            a_new_log_is_empty
            an_empty_batch_appends_nothing
            an_append_on_the_thread_of_its_caller_is_like_any_other
            a_fenced_handle_appends_nothing_more
            a_new_handle_voids_the_older_one_of_its_name
            a_fenced_name_can_be_opened_again
            a_stop_comes_after_all_of_the_stopped_writer
            writers_of_other_names_do_not_disturb_each_other
            a_tail_starts_at_the_given_offsets
            a_tail_of_one_partition_yields_no_other
            a_tail_that_waits_gets_what_comes
            many_tails_read_the_same
            the_end_is_right_behind_the_last_round
            a_record_of_full_size_is_kept
            keys_headers_and_values_keep_every_character
            another_process_finds_everything_and_goes_on
            a_partition_that_is_not_there_takes_nothing
        );
    };
    ($site:ty: $($case:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                if let Some((site, log)) = <$site as $crate::contract::Site>::fresh().await {
                    $crate::contract::$case(&site, log).await;
                }
            }
        )*
    };
}

pub async fn what_is_appended_is_read_back_in_order<S: Site>(site: &S, log: S::Log) {
    assert_eq!(log.partitions(), PARTITIONS);
    let mut writer = log.open_writer(&site.writer("a")).await.expect("a writer");
    let mut sent: BTreeMap<Partition, Vec<NewRecord>> = BTreeMap::new();
    for round in 0..10 {
        let batch: Vec<_> = (0..20)
            .map(|place| (Partition::new((round + place) % PARTITIONS), record(&format!("{round}-{place}"))))
            .collect();
        for (partition, record) in &batch {
            sent.entry(*partition).or_default().push(record.clone());
        }
        log.append(&mut writer, batch).await.expect("an append");
    }
    let records = take(&mut log.tail(from_the_start()), 200).await;
    for (partition, sent) in sent {
        let read: Vec<&Record> = records.iter().filter(|record| record.partition == partition).collect();
        assert!(read.windows(2).all(|pair| pair[0].offset < pair[1].offset), "offsets rise in {partition}");
        assert!(read.windows(2).all(|pair| pair[0].appended_at <= pair[1].appended_at), "time rises in {partition}");
        let read: Vec<NewRecord> = read.into_iter().cloned().map(unplaced).collect();
        assert_eq!(read, sent, "partition {partition}");
    }
}

fn unplaced(record: Record) -> NewRecord {
    NewRecord { key: record.key, headers: record.headers, value: record.value }
}

pub async fn a_new_log_is_empty<S: Site>(_: &S, log: S::Log) {
    for partition in [P0, P1, P2] {
        assert_eq!(log.end(partition).await.expect("an end"), 0);
        assert!(everything(&log, partition).await.is_empty());
    }
}

pub async fn an_empty_batch_appends_nothing<S: Site>(site: &S, log: S::Log) {
    let mut writer = log.open_writer(&site.writer("a")).await.expect("a writer");
    log.append(&mut writer, Vec::new()).await.expect("an append of nothing");
    assert_eq!(log.end(P0).await.expect("an end"), 0);
    log.append(&mut writer, vec![(P0, record("one"))]).await.expect("an append");
    assert_eq!(texts(&everything(&log, P0).await), ["one"]);
}

pub async fn an_append_on_the_thread_of_its_caller_is_like_any_other<S: Site>(site: &S, log: S::Log) {
    let mut writer = log.open_writer(&site.writer("a")).await.expect("a writer");
    log.append_here(&mut writer, Vec::new()).await.expect("an append of nothing");
    log.append_here(&mut writer, vec![(P0, record("one")), (P1, record("two"))]).await.expect("an append");
    log.append(&mut writer, vec![(P0, record("three"))]).await.expect("an append");
    log.append_here(&mut writer, vec![(P0, record("four"))]).await.expect("an append");
    assert_eq!(texts(&everything(&log, P1).await), ["two"]);
    log.fence(&site.writer("a"), vec![(P0, record("stop"))]).await.expect("a fence");
    let refused = log.append_here(&mut writer, vec![(P0, record("five"))]).await;
    assert!(refused.is_err(), "a fenced handle");
    assert_eq!(texts(&everything(&log, P0).await), ["one", "three", "four", "stop"]);
}

pub async fn a_fenced_handle_appends_nothing_more<S: Site>(site: &S, log: S::Log) {
    let mut old = log.open_writer(&site.writer("a")).await.expect("a writer");
    log.append(&mut old, vec![(P0, record("before")), (P1, record("before"))]).await.expect("an append");
    log.fence(&site.writer("a"), vec![(P0, record("stop")), (P1, record("stop"))]).await.expect("a fence");
    log.append(&mut old, vec![(P0, record("zombie")), (P1, record("zombie")), (P2, record("zombie"))])
        .await
        .expect_err("a fenced handle");
    for partition in [P0, P1] {
        assert_eq!(texts(&everything(&log, partition).await), ["before", "stop"]);
    }
    assert!(everything(&log, P2).await.is_empty());
}

pub async fn a_new_handle_voids_the_older_one_of_its_name<S: Site>(site: &S, log: S::Log) {
    let mut old = log.open_writer(&site.writer("a")).await.expect("a writer");
    log.append(&mut old, vec![(P0, record("old"))]).await.expect("an append");
    let mut new = log.open_writer(&site.writer("a")).await.expect("a second writer");
    log.append(&mut old, vec![(P0, record("zombie"))]).await.expect_err("the older handle");
    log.append(&mut new, vec![(P0, record("new"))]).await.expect("an append");
    assert_eq!(texts(&everything(&log, P0).await), ["old", "new"]);
}

pub async fn a_fenced_name_can_be_opened_again<S: Site>(site: &S, log: S::Log) {
    log.fence(&site.writer("a"), vec![(P0, record("stop of a writer never seen"))]).await.expect("a fence");
    let mut writer = log.open_writer(&site.writer("a")).await.expect("a writer");
    log.append(&mut writer, vec![(P0, record("one"))]).await.expect("an append");
    log.fence(&site.writer("a"), Vec::new()).await.expect("a fence without stops");
    let mut writer = log.open_writer(&site.writer("a")).await.expect("a writer");
    log.append(&mut writer, vec![(P0, record("two"))]).await.expect("an append");
    assert_eq!(texts(&everything(&log, P0).await), ["stop of a writer never seen", "one", "two"]);
}

pub async fn a_stop_comes_after_all_of_the_stopped_writer<S: Site>(site: &S, log: S::Log) {
    let mut old = log.open_writer(&site.writer("a")).await.expect("a writer");
    let writing = tokio::spawn({
        let log = log.clone();
        async move {
            let mut acknowledged = 0;
            while log.append(&mut old, vec![(P0, record("a")), (P1, record("a"))]).await.is_ok() {
                acknowledged += 1;
            }
            acknowledged
        }
    });
    // Into the middle of its work.
    take(&mut log.tail(vec![(P0, 0)]), 10).await;
    log.fence(&site.writer("a"), vec![(P0, record("stop")), (P1, record("stop"))]).await.expect("a fence");
    let acknowledged: usize = writing.await.expect("the writer ends when it is fenced");
    for partition in [P0, P1] {
        let records = texts(&everything(&log, partition).await);
        assert_eq!(records.last().map(String::as_str), Some("stop"), "nothing comes after the stop");
        // The last batch may have been in although it was not acknowledged.
        assert!([acknowledged, acknowledged + 1].contains(&(records.len() - 1)), "{acknowledged} of {}", records.len());
    }
}

pub async fn writers_of_other_names_do_not_disturb_each_other<S: Site>(site: &S, log: S::Log) {
    let write = |who: &'static str| {
        let log = log.clone();
        async move {
            let mut writer = log.open_writer(&site.writer(who)).await.expect("a writer");
            for count in 0..20 {
                let batch = vec![(P0, record(&format!("{who}{count:02}"))), (P1, record(who))];
                log.append(&mut writer, batch).await.expect("an append");
            }
        }
    };
    tokio::join!(write("a"), write("b"), write("c"));
    let records = texts(&everything(&log, P0).await);
    assert_eq!(records.len(), 60);
    for who in ["a", "b", "c"] {
        let own: Vec<&String> = records.iter().filter(|text| text.starts_with(who)).collect();
        assert!(own.len() == 20 && own.is_sorted(), "{who} keeps its order");
    }
}

pub async fn a_tail_starts_at_the_given_offsets<S: Site>(site: &S, log: S::Log) {
    let mut writer = log.open_writer(&site.writer("a")).await.expect("a writer");
    for round in 0..5 {
        let text = round.to_string();
        log.append(&mut writer, [P0, P1, P2].map(|partition| (partition, record(&text))).to_vec())
            .await
            .expect("an append");
    }
    let all = take(&mut log.tail(from_the_start()), 15).await;
    let offset = |partition, number: &str| {
        let found = all.iter().find(|record| record.partition == partition && text(record) == number);
        found.expect("every number is there").offset
    };
    // At a record, right behind one (which may be a hole), and behind all.
    let from = vec![(P0, offset(P0, "3")), (P1, offset(P1, "1") + 1), (P2, log.end_after(offset(P2, "4")))];
    let mut tail = log.tail(from);
    let read = take(&mut tail, 5).await;
    for (partition, expected) in [(P0, vec!["3", "4"]), (P1, vec!["2", "3", "4"]), (P2, vec![])] {
        let of_partition: Vec<Record> = read.iter().filter(|record| record.partition == partition).cloned().collect();
        assert_eq!(texts(&of_partition), expected, "partition {partition}");
    }
    log.append(&mut writer, vec![(P2, record("more"))]).await.expect("an append");
    assert_eq!(texts(&take(&mut tail, 1).await), ["more"]);
}

pub async fn a_tail_of_one_partition_yields_no_other<S: Site>(site: &S, log: S::Log) {
    let mut writer = log.open_writer(&site.writer("a")).await.expect("a writer");
    let mut tail = log.tail(vec![(P1, 0)]);
    for round in 0..3 {
        let others = [(P0, record("not this")), (P1, record(&format!("this {round}"))), (P2, record("nor this"))];
        log.append(&mut writer, others.to_vec()).await.expect("an append");
    }
    log.append(&mut writer, vec![(P0, record("not this"))]).await.expect("an append");
    log.append(&mut writer, vec![(P1, record("this 3"))]).await.expect("an append");
    assert_eq!(texts(&take(&mut tail, 4).await), ["this 0", "this 1", "this 2", "this 3"]);
}

pub async fn a_tail_that_waits_gets_what_comes<S: Site>(site: &S, log: S::Log) {
    let mut tail = log.tail(from_the_start());
    let idle = tokio::time::timeout(std::time::Duration::from_millis(300), tail.next()).await;
    assert!(idle.is_err(), "nothing is there yet");
    let mut writer = log.open_writer(&site.writer("a")).await.expect("a writer");
    for round in 0..20 {
        let text = round.to_string();
        log.append(&mut writer, vec![(Partition::new(round % 3), record(&text))]).await.expect("an append");
        assert_eq!(texts(&take(&mut tail, 1).await), [text]);
    }
}

pub async fn many_tails_read_the_same<S: Site>(site: &S, log: S::Log) {
    let mut readers = Vec::new();
    for _ in 0..8 {
        let mut tail = log.tail(from_the_start());
        readers.push(tokio::spawn(async move {
            let mut records = take(&mut tail, 300).await;
            records.sort_by_key(|record| (record.partition, record.offset));
            records
        }));
    }
    let mut writer = log.open_writer(&site.writer("a")).await.expect("a writer");
    for round in 0..100 {
        let text = round.to_string();
        log.append(&mut writer, [P0, P1, P2].map(|partition| (partition, record(&text))).to_vec())
            .await
            .expect("an append");
    }
    let mut seen = Vec::new();
    for reader in readers {
        seen.push(reader.await.expect("a reader"));
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
}

pub async fn the_end_is_right_behind_the_last_round<S: Site>(site: &S, log: S::Log) {
    let mut writer = log.open_writer(&site.writer("a")).await.expect("a writer");
    let mut tail = log.tail(from_the_start());
    let mut ends = [0; 3];
    for round in 0..20 {
        let touched = [P0, P1, P2][round % 3];
        let batch = (0..=round).map(|place| (touched, record(&place.to_string()))).collect();
        log.append(&mut writer, batch).await.expect("an append");
        let read = take(&mut tail, round + 1).await;
        ends[touched.index()] = log.end_after(read.last().expect("a record").offset);
        for partition in [P0, P1, P2] {
            assert_eq!(log.end(partition).await.expect("an end"), ends[partition.index()], "{partition} in {round}");
        }
    }
}

pub async fn a_record_of_full_size_is_kept<S: Site>(site: &S, log: S::Log) {
    let mut big = record("big");
    big.value = vec![b'x'; MAX_RECORD_BYTES - big.key.as_ref().map_or(0, String::len) - big.headers.size()];
    assert_eq!(big.size(), MAX_RECORD_BYTES);
    let mut writer = log.open_writer(&site.writer("a")).await.expect("a writer");
    log.append(&mut writer, vec![(P0, big.clone()), (P0, record("small"))]).await.expect("an append");
    let read = everything(&log, P0).await;
    assert_eq!(texts(&read), ["big", "small"]);
    assert_eq!(read[0].value, big.value);
}

pub async fn keys_headers_and_values_keep_every_character<S: Site>(site: &S, log: S::Log) {
    let headers = [("ce_id", "Größe „ß\" 🦀"), ("ce_empty", ""), ("ce_control", "\u{1}\t\n\\"), ("héader", "日本語")];
    let records = [
        NewRecord { key: None, headers: Headers::from_iter(headers), value: "{\"näme\":\"\u{0}\"}".into() },
        NewRecord {
            key: Some("acmé/日本語".to_owned()),
            headers: Headers::from_iter(headers),
            value: vec![0, 255, 128],
        },
        NewRecord { key: Some(String::new()), headers: Headers::from_iter([("ce_id", "x")]), value: Vec::new() },
    ];
    let mut writer = log.open_writer(&site.writer("a")).await.expect("a writer");
    log.append(&mut writer, records.iter().map(|record| (P0, record.clone())).collect()).await.expect("an append");
    let read: Vec<NewRecord> = everything(&log, P0).await.into_iter().map(unplaced).collect();
    assert_eq!(read, records);
}

pub async fn another_process_finds_everything_and_goes_on<S: Site>(site: &S, log: S::Log) {
    let mut writer = log.open_writer(&site.writer("a")).await.expect("a writer");
    log.append(&mut writer, vec![(P0, record("1")), (P1, record("1"))]).await.expect("an append");
    let before = take(&mut log.tail(from_the_start()), 2).await;
    drop(writer);
    let log = site.again(log).await;
    let mut tail = log.tail(from_the_start());
    let mut after = take(&mut tail, 2).await;
    after.sort_by_key(|record| record.partition);
    assert_eq!(after, before);
    let mut writer = log.open_writer(&site.writer("a")).await.expect("a writer");
    log.append(&mut writer, vec![(P0, record("2")), (P2, record("2"))]).await.expect("an append");
    let more = take(&mut tail, 2).await;
    assert_eq!(texts(&more), ["2", "2"]);
    assert!(more.iter().all(|new| before.iter().all(|old| old.partition != new.partition || old.offset < new.offset)));
    assert!(more.iter().all(|new| new.appended_at >= before[0].appended_at));
}

pub async fn a_partition_that_is_not_there_takes_nothing<S: Site>(site: &S, log: S::Log) {
    let mut writer = log.open_writer(&site.writer("a")).await.expect("a writer");
    let batch = vec![(P0, record("x")), (Partition::new(PARTITIONS), record("x"))];
    log.append(&mut writer, batch).await.expect_err("an append to nowhere");
    drop(writer);
    assert!(everything(&log, P0).await.is_empty());
    log.end(Partition::new(PARTITIONS)).await.expect_err("the end of nothing");
}
