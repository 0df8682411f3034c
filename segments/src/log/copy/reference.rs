//! The reference data of a copy. The last change of each entry counts, so it is read and written anew.

use anyhow::Context as _;
use futures::{StreamExt as _, stream};
use shared::{
    log::{LogError, kafka::KafkaReference, local::ReferencePages},
    reference::{Record, ReferenceLog},
};

use super::super::source::{KafkaSource, LocalSource, Source};
use crate::up::local;

/// Changes that are written at once.
const BATCH: usize = 500;

/// What became of the records.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub copied: u64,
    pub refused: u64,
}

/// Writes everything that the source knows of reference data.
pub(super) async fn copy(source: &Source, target: &impl ReferenceLog) -> anyhow::Result<Counts> {
    let mut counts = Counts::default();
    let records = match source {
        Source::Local(LocalSource { path, .. }) => {
            let path = path.with_file_name(local::REFERENCE);
            let pages: Box<dyn Iterator<Item = Result<Vec<Record>, LogError>> + Send> =
                if path.exists() { Box::new(ReferencePages::open(&path)?) } else { Box::new(std::iter::empty()) };
            stream::iter(pages.flat_map(|page| match page {
                Ok(records) => records.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            }))
            .boxed()
        }
        Source::Kafka(KafkaSource { config, .. }) => KafkaReference::connect(config.clone()).await?.scan().boxed(),
    };
    let mut batches = records.chunks(BATCH);
    while let Some(batch) = batches.next().await {
        let mut changes = Vec::with_capacity(batch.len());
        for record in batch {
            match record?.open() {
                Ok(change) => changes.push(change),
                Err(_) => counts.refused += 1,
            }
        }
        counts.copied += changes.len() as u64;
        target.write(changes).await.context("reference data")?;
    }
    Ok(counts)
}
