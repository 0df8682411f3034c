//! The views of a version against a fold of the logs.

use std::time::Duration;

use futures::StreamExt as _;
use query_service::{
    projector::{self, Lane},
    verify::{Catalogue, Compared, Fold, Snapshot, compare},
    views::{Database, Version},
};
use serde::Serialize;
use shared::{
    consistency::{Place, Positions},
    log::{Offset, Partition},
};
use tokio::{sync::mpsc, time};

use crate::log::{
    progress::Progress,
    source::{Heaps, Reading, Source},
};

/// Reference data may be compacted away between the views and the fold; they are compared again then.
const ATTEMPTS: usize = 3;
const BETWEEN: Duration = Duration::from_secs(2);

/// What is told of a table.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    name: String,
    equal: bool,
    rows: i64,
    rows_of_log: i64,
}

impl From<&Compared> for Told {
    fn from(compared: &Compared) -> Self {
        let Compared { name, expected, found, is_equal } = compared;
        Self { name: name.clone(), equal: *is_equal, rows: *found, rows_of_log: *expected }
    }
}

/// Nothing yet, for every partition.
pub fn nothing(source: &Source) -> Vec<Fold> {
    let partitions = source.partitions();
    (0..partitions).map(|number| Fold::new(Partition::new(number), partitions)).collect()
}

/// Where folds go on.
pub fn reached(folds: &[Fold]) -> Vec<Offset> {
    folds.iter().map(|fold| fold.acceptance().next_offset()).collect()
}

/// Folds the logs on to where the views stand, and compares.
///
/// # Errors
/// When the logs cannot be read, or the database does not answer.
pub async fn views(
    database: &Database,
    version: Version,
    source: &Source,
    mut folds: Vec<Fold>,
) -> anyhow::Result<Vec<Compared>> {
    for attempt in 1.. {
        let mut snapshot = Snapshot::of(database, version).await?;
        let Reading { heaps, total } = source.read_on(&reached(&folds)).await?;
        let ends = (0..source.partitions()).map(|number| snapshot.next_offset(Partition::new(number))).collect();
        let positions = snapshot.positions.clone();
        let mut progress = Progress::new("verify", total);
        let lanes = folds.into_iter().map(Lane::fold).collect();
        let folding = async {
            Ok::<_, anyhow::Error>(projector::deal(up_to(heaps, ends), lanes, |count| progress.advance(count)).await?)
        };
        let summing = async { Ok(snapshot.sums().await?) };
        let (folded, found, catalogue) = tokio::try_join!(folding, summing, catalogue(source, &positions))?;
        drop(progress);
        let compared = compare(&snapshot, &found, &folded, &catalogue);
        snapshot.close().await?;
        let is_done = compared.iter().all(|compared| compared.is_equal || !Catalogue::is_of(&compared.name));
        if is_done || attempt == ATTEMPTS {
            return Ok(compared);
        }
        folds = folded;
        time::sleep(BETWEEN).await;
    }
    unreachable!("the last attempt returns")
}

/// The records before these offsets.
fn up_to(mut heaps: Heaps, ends: Vec<Offset>) -> Heaps {
    let (send, cut) = mpsc::channel(1);
    tokio::spawn(async move {
        while let Some(mut heap) = heaps.recv().await {
            if let Ok(records) = &mut heap {
                records.retain(|record| ends.get(record.partition.index()).is_some_and(|end| record.offset < *end));
            }
            if send.send(heap).await.is_err() {
                return;
            }
        }
    });
    cut
}

/// The reference log up to these positions.
async fn catalogue(source: &Source, positions: &Positions) -> anyhow::Result<Catalogue> {
    let mut catalogue = Catalogue::default();
    let mut records = source.reference().await?.records;
    while let Some(record) = records.next().await {
        let record = record?;
        let end = positions.iter().find(|(place, _)| *place == Place::Reference(record.partition));
        if end.is_some_and(|(_, end)| record.offset < end) {
            catalogue.add(&record)?;
        }
    }
    Ok(catalogue)
}
