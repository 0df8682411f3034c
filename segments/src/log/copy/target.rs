//! Where a copy goes: a Kafka whose topics are empty, or a data folder without an embedded log.

use std::{fs, path::Path, sync::Arc};

use anyhow::{Context as _, ensure};
use shared::{
    SystemClock,
    log::{
        EventLog as _, Partition, WriterName,
        kafka::{KafkaConfig, KafkaLog, KafkaReference},
        local::{LocalLog, LocalReference},
    },
    reference::ReferenceLog as _,
};

use super::{
    super::source::{KafkaSource, Source},
    Copied, Written, fill,
    reference::Counts,
    verify,
};
use crate::up::{self, local};

/// Copies into topics that are empty.
pub(super) async fn into_kafka(source: &Source, config: KafkaConfig, create: Option<u16>) -> anyhow::Result<Copied> {
    let config = KafkaConfig { partitions: source.partitions(), ..config };
    if let Some(replicas) = create {
        KafkaLog::create_topics(&config, replicas).await?;
    }
    let log = KafkaLog::connect(config.clone()).await?;
    let reference = KafkaReference::connect(config.clone()).await?;
    for number in 0..log.partitions() {
        let end = log.end(Partition::new(number)).await?;
        ensure!(end == 0, "topic {} is not empty: there are records in partition {number}", config.topic);
    }
    for number in 0..reference.partitions() {
        let end = reference.end(Partition::new(number)).await?;
        ensure!(end == 0, "topic {} is not empty: there are records in partition {number}", config.reference_topic);
    }
    let name = WriterName(format!("{}.segments.copy", config.environment));
    let (written, counts) = fill(source, &log, name, &reference).await?;
    let copy = Source::Kafka(KafkaSource { log, config });
    verify(&copy, &written).await?;
    Ok(told(source, copy.to_string(), &written, &counts))
}

/// Copies beside the place where the log belongs and moves it there when it is whole, so that no half of a log is ever started.
pub(super) async fn into_folder(source: &Source, data_dir: &Path) -> anyhow::Result<Copied> {
    let (place, partitions) = (local::folder(data_dir), source.partitions());
    let is_free = fs::read_dir(&place).map_or(true, |mut entries| entries.next().is_none());
    ensure!(is_free, "{} is not empty", place.display());
    ensure!(
        partitions == up::PARTITIONS,
        "`segments up` has logs of {} partitions, and this one has {partitions}",
        up::PARTITIONS
    );
    let beside = place.with_extension("partial");
    ensure!(!beside.exists(), "{} is left of a copy that was interrupted; delete it", beside.display());
    let log = LocalLog::open(beside.join(local::LOG), partitions, Arc::new(SystemClock)).await?;
    let reference = LocalReference::open(beside.join(local::REFERENCE)).await?;
    let (written, counts) = fill(source, &log, WriterName("copy".to_owned()), &reference).await?;
    drop((log, reference));
    verify(&Source::at(beside.join(local::LOG))?, &written).await?;
    // Over an empty folder, if there is one.
    fs::rename(&beside, &place).with_context(|| format!("{} cannot be moved to its place", beside.display()))?;
    Ok(told(source, place.join(local::LOG).display().to_string(), &written, &counts))
}

fn told(source: &Source, target: String, written: &Written, counts: &Counts) -> Copied {
    Copied {
        source: source.to_string(),
        target,
        records: written.records,
        stops: written.stops,
        reference: counts.copied,
        reference_refused: counts.refused,
        source_has_grown: false,
        chains: written.positions.iter().map(|acceptance| acceptance.chain.to_string()).collect(),
    }
}
