//! `segments log verify`: reads the whole log and tells what is damaged. One thread reads, others judge, each some of the
//! partitions: these stand alone.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::Context as _;
use clap::Args;
use command_service::{
    audit::{Auditor, Damage, Finding, Schemas, Summary},
    fold::{Claim, NotUsed, Snapshots},
};
use serde::Serialize;
use shared::log::{LogError, Offset, Partition, Record};

use super::{
    DAMAGED,
    output::{OutputArgs, tell, thousands},
    progress::Progress,
    source::{Heaps, Reading, Source, SourceArgs},
};
use crate::up::local;

/// The most findings that are told one by one; all are counted.
const SHOWN: usize = 100;
/// Heaps that wait for a thread that judges.
const HEAPS_WAITING: usize = 4;

/// Which log to look through.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// Compare the snapshots in this folder with the log. Those of an embedded log are compared anyway.
    #[arg(long, value_name = "DIR")]
    snapshots: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

/// Looks for damage, and tells it.
pub async fn run(args: VerifyArgs) -> anyhow::Result<ExitCode> {
    let source = Source::open(&args.source).await?;
    // Before the log is read, which must go on at least as far.
    let claims = Claims::of(snapshots_of(&args).map(Snapshots::new), source.partitions());
    let reading = source.read(None).await?;
    let (partitions, has_one_sequence) = (source.partitions(), source.has_one_sequence());
    let verified =
        tokio::task::spawn_blocking(move || Verification::new(partitions, has_one_sequence, claims)?.of(reading))
            .await??;
    let report = Report::new(&source, verified);
    tell(args.output.output, &report, || report.to_text())?;
    Ok(if report.sound { ExitCode::SUCCESS } else { ExitCode::from(DAMAGED) })
}

/// Where the snapshots of this log lie, if that is known.
fn snapshots_of(args: &VerifyArgs) -> Option<PathBuf> {
    let is_embedded = args.source.kafka.is_none();
    args.snapshots.clone().or_else(|| is_embedded.then(|| local::snapshots(&local::folder(&args.source.data_dir))))
}

/// What the snapshots say, each of a partition. Another version of this program may have written them for itself.
#[derive(Debug, Default)]
struct Claims {
    usable: BTreeMap<Partition, Claim>,
    findings: Vec<Finding>,
}

impl Claims {
    fn of(snapshots: Option<Snapshots>, partitions: u16) -> Self {
        let mut claims = Self::default();
        for (partition, snapshots) in (0..partitions).map(Partition::new).zip(snapshots.iter().cycle()) {
            match snapshots.claim(partition, partitions) {
                Ok(claim) => claims.usable.extend(claim.map(|claim| (partition, claim))),
                Err(NotUsed::OtherVersion(why)) => eprintln!("partition {partition}: snapshot not compared, {why}"),
                Err(why) => {
                    let damage = Damage::SnapshotFile(why);
                    claims.findings.push(Finding { partition: Some(partition), offset: 0, damage });
                }
            }
        }
        claims
    }
}

/// What came of it.
struct Verified {
    summaries: Vec<Summary>,
    findings: Findings,
    took: Duration,
}

/// The first findings, and how many there are.
#[derive(Debug, Default)]
struct Findings {
    shown: Vec<Finding>,
    count: usize,
}

impl Findings {
    fn add(&mut self, found: Vec<Finding>) {
        self.count += found.len();
        let room = SHOWN - self.shown.len();
        self.shown.extend(found.into_iter().take(room));
    }

    fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.shown.extend(other.shown);
        self.shown.sort_by_key(Finding::place);
        self.shown.truncate(SHOWN);
    }
}

/// A thread that judges some of the partitions.
struct Worker {
    heaps: mpsc::SyncSender<Vec<Record>>,
    thread: JoinHandle<(Vec<Summary>, Findings)>,
}

