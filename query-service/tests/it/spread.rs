//! A reference log of several partitions: a file for each. Its readers can be made to stop.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures::{Stream, StreamExt as _, stream};
use shared::{
    log::{LogError, Offset, Partition, local::LocalReference},
    reference::{Change, InDoubt, Record, ReferenceLog},
};
use tempfile::TempDir;

/// The file of each partition. Clones are the same log.
#[derive(Debug, Clone)]
pub struct Spread {
    parts: Arc<Vec<LocalReference>>,
    /// After how many records a reader of this clone stops.
    patience: usize,
    stops: Arc<AtomicUsize>,
    _folder: Arc<TempDir>,
}

impl Spread {
    pub async fn over(partitions: u16) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut parts = Vec::new();
        for number in 0..partitions {
            let file = folder.path().join(format!("reference-{number}.sqlite"));
            parts.push(LocalReference::open(file).await.expect("the log opens"));
        }
        Self { parts: Arc::new(parts), patience: usize::MAX, stops: Arc::default(), _folder: Arc::new(folder) }
    }

    /// The same log, of which readers stop after so many records: with an error, and without one, in turn.
    pub fn breaking_after(&self, records: usize) -> Self {
        Self { patience: records, ..self.clone() }
    }

    /// Where a change belongs: all of a key in one partition.
    fn partition_of(&self, change: &Change) -> usize {
        change.key().to_string().bytes().map(usize::from).sum::<usize>() % self.parts.len()
    }
}

const ONLY: Partition = Partition::new(0);

fn numbered(parts: &[LocalReference]) -> impl Iterator<Item = (Partition, &LocalReference)> {
    (0..).map(Partition::new).zip(parts)
}

impl ReferenceLog for Spread {
    fn partitions(&self) -> u16 {
        u16::try_from(self.parts.len()).expect("few")
    }

    async fn write(&self, changes: Vec<Change>) -> Result<Vec<(Partition, Offset)>, InDoubt> {
        let mut behind = Vec::with_capacity(changes.len());
        for change in changes {
            let at = self.partition_of(&change);
            let written = self.parts[at].write(vec![change]).await?;
            behind.extend(written.into_iter().map(|(_, offset)| (Partition::new(at as u16), offset)));
        }
        Ok(behind)
    }

    fn tail(
        &self,
        from: Vec<(Partition, Offset)>,
    ) -> impl Stream<Item = Result<Record, LogError>> + Send + Unpin + 'static {
        let wanted = numbered(&self.parts).filter_map(|(partition, part)| {
            let (_, next) = from.iter().find(|(other, _)| *other == partition)?;
            let placed = move |record: Record| Record { partition, ..record };
            Some(part.tail(vec![(ONLY, *next)]).map(move |record| record.map(placed)).boxed())
        });
        let all = stream::select_all(wanted.collect::<Vec<_>>());
        let is_error = self.stops.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
        let error = is_error.then(|| Err(LogError::Unavailable("made to stop".to_owned())));
        all.take(self.patience).chain(stream::iter(error))
    }

    async fn end(&self, partition: Partition) -> Result<Offset, LogError> {
        self.parts[partition.index()].end(ONLY).await
    }
}
