//! Whether the views hold what the logs say: a fold of the logs in memory, held against the tables, table by table.
//!
//! [`stored`] looks at the tables in one snapshot of the database, at the positions that it has; [`fold`] and [`catalogue`] fold
//! the logs up to exactly these. Both add up the same hash of each row ([`row`]), so neither needs
//! the rows of the other. The fold is its own: it shares no code with the projector. Columns that only serve searches follow from
//! a document and are not compared.
//!
//! A new column: in [`fold`] or [`catalogue`], and at the same place in `stored.sql`. A test wants both equal.

mod catalogue;
mod fold;
mod row;
mod stored;

use std::{collections::BTreeMap, fmt};

use shared::log::{Acceptance, LogError};

pub use self::{catalogue::Catalogue, fold::Fold, stored::Snapshot};
use crate::projector::Unusable;

/// What a table holds: how many rows, and the sum of their hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// How many.
    pub rows: i64,
    hash: i128,
}

/// By the names of tables.
pub type Sums = BTreeMap<String, Sum>;

impl Sum {
    fn add(&mut self, hash: i64) {
        self.rows += 1;
        self.hash += i128::from(hash);
    }

    fn merge(&mut self, other: Self) {
        self.rows += other.rows;
        self.hash += other.hash;
    }
}

/// A table, and what it should hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// The table, or a partition of the log.
    pub name: String,
    /// How many rows the logs say there are.
    pub expected: i64,
    /// How many there are.
    pub found: i64,
    /// Whether they are the same.
    pub is_equal: bool,
}

/// Why a log cannot be folded.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The log cannot be read, or is damaged.
    #[error("log: {0}")]
    Log(#[from] LogError),
    /// A record stops the fold, as it stops the projection.
    #[error(transparent)]
    Record(#[from] Unusable),
    /// A document cannot be written as JSON.
    #[error("document: {0}")]
    Document(#[from] serde_json::Error),
    /// The database refused or did not answer.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, expected, found, is_equal } = self;
        match is_equal {
            true => write!(f, "{name}: {found}, as the logs say"),
            false => write!(f, "{name}: {found} differ from the {expected} of the logs"),
        }
    }
}

/// The tables in the order of their names, and each partition whose position is not that of its fold.
pub fn compare(snapshot: &Snapshot, found: &Sums, folds: &[Fold], catalogue: &Catalogue) -> Vec<Compared> {
    let mut expected = catalogue.sums();
    let mut reached: BTreeMap<_, Acceptance> = BTreeMap::new();
    for fold in folds {
        reached.insert(fold.acceptance().partition, fold.acceptance().clone());
        for (name, sum) in fold.sums() {
            expected.entry(name).or_default().merge(sum);
        }
    }
    let mut compared: Vec<Compared> = expected
        .into_iter()
        .map(|(name, expected)| {
            let found = found.get(&name).copied().unwrap_or_default();
            Compared { name, expected: expected.rows, found: found.rows, is_equal: found == expected }
        })
        .collect();
    for (partition, stands) in &snapshot.acceptances {
        let reached = reached.get(partition);
        if reached != Some(stands) {
            let expected = reached.map_or(0, Acceptance::next_offset);
            let name = format!("position in partition {partition}");
            compared.push(Compared { name, expected, found: stands.next_offset(), is_equal: false });
        }
    }
    compared
}