/// The log as a whole, on its way through the threads.
struct Verification {
    workers: Vec<Worker>,
    findings: Findings,
    /// The next position, where none may be left out and it is known.
    next: Option<Offset>,
    has_one_sequence: bool,
}

impl Verification {
    fn new(partitions: u16, has_one_sequence: bool, claims: Claims) -> anyhow::Result<Self> {
        let schemas = Arc::new(Schemas::published());
        let threads = thread::available_parallelism().map_or(1, usize::from).min(usize::from(partitions));
        let worker = |first| Worker::start(first, threads, partitions, &schemas, &claims.usable);
        let workers = (0..threads).map(worker).collect::<Result<_, _>>().context("no thread to judge records")?;
        let mut findings = Findings::default();
        findings.add(claims.findings);
        Ok(Self { workers, findings, next: Some(0), has_one_sequence })
    }

    fn of(mut self, Reading { heaps, total }: Reading) -> anyhow::Result<Verified> {
        let mut progress = Progress::new("verify", total);
        self.read(heaps, &mut progress)?;
        let mut summaries = Vec::new();
        for Worker { heaps, thread } in self.workers {
            drop(heaps);
            let (judged, findings) = thread.join().map_err(|_| anyhow::anyhow!("a thread that judges panicked"))?;
            summaries.extend(judged);
            self.findings.merge(findings);
        }
        summaries.sort_by_key(|summary| summary.partition);
        Ok(Verified { summaries, findings: self.findings, took: progress.elapsed() })
    }

    fn read(&mut self, mut heaps: Heaps, progress: &mut Progress) -> anyhow::Result<()> {
        while let Some(heap) = heaps.blocking_recv() {
            match heap {
                Ok(records) => {
                    progress.advance(records.len());
                    self.deal(records)?;
                }
                Err(LogError::Damaged(why)) => {
                    let offset = self.next.take().unwrap_or_default();
                    self.findings.add(vec![Finding { partition: None, offset, damage: Damage::File(why) }]);
                }
                Err(unavailable @ LogError::Unavailable(_)) => return Err(unavailable.into()),
            }
        }
        Ok(())
    }

    /// Deals the records out to the threads.
    fn deal(&mut self, records: Vec<Record>) -> anyhow::Result<()> {
        let mut dealt: Vec<Vec<Record>> = self.workers.iter().map(|_| Vec::new()).collect();
        for record in records {
            self.check_position(&record);
            let threads = dealt.len();
            dealt[record.partition.index() % threads].push(record);
        }
        for (heap, worker) in dealt.into_iter().zip(&self.workers) {
            if !heap.is_empty() {
                worker.heaps.send(heap).ok().context("a thread that judges has ended")?;
            }
        }
        Ok(())
    }

    fn check_position(&mut self, record: &Record) {
        if let Some(next) = self.next.filter(|next| self.has_one_sequence && *next != record.offset) {
            self.findings.add(vec![Finding { partition: None, offset: next, damage: Damage::Hole(record.offset) }]);
        }
        self.next = Some(record.offset + 1);
    }
}

impl Worker {
    /// Of so many threads, the one with this number.
    fn start(
        first: usize,
        threads: usize,
        partitions: u16,
        schemas: &Arc<Schemas>,
        claims: &BTreeMap<Partition, Claim>,
    ) -> std::io::Result<Self> {
        let auditor = |partition| {
            let auditor = Auditor::new(partition, partitions, schemas.clone());
            match claims.get(&partition) {
                Some(claim) => auditor.comparing(claim.clone()),
                None => auditor,
            }
        };
        let mine = (0..partitions).skip(first).step_by(threads).map(Partition::new);
        let mut auditors: BTreeMap<Partition, Auditor> = mine.map(|mine| (mine, auditor(mine))).collect();
        let (heaps, received) = mpsc::sync_channel::<Vec<Record>>(HEAPS_WAITING);
        let work = move || {
            let mut findings = Findings::default();
            for record in received.into_iter().flatten() {
                let Some(auditor) = auditors.get_mut(&record.partition) else {
                    let damage = Damage::ForeignControl;
                    findings.add(vec![Finding { partition: Some(record.partition), offset: record.offset, damage }]);
                    continue;
                };
                auditor.check(&record);
                findings.add(auditor.take_findings());
            }
            let mut summaries = Vec::new();
            for auditor in auditors.into_values() {
                let (summary, found) = auditor.finish();
                summaries.push(summary);
                findings.add(found);
            }
            (summaries, findings)
        };
        Ok(Self { heaps, thread: thread::Builder::new().name("log-verify".to_owned()).spawn(work)? })
    }
}

