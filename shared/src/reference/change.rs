//! Changes of entries, and the records that carry them: the key names the entry, the value is the entry, and no value (Kafka's
//! tombstone) or the JSON `null` removes it.

use super::{
    entry::{Entry, InvalidEntry},
    key::{Id, InvalidKey, Key, Kind},
};
use crate::{
    ids::Tenant,
    log::{Offset, Partition},
};

/// The largest record, key and value together, in bytes.
pub const MAX_RECORD_BYTES: usize = 64 * 1024;

/// Sets or removes an entry.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The entry is now so, whatever it was.
    Put {
        /// Whose it is.
        tenant: Tenant,
        /// The entry.
        entry: Entry,
    },
    /// The entry is gone, if it was there.
    Delete(Key),
}

impl Change {
    /// What it changes.
    pub fn key(&self) -> Key {
        match self {
            Self::Put { tenant, entry } => Key { tenant: tenant.clone(), id: entry.id() },
            Self::Delete(key) => key.clone(),
        }
    }

    /// The bytes of its record.
    pub fn size(&self) -> usize {
        self.key().to_string().len() + self.value().map_or(0, |value| value.len())
    }

    /// The value of its record; none removes.
    pub fn value(&self) -> Option<Vec<u8>> {
        match self {
            Self::Put { entry, .. } => Some(entry.to_json()),
            Self::Delete(_) => None,
        }
    }
}

/// A record as it was read, whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it was read.
    pub partition: Partition,
    /// Its place there.
    pub offset: Offset,
    /// `tenant/kind/id`, if it is as it should be.
    pub key: Option<String>,
    /// JSON, if it is as it should be; none removes.
    pub value: Option<Vec<u8>>,
}

/// Why a record of reference data says nothing. It is to be put aside, and the next one read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It has no key.
    #[error("the record has no key")]
    NoKey,
    /// It is too large.
    #[error("the record is larger than {MAX_RECORD_BYTES} bytes")]
    Size,
    /// The key names no entry.
    #[error("the key is not understood: {0}")]
    Key(#[from] InvalidKey),
    /// The value is not JSON.
    #[error("the value is not JSON: {0}")]
    Syntax(String),
    /// The value is no entry of its kind.
    #[error(transparent)]
    Entry(#[from] InvalidEntry),
    /// Key and value name different entries.
    #[error("the key names another entry than the value: {0}")]
    OtherId(Box<Id>),
}

impl Record {
    /// What the record says.
    ///
    /// # Errors
    /// When it says nothing that is understood.
    pub fn open(&self) -> Result<Change, Unreadable> {
        let key = self.key.as_deref().ok_or(Unreadable::NoKey)?;
        if key.len() + self.value.as_ref().map_or(0, Vec::len) > MAX_RECORD_BYTES {
            return Err(Unreadable::Size);
        }
        if let Some(change) = self.open_usual(key) {
            return Ok(change);
        }
        let Key { tenant, id } = Key::parse(key)?;
        let value = self.value.as_deref().map(serde_json::from_slice::<serde_json::Value>).transpose();
        let value = value.map_err(|error| Unreadable::Syntax(error.to_string()))?;
        let Some(value) = value.filter(|value| !value.is_null()) else {
            return Ok(Change::Delete(Key { tenant, id }));
        };
        let entry = Entry::from_json(id.kind(), value)?;
        if entry.id() == id {
            Ok(Change::Put { tenant, entry })
        } else {
            Err(Unreadable::OtherId(Box::new(entry.id())))
        }
    }

    /// The same for nearly all records, without a tree of the value in between; none: it takes a closer look.
    fn open_usual(&self, key: &str) -> Option<Change> {
        let (tenant, rest) = key.split_once('/')?;
        let (kind, id) = rest.split_once('/')?;
        let entry = Entry::from_usual_json(Kind::parse(kind)?, self.value.as_deref()?)?;
        entry.is_named(id).then_some(Change::Put { tenant: Tenant::parse(tenant).ok()?, entry })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(key: Option<&str>, value: Option<&str>) -> Result<Change, Unreadable> {
        let (key, value) = (key.map(str::to_owned), value.map(|text| text.as_bytes().to_vec()));
        Record { partition: Partition::new(0), offset: 0, key, value }.open()
    }

    #[test]
    fn a_record_sets_or_removes_an_entry() {
        for (key, value, is_put) in [
            ("acme/product/p1", Some(r#"{"id":"p1"}"#), true),
            ("acme/productCategory/p1/k1", Some(r#"{"productId":"p1","categoryId":"k1"}"#), true),
            ("acme/product/p1", None, false),
            ("acme/product/p1", Some("null"), false),
        ] {
            let change = open(Some(key), value).expect("a change");
            assert_eq!((change.key().to_string(), change.value().is_some()), (key.to_owned(), is_put), "{value:?}");
        }
    }

    #[test]
    fn what_takes_a_closer_look_says_the_same() {
        for (key, value) in [
            ("acme/category/k1", r#"{"id":"k1","parentId":"k2"}"#),
            ("acme/category/k1", r#" {"parentId":"x","id":"k1","parentId":"k2"}"#),
            ("acme/category/k1", "{\"id\":\"k\\u0031\",\"parentId\":\"k2\",\"later\":[{}]}"),
        ] {
            let expected = Entry::from_json(Kind::Category, serde_json::json!({ "id": "k1", "parentId": "k2" }));
            let Ok(Change::Put { entry, .. }) = open(Some(key), Some(value)) else { panic!("{value}") };
            assert_eq!(Ok(entry), expected, "{value}");
        }
    }

    #[test]
    fn what_is_not_understood_is_told_apart() {
        let large = format!(r#"{{"id":"p1","name":{{"en":"{}"}}}}"#, "x".repeat(MAX_RECORD_BYTES));
        type Expected = fn(&Unreadable) -> bool;
        let cases: [(&str, Option<&str>, Option<&str>, Expected); 6] = [
            ("no key", None, None, |why| *why == Unreadable::NoKey),
            ("a kind that is none", Some("acme/x/p1"), None, |why| *why == Unreadable::Key(InvalidKey::Kind)),
            ("large", Some("acme/product/p1"), Some(&large), |why| *why == Unreadable::Size),
            ("no JSON", Some("acme/product/p1"), Some("{"), |why| matches!(why, Unreadable::Syntax(_))),
            ("no entry", Some("acme/product/p1"), Some("{}"), |why| matches!(why, Unreadable::Entry(_))),
            ("another", Some("acme/product/p1"), Some(r#"{"id":"p2"}"#), |why| matches!(why, Unreadable::OtherId(_))),
        ];
        for (case, key, value, expected) in cases {
            let why = open(key, value).expect_err(case);
            assert!(expected(&why), "{case}: {why}");
        }
    }
}
