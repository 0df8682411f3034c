//! Consistency tokens: how far a view must have read for a reader to see a write.
//!
//! A token is opaque to clients: `s1.` and the base64url of a JSON array of `[place, nextOffset]` pairs, in order of the
//! [`Place`]s. `nextOffset` is the offset behind the record that the write produced. Partitions of the log of events are
//! numbered from 0 up, those of the reference log from -1 down.

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

/// A partition of one of the logs that views are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// Of the log of events.
    Event(Partition),
    /// Of the log of reference data.
    Reference(Partition),
}

impl Place {
    /// As tokens have it.
    fn number(self) -> i32 {
        match self {
            Self::Event(partition) => partition.number().into(),
            Self::Reference(partition) => !i32::from(partition.number()),
        }
    }

    fn of_number(number: i32) -> Result<Self, InvalidToken> {
        let (distance, place): (i32, fn(Partition) -> Self) =
            if number < 0 { (!number, Self::Reference) } else { (number, Self::Event) };
        u16::try_from(distance).map(|partition| place(Partition::new(partition))).map_err(|_| InvalidToken)
    }
}

impl From<Partition> for Place {
    fn from(partition: Partition) -> Self {
        Self::Event(partition)
    }
}

/// For each partition the offset that a view must have reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Positions(BTreeMap<Place, Offset>);

/// The text is not a consistency token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a consistency token")]
pub struct InvalidToken;

impl Positions {
    /// One partition.
    pub fn at(place: impl Into<Place>, next_offset: Offset) -> Self {
        Self(BTreeMap::from([(place.into(), next_offset)]))
    }

    /// Nothing to wait for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The partitions with their offsets.
    pub fn iter(&self) -> impl Iterator<Item = (Place, Offset)> + '_ {
        self.0.iter().map(|(place, offset)| (*place, *offset))
    }

    /// Takes the greater offset of each partition.
    pub fn merge(&mut self, other: &Self) {
        for (place, offset) in other.iter() {
            let held = self.0.entry(place).or_insert(offset);
            *held = offset.max(*held);
        }
    }

    /// Whether a view that has read up to `next_offset(place)` shows everything that this asks for.
    pub fn reached_by(&self, next_offset: impl Fn(Place) -> Option<Offset>) -> bool {
        self.iter().all(|(place, wanted)| next_offset(place).is_some_and(|reached| reached >= wanted))
    }
}

impl<P: Into<Place>> FromIterator<(P, Offset)> for Positions {
    fn from_iter<T: IntoIterator<Item = (P, Offset)>>(pairs: T) -> Self {
        let mut positions = Self::default();
        for (place, offset) in pairs {
            positions.merge(&Self::at(place, offset));
        }
        positions
    }
}

impl fmt::Display for Positions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<(i32, Offset)> = self.iter().map(|(place, offset)| (place.number(), offset)).collect();
        let json = serde_json::to_vec(&pairs).map_err(|_| fmt::Error)?;
        write!(f, "{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(json))
    }
}

impl FromStr for Positions {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        let encoded = text.strip_prefix(PREFIX).ok_or(InvalidToken)?;
        let json = BASE64_URL_SAFE_NO_PAD.decode(encoded).map_err(|_| InvalidToken)?;
        let pairs: Vec<(i32, Offset)> = serde_json::from_slice(&json).map_err(|_| InvalidToken)?;
        if pairs.iter().any(|(_, offset)| *offset < 0) {
            return Err(InvalidToken);
        }
        pairs.into_iter().map(|(number, offset)| Ok((Place::of_number(number)?, offset))).collect()
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
        let last = Partition::new(u16::MAX);
        let positions: Positions = [(last, 17), (Partition::new(0), 5)].into_iter().collect();
        assert_eq!(positions.to_string().parse(), Ok(positions.clone()));
        let mut of_both = positions;
        of_both.merge(&[(Place::Reference(Partition::new(0)), 3), (Place::Reference(last), 4)].into_iter().collect());
        assert_eq!(of_both.to_string().parse(), Ok(of_both));
        for bad in ["", "s1.", "s2.W10", "s1.%%", "s1.eyJhIjoxfQ", "17"] {
            assert_eq!(bad.parse::<Positions>(), Err(InvalidToken), "{bad}");
        }
        for bad in ["[[65536,1]]", "[[-65537,1]]", "[[0,-1]]"] {
            let token = format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bad));
            assert_eq!(token.parse::<Positions>(), Err(InvalidToken), "{bad}");
        }
    }

    #[test]
    fn merging_keeps_the_farther_offset_of_each_partition() {
        let mut positions = Positions::at(Partition::new(1), 9);
        positions.merge(&[(Partition::new(1), 4), (Partition::new(2), 8)].into_iter().collect());
        assert_eq!(positions, [(Partition::new(1), 9), (Partition::new(2), 8)].into_iter().collect());
        assert!(positions.reached_by(|_| Some(9)));
        assert!(!positions.reached_by(|place| (place == Partition::new(1).into()).then_some(9)));
    }
}