/// What is told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    /// Whether nothing was found.
    sound: bool,
    source: String,
    records: u64,
    events: u64,
    seconds: f64,
    /// How many findings there are.
    findings: usize,
    /// The first of them, by place.
    shown: Vec<Shown>,
    partitions: Vec<PartitionReport>,
}

#[derive(Debug, Serialize)]
struct Shown {
    /// None where the log as a whole is damaged.
    partition: Option<u16>,
    offset: Offset,
    /// A word for programs.
    kind: &'static str,
    message: String,
}

#[derive(Debug, Serialize)]
struct PartitionReport {
    partition: u16,
    records: u64,
    events: u64,
    pseq: u64,
    chain: String,
    /// Records that do not count, and are no damage, by why.
    ignored: BTreeMap<&'static str, u64>,
    /// At the end; none where damage hides it.
    segments: Option<usize>,
    assignments: Option<usize>,
}

impl Report {
    fn new(source: &Source, Verified { summaries, findings, took }: Verified) -> Self {
        let shown = findings.shown.iter().map(|finding| Shown {
            partition: finding.partition.map(Partition::number),
            offset: finding.offset,
            kind: finding.damage.kind(),
            message: finding.damage.to_string(),
        });
        Self {
            sound: findings.count == 0,
            source: source.to_string(),
            records: summaries.iter().map(|summary| summary.records).sum(),
            events: summaries.iter().map(|summary| summary.events).sum(),
            seconds: took.as_secs_f64(),
            findings: findings.count,
            shown: shown.collect(),
            partitions: summaries.into_iter().map(PartitionReport::from).collect(),
        }
    }

    fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        for Shown { partition, offset, kind, message } in &self.shown {
            let place = partition.map_or_else(String::new, |partition| format!("partition {partition}, "));
            let _ = writeln!(text, "{place}offset {offset}: {kind}: {message}");
        }
        if self.findings > self.shown.len() {
            let _ = writeln!(text, "… and {} more", thousands((self.findings - self.shown.len()) as u64));
        }
        let verdict = if self.sound { "sound".to_owned() } else { format!("damaged, {} findings", self.findings) };
        let (records, events) = (thousands(self.records), thousands(self.events));
        let rate = thousands((self.records as f64 / self.seconds.max(0.001)) as u64);
        let ignored: u64 = self.partitions.iter().flat_map(|partition| partition.ignored.values()).sum();
        let ignored =
            if ignored == 0 { String::new() } else { format!(", {} ignored by all readers", thousands(ignored)) };
        let _ = writeln!(
            text,
            "{verdict}: {records} records, {events} events{ignored}, in {} ({:.1} s, {rate} a second)",
            self.source, self.seconds
        );
        text
    }
}

impl From<Summary> for PartitionReport {
    fn from(summary: Summary) -> Self {
        Self {
            partition: summary.partition.number(),
            records: summary.records,
            events: summary.events,
            pseq: summary.pseq,
            chain: summary.chain.to_string(),
            ignored: summary.ignored.into_iter().map(|(why, count)| (why.as_str(), count)).collect(),
            segments: summary.segments,
            assignments: summary.assignments,
        }
    }
}
