//! Rows in the binary format of PostgreSQL's COPY, which spares both sides the escaping.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A signature, no flags, no further header.
const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();
const NULL: [u8; 4] = (-1_i32).to_be_bytes();

/// Microseconds from 1970 to 2000, from where PostgreSQL counts.
const EPOCH: i64 = 946_684_800_000_000;

/// Rows of one table.
#[derive(Debug)]
pub struct Tuples(Vec<u8>);

/// The columns of a row, in order.
#[derive(Debug)]
pub struct Tuple<'t> {
    bytes: &'t mut Vec<u8>,
    columns: i16,
}

impl Default for Tuples {
    fn default() -> Self {
        Self(HEADER.to_vec())
    }
}

impl Tuples {
    /// One more row.
    pub fn row(&mut self, write: impl FnOnce(&mut Tuple<'_>)) {
        let start = self.0.len();
        self.0.extend(0_i16.to_be_bytes());
        let mut tuple = Tuple { bytes: &mut self.0, columns: 0 };
        write(&mut tuple);
        let columns = tuple.columns;
        self.0[start..start + 2].copy_from_slice(&columns.to_be_bytes());
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == HEADER.len()
    }

    /// All that is there, complete; then there is nothing, and room for as much.
    pub fn take(&mut self) -> Vec<u8> {
        let mut next = Vec::with_capacity(self.0.capacity());
        next.extend_from_slice(HEADER);
        let mut rows = std::mem::replace(&mut self.0, next);
        rows.extend(TRAILER);
        rows
    }
}

impl Tuple<'_> {
    fn value(&mut self, value: &[u8]) -> &mut Self {
        // Nothing of a record is near 2 GiB.
        self.bytes.extend((value.len() as i32).to_be_bytes());
        self.bytes.extend_from_slice(value);
        self.columns += 1;
        self
    }

    fn null(&mut self) -> &mut Self {
        self.bytes.extend(NULL);
        self.columns += 1;
        self
    }

    /// A `text`.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.value(text.as_bytes())
    }

    /// A `json`.
    pub fn json(&mut self, json: Option<&str>) -> &mut Self {
        match json {
            Some(json) => self.text(json),
            None => self.null(),
        }
    }

    /// A `jsonb`: its first version is a text.
    pub fn jsonb(&mut self, json: Option<&str>) -> &mut Self {
        let Some(json) = json else { return self.null() };
        self.bytes.extend((json.len() as i32 + 1).to_be_bytes());
        self.bytes.push(1);
        self.bytes.extend_from_slice(json.as_bytes());
        self.columns += 1;
        self
    }

    /// A `smallint`.
    pub fn small(&mut self, number: i16) -> &mut Self {
        self.value(&number.to_be_bytes())
    }

    /// A `bigint`.
    pub fn number(&mut self, number: impl Into<Option<i64>>) -> &mut Self {
        match number.into() {
            Some(number) => self.value(&number.to_be_bytes()),
            None => self.null(),
        }
    }

    /// A `timestamptz`.
    pub fn time(&mut self, at: impl Into<Option<DateTime<Utc>>>) -> &mut Self {
        match at.into() {
            Some(at) => self.value(&(at.timestamp_micros() - EPOCH).to_be_bytes()),
            None => self.null(),
        }
    }

    /// A `uuid`.
    pub fn uuid(&mut self, id: Uuid) -> &mut Self {
        self.value(id.as_bytes())
    }
}
