//! A run of records of the reference log, and what they say in the end. Pure.

use std::collections::{BTreeMap, HashMap};

use shared::{
    log::{Offset, Partition},
    reference::{Change, Entry, InvalidEntry, Key, Record, Unreadable},
};

/// The most bytes of values in a batch, the last one excepted.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// The most characters of a key that are kept of a record that is refused.
const MAX_KEY_CHARS: usize = 600;

/// What some records say, and where they end.
#[derive(Debug)]
pub struct Batch {
    /// The last word about each entry.
    pub changes: HashMap<Key, Said>,
    /// Records that say nothing.
    pub refused: Vec<Refused>,
    /// For each partition that was read: the offset before, and that behind.
    pub moved: BTreeMap<Partition, (Offset, Offset)>,
    max_records: usize,
    records: usize,
    bytes: usize,
}

/// What was said of an entry.
#[expect(clippy::large_enum_variant, reason = "nearly everything is a put")]
#[derive(Debug)]
pub enum Said {
    /// It is so, by the record at this place.
    Put {
        /// The entry.
        entry: Entry,
        /// Where the record lies.
        partition: Partition,
        /// Its place there.
        offset: Offset,
    },
    /// It is gone.
    Gone,
}

/// A record of which nothing, or not all, is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Where it lies.
    pub partition: Partition,
    /// Its place there.
    pub offset: Offset,
    /// Its key, as far as it can be stored.
    pub key: Option<String>,
    /// For people; holds no value, since values may be about persons.
    pub reason: String,
}

impl Batch {
    /// Nothing yet.
    pub fn of_at_most(max_records: usize) -> Self {
        let (changes, refused, moved) = (HashMap::new(), Vec::new(), BTreeMap::new());
        Self { changes, refused, moved, max_records, records: 0, bytes: 0 }
    }

    /// How many records it holds, those that are refused included.
    pub fn records(&self) -> usize {
        self.records
    }

    /// Whether it should be applied before more is added.
    pub fn is_full(&self) -> bool {
        self.records >= self.max_records || self.bytes >= MAX_BYTES
    }

    /// Adds the next record of a partition that is read up to `position`, and moves that behind it.
    pub fn add(&mut self, record: &Record, position: &mut Offset) {
        let Record { partition, offset, .. } = *record;
        match record.open() {
            Ok(change) => {
                let key = change.key();
                let said = match change {
                    Change::Put { entry, .. } => Said::Put { entry, partition, offset },
                    Change::Delete(_) => Said::Gone,
                };
                self.changes.insert(key, said);
            }
            Err(why) => {
                let key = record.key.as_deref().map(storable);
                self.refused.push(Refused { partition, offset, key, reason: reason(&why) });
            }
        }
        self.records += 1;
        self.bytes += record.value.as_ref().map_or(0, Vec::len);
        self.moved.entry(partition).or_insert((*position, 0)).1 = offset + 1;
        *position = offset + 1;
    }
}

/// What the parser says of a shape may quote what it found.
fn reason(why: &Unreadable) -> String {
    match why {
        Unreadable::Entry(InvalidEntry::Shape(_)) => "the entry does not have the shape of its kind".to_owned(),
        Unreadable::Entry(InvalidEntry::Length | InvalidEntry::Nul | InvalidEntry::OwnParent)
        | Unreadable::NoKey
        | Unreadable::Size
        | Unreadable::Key(_)
        | Unreadable::Syntax(_) => why.to_string(),
        Unreadable::OtherId(_) => "the key names another entry than the value".to_owned(),
    }
}

/// Postgres stores no U+0000.
fn storable(key: &str) -> String {
    key.chars().take(MAX_KEY_CHARS).map(|char| if char == '\0' { char::REPLACEMENT_CHARACTER } else { char }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(partition: u16, offset: Offset, key: Option<&str>, value: Option<&str>) -> Record {
        let (key, value) = (key.map(str::to_owned), value.map(|value| value.as_bytes().to_vec()));
        Record { partition: Partition::new(partition), offset, key, value }
    }

    #[test]
    fn the_last_word_about_an_entry_counts() {
        let mut batch = Batch::of_at_most(10);
        let mut position = 4;
        let told = Some(r#"{"id":"p1","code":"A"}"#);
        batch.add(&record(1, 5, Some("acme/product/p1"), told), &mut position);
        batch.add(&record(1, 9, Some("acme/product/p1"), None), &mut position);
        batch.add(&record(1, 12, Some("beta/product/p1"), told), &mut position);
        let gone = batch.changes.values().filter(|said| matches!(said, Said::Gone)).count();
        assert_eq!((batch.changes.len(), gone, batch.records()), (2, 1, 3));
        assert_eq!(batch.moved, BTreeMap::from([(Partition::new(1), (4, 13))]));
        assert_eq!(position, 13);
    }

    #[test]
    fn what_says_nothing_is_put_aside_without_its_value() {
        let mut batch = Batch::of_at_most(10);
        let secret = r#"{"id":"c1","email":{"secret":1}}"#;
        for (offset, (key, value)) in (0..).zip([
            (None, None),
            (Some("nonsense"), None),
            (Some("acme/customer/a\0b"), None),
            (Some("acme/customer/c1"), Some(secret)),
            (Some("acme/customer/c1"), Some("{\"secret\"")),
            (Some("acme/customer/c1"), Some(r#"{"id":"secret"}"#)),
        ]) {
            batch.add(&record(0, offset, key, value), &mut 0);
        }
        assert!(batch.changes.is_empty());
        assert_eq!(batch.refused.len(), 6);
        assert!(batch.refused.iter().all(|refused| !refused.reason.contains("secret")), "{:?}", batch.refused);
        assert_eq!(batch.refused[2].key.as_deref(), Some("acme/customer/a\u{FFFD}b"));
    }
}
