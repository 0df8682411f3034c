//! What a lane remembers of the rows that it has written and that still last, so that it can say which of them has come to an
//! end without looking for it in tables that have no index yet: about 50 bytes of an assignment, 200 of a segment.
//!
//! Rows are known by a hash of their names. Should two ever have the same, the version is found to differ from the logs.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use shared::log::Offset;

/// Eight hexadecimal digits.
#[derive(Debug, Clone, Copy)]
pub struct Incarnation([u8; 8]);

/// Everything that lasts.
#[derive(Debug, Default)]
pub struct Held(HashMap<u64, Segment>);

/// A segment that lasts.
#[derive(Debug, Default)]
pub struct Segment {
    /// Its row.
    pub row: Option<Document>,
    /// The rows of its items.
    pub items: Assignments,
    /// The rows of its customers.
    pub customers: Assignments,
}

/// What tells a row of `segment` from all others of the same segment.
#[derive(Debug, Clone, Copy)]
pub struct Document {
    /// Of the segment.
    pub incarnation: Incarnation,
    /// Of the document.
    pub version: i64,
}

/// What is assigned to a segment.
#[derive(Debug, Default)]
pub struct Assignments(HashMap<u64, Assignment>);

/// An assignment that lasts.
#[derive(Debug, Clone, Copy)]
pub struct Assignment {
    /// Of the assignment.
    pub incarnation: Incarnation,
    /// What tells its row from all others of the partition; none once that has ended and before there is another.
    pub offset: Option<Offset>,
}

impl From<&String> for Incarnation {
    fn from(digits: &String) -> Self {
        let mut copy = [b'0'; 8];
        copy.iter_mut().zip(digits.bytes()).for_each(|(place, digit)| *place = digit);
        Self(copy)
    }
}

impl Incarnation {
    /// As a column has them.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Held {
    /// A segment, which may be there.
    pub fn segment(&mut self, tenant: &str, id: &str) -> &mut Segment {
        self.0.entry(hash([tenant, id])).or_default()
    }

    /// A segment ends; all that lasted of it.
    pub fn end(&mut self, tenant: &str, id: &str) -> Segment {
        self.0.remove(&hash([tenant, id])).unwrap_or_default()
    }
}

impl Assignments {
    /// What was written of an assignment has ended; where.
    pub fn end(&mut self, target: [&str; 2]) -> Option<Offset> {
        self.0.get_mut(&hash(target))?.offset.take()
    }

    /// An assignment is over.
    pub fn remove(&mut self, target: [&str; 2]) {
        self.0.remove(&hash(target));
    }

    /// A new one is written.
    pub fn insert(&mut self, target: [&str; 2], incarnation: Incarnation, offset: Offset) {
        self.0.insert(hash(target), Assignment { incarnation, offset: Some(offset) });
    }

    /// One that was there is written anew; its incarnation, unless it was not there.
    pub fn replace(&mut self, target: [&str; 2], offset: Offset) -> Option<Incarnation> {
        let held = self.0.get_mut(&hash(target))?;
        held.offset = Some(offset);
        Some(held.incarnation)
    }

    /// Where those that last were written.
    pub fn offsets(self) -> impl Iterator<Item = Offset> {
        self.0.into_values().filter_map(|held| held.offset)
    }
}

fn hash(names: [&str; 2]) -> u64 {
    let mut hasher = DefaultHasher::new();
    names.hash(&mut hasher);
    hasher.finish()
}
