//! Consistency tokens: how far a view must have read for a reader to see a write.
//!
//! A token is opaque to clients: `s1.` and the base64url of a JSON array of `[partition, nextOffset]` pairs, in order of
//! the partitions. `nextOffset` is the offset behind the record that the write produced.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    str::FromStr,
    sync::{Arc, RwLock},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::{
    ids::Tenant,
    log::{Offset, Partition},
};

/// The header that carries a token, on answers to writes and on reads.
pub const CONSISTENCY_TOKEN: &str = "X-Consistency-Token";

const PREFIX: &str = "s1.";

/// For each partition the offset that a view must have reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Positions(BTreeMap<Partition, Offset>);

/// The text is not a consistency token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a consistency token")]
pub struct InvalidToken;

impl Positions {
    /// One partition.
    pub fn at(partition: Partition, next_offset: Offset) -> Self {
        Self(BTreeMap::from([(partition, next_offset)]))
    }

    /// Nothing to wait for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The partitions with their offsets.
    pub fn iter(&self) -> impl Iterator<Item = (Partition, Offset)> + '_ {
        self.0.iter().map(|(partition, offset)| (*partition, *offset))
    }

    /// Takes the greater offset of each partition.
    pub fn merge(&mut self, other: &Self) {
        for (partition, offset) in other.iter() {
            let held = self.0.entry(partition).or_insert(offset);
            *held = offset.max(*held);
        }
    }

    /// Whether a view that has read up to `next_offset(partition)` shows everything that this asks for.
    pub fn reached_by(&self, next_offset: impl Fn(Partition) -> Option<Offset>) -> bool {
        self.iter().all(|(partition, wanted)| next_offset(partition).is_some_and(|reached| reached >= wanted))
    }
}

impl FromIterator<(Partition, Offset)> for Positions {
    fn from_iter<T: IntoIterator<Item = (Partition, Offset)>>(pairs: T) -> Self {
        let mut positions = Self::default();
        for (partition, offset) in pairs {
            positions.merge(&Self::at(partition, offset));
        }
        positions
    }
}

impl fmt::Display for Positions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<(u16, Offset)> = self.iter().map(|(partition, offset)| (partition.number(), offset)).collect();
        let json = serde_json::to_vec(&pairs).map_err(|_| fmt::Error)?;
        write!(f, "{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(json))
    }
}

impl FromStr for Positions {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        let encoded = text.strip_prefix(PREFIX).ok_or(InvalidToken)?;
        let json = BASE64_URL_SAFE_NO_PAD.decode(encoded).map_err(|_| InvalidToken)?;
        let pairs: Vec<(u16, Offset)> = serde_json::from_slice(&json).map_err(|_| InvalidToken)?;
        if pairs.iter().any(|(_, offset)| *offset < 0) {
            return Err(InvalidToken);
        }
        Ok(pairs.into_iter().map(|(partition, offset)| (Partition::new(partition), offset)).collect())
    }
}

/// What one process has acknowledged to each tenant. Where reads and writes are served by one process, a read without a
/// token looks here to see its tenant's own writes.
#[derive(Debug, Clone, Default)]
pub struct Acknowledged(Arc<RwLock<HashMap<Tenant, Positions>>>);

impl Acknowledged {
    /// Remembers an answered write.
    pub fn record(&self, tenant: &Tenant, positions: &Positions) {
        let mut by_tenant = self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        match by_tenant.get_mut(tenant) {
            Some(held) => held.merge(positions),
            None => {
                by_tenant.insert(tenant.clone(), positions.clone());
            }
        }
    }

    /// Everything acknowledged to the tenant so far.
    pub fn of(&self, tenant: &Tenant) -> Positions {
        let by_tenant = self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        by_tenant.get(tenant).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_as_written_and_anything_else_is_refused() {
        let positions: Positions = [(Partition::new(3), 17), (Partition::new(0), 5)].into_iter().collect();
        assert_eq!(positions.to_string().parse(), Ok(positions));
        for bad in ["", "s1.", "s2.W10", "s1.%%", "s1.eyJhIjoxfQ", "17"] {
            assert_eq!(bad.parse::<Positions>(), Err(InvalidToken), "{bad}");
        }
    }

    #[test]
    fn merging_keeps_the_farther_offset_of_each_partition() {
        let mut positions = Positions::at(Partition::new(1), 9);
        positions.merge(&[(Partition::new(1), 4), (Partition::new(2), 8)].into_iter().collect());
        assert_eq!(positions, [(Partition::new(1), 9), (Partition::new(2), 8)].into_iter().collect());
        assert!(positions.reached_by(|_| Some(9)));
        assert!(!positions.reached_by(|partition| (partition == Partition::new(1)).then_some(9)));
    }
}
