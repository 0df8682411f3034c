//! Reference data: what other systems own and this one only needs to know. Names of customers and legal entities, products,
//! categories with their parents, and which product is in which category.
//!
//! A [`Change`] sets or removes one [`Entry`], named by its [`Key`]. Changes travel on a [`ReferenceLog`], which keeps at least
//! the last one of each key: the compacted Kafka topic `reference.v1`, which other systems may write too, or a table of an
//! SQLite file. Whoever reads gets a [`Record`], whoever wrote it, and opens it; what cannot be opened is foreign, not damage.
//! `schemas/reference` publishes the same as JSON Schema.
//!
//! A new kind: a variant of [`Kind`], [`Id`] and [`Entry`], its struct in `entry.rs`, a schema, golden records.

mod change;
mod entry;
mod key;

use std::future::Future;

use futures::Stream;

use crate::log::{LogError, Offset, Partition};

pub use change::{Change, MAX_RECORD_BYTES, Record, Unreadable};
pub use entry::{Category, Customer, Entry, InvalidEntry, LegalEntity, MAX_TEXT_CHARS, Product, ProductCategory};
pub use key::{Id, InvalidKey, Key, Kind};

/// Where changes of reference data are written to and read from. The last change of a key counts; all changes of a key lie in
/// one partition, in their order. Readers may find older changes of a key, but need not.
pub trait ReferenceLog: Clone + Send + Sync + 'static {
    /// How many partitions there are.
    fn partitions(&self) -> u16;

    /// Writes these changes, durably when it returns. For each, what comes back is the offset behind it.
    ///
    /// # Errors
    /// When the outcome is unknown: any of them may have been written. All can be written again.
    fn write(&self, changes: Vec<Change>) -> impl Future<Output = Result<Vec<(Partition, Offset)>, InDoubt>> + Send;

    /// What there is from the given offsets on, in order within each partition, and then what comes. From offset 0 on that is
    /// everything that is known. After an error the stream ends; the reader may ask again.
    fn tail(
        &self,
        from: Vec<(Partition, Offset)>,
    ) -> impl Stream<Item = Result<Record, LogError>> + Send + Unpin + 'static;

    /// The offset behind everything written to the partition.
    fn end(&self, partition: Partition) -> impl Future<Output = Result<Offset, LogError>> + Send;
}

/// Some, all or none of the changes may have been written.
#[derive(Debug, Clone, thiserror::Error)]
#[error("it is unknown which changes of reference data were written: {0}")]
pub struct InDoubt(pub String);
