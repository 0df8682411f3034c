//! The reference data of a copy. The last change of each entry counts, so it is read and written anew.

use anyhow::Context as _;
use futures::StreamExt as _;
use shared::reference::ReferenceLog;

use super::super::source::Source;

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
    let mut batches = source.reference().await?.records.chunks(BATCH);
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
