//! A model in pieces, as files keep it: each of bounded size, all in one order, so that equal models have equal pieces.
//!
//! What changes here, or in what the pieces hold, makes snapshots unreadable: give their format another number then.

use std::iter;

use serde::{Deserialize, Serialize};
use shared::ids::{CustomerRef, ItemRef, SegmentKey};

use super::{
    Model,
    assignment::Assigned,
    model::Entry,
    rows::Rows,
    segment::{Live, State},
};

/// Assignments in one piece.
const ROWS: usize = 256;

/// A part of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Piece(Content);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Content {
    Segment(SegmentKey, Live),
    /// Items of the segment before.
    Items(Vec<(ItemRef, Assigned)>),
    /// Customers of the segment before.
    Customers(Vec<(CustomerRef, Assigned)>),
}

/// Assignments come before the segment that they belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("assignments of no segment")]
pub struct Misplaced;

impl Piece {
    pub(super) fn all_of<'a>(key: &'a SegmentKey, state: &'a State, rows: &'a Rows) -> impl Iterator<Item = Self> + 'a {
        let segment = match state {
            State::Absent => None,
            State::Live(live) => Some(Content::Segment(key.clone(), live.clone())),
        };
        let items = iter::once_with(|| rows.items_in_order(ROWS)).flatten().map(Content::Items);
        let customers = iter::once_with(|| rows.customers_in_order(ROWS)).flatten().map(Content::Customers);
        segment.into_iter().chain(items).chain(customers).map(Self)
    }
}

/// A model that is put together from its pieces.
#[derive(Debug, Default)]
pub struct Assembly {
    model: Model,
    /// The last segment; what follows belongs to it.
    open: Option<(SegmentKey, Entry)>,
}

impl Assembly {
    /// Adds the next piece.
    ///
    /// # Errors
    /// When it is not one that can follow on those before it.
    pub fn add(&mut self, piece: Piece) -> Result<(), Misplaced> {
        match piece.0 {
            Content::Segment(key, live) => {
                self.close();
                self.open = Some((key, Entry { live: State::Live(live), rows: Rows::default() }));
            }
            Content::Items(items) => self.rows()?.restore_items(items),
            Content::Customers(customers) => self.rows()?.restore_customers(customers),
        }
        Ok(())
    }

    /// The model.
    pub fn finish(mut self) -> Model {
        self.close();
        self.model
    }

    fn rows(&mut self) -> Result<&mut Rows, Misplaced> {
        self.open.as_mut().map(|(_, entry)| &mut entry.rows).ok_or(Misplaced)
    }

    fn close(&mut self) {
        self.model.segments.extend(self.open.take());
    }
}

/// An instant as a number: a third of its text.
pub(super) mod as_millis {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use shared::Timestamp;

    pub fn serialize<S: Serializer>(instant: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        instant.unix_millis().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        i64::deserialize(deserializer).map(Timestamp::from_unix_millis)
    }
}

/// A document as JSON: what it holds in free form needs a form that describes itself.
pub(super) mod as_json {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};
    use shared::document::Segment;

    pub fn serialize<S: Serializer>(document: &Arc<Segment>, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::to_string(document).map_err(S::Error::custom)?.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Segment>, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        serde_json::from_str(text).map(Arc::new).map_err(D::Error::custom)
    }
}
