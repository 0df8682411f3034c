//! How things stood: the fold of the events of one segment, or of one tenant, that lie before given moments. It is the fold that
//! the writer itself uses.

use command_service::domain::{Contradiction, Model};
use shared::{
    events::{Envelope, Unreadable, headers},
    ids::{SegmentKey, Tenant},
    log::{Offset, Partition, Record, partition_of},
};

use super::{
    judge::{Judge, Judged},
    moment::Moment,
    progress::Progress,
    source::Source,
};

/// Whose past.
#[derive(Debug, Clone)]
pub enum Subject {
    /// A segment: its events lie in one partition.
    Segment(SegmentKey),
    /// All segments of a tenant.
    Tenant(Tenant),
}

/// An event that counts does not follow from those before it.
#[derive(Debug, thiserror::Error)]
#[error("partition {partition}, offset {offset}: {why}; `segments log verify` says more")]
pub struct Contradicted {
    partition: Partition,
    offset: Offset,
    why: Why,
}

#[derive(Debug, thiserror::Error)]
enum Why {
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
}

impl Subject {
    /// The one partition where its events lie; none if they lie in all.
    fn partition(&self, partitions: u16) -> Option<Partition> {
        match self {
            Self::Segment(key) => Some(partition_of(key, partitions)),
            Self::Tenant(_) => None,
        }
    }

    fn is_meant(&self, record: &Record) -> bool {
        match self {
            Self::Segment(key) => record.key.as_deref() == Some(&key.to_string()),
            Self::Tenant(tenant) => record.headers.get(headers::TENANT) == Some(tenant.as_str()),
        }
    }
}

/// Folds the events of the subject that one of the moments includes; `each` is told every one of them, with the state that it
/// left.
///
/// # Errors
/// When a moment names no point of the subject's past, or the log cannot be read or is damaged.
pub async fn replay(
    source: &Source,
    subject: &Subject,
    moments: &[Moment],
    mut each: impl FnMut(&Record, &Envelope, &Model),
) -> anyhow::Result<()> {
    let partition = subject.partition(source.partitions());
    let looked_at = partition.map_or(usize::from(source.partitions()), |_| 1);
    moments.iter().try_for_each(|moment| moment.check(source, looked_at))?;
    let mut reading = source.read(partition).await?;
    let mut progress = Progress::new("replay", reading.total);
    let mut judge = Judge::new(source.partitions());
    let mut model = Model::default();
    while let Some(heap) = reading.heaps.recv().await {
        let heap = heap?;
        progress.advance(heap.len());
        for record in heap {
            if judge.judge(&record)? != Judged::Event {
                continue;
            }
            if !moments.iter().any(|moment| moment.includes(&record)) {
                // Neither time nor offsets run back within a partition.
                if partition.is_some() {
                    return Ok(());
                }
            } else if subject.is_meant(&record) {
                let envelope = fold(&mut model, &record)?;
                each(&record, &envelope, &model);
            }
        }
    }
    Ok(())
}

fn fold(model: &mut Model, record: &Record) -> Result<Envelope, Contradicted> {
    let opened = Envelope::open(record).map_err(Why::from);
    let folded = opened.and_then(|envelope| model.apply(&envelope).map(|_| envelope).map_err(Why::from));
    folded.map_err(|why| Contradicted { partition: record.partition, offset: record.offset, why })
}
