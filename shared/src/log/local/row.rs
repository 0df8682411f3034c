//! A record as a row: `position, partition, appended_at, key, headers, value`. Headers are a JSON object, so that people and
//! SQL can read them; the value is text, or a blob if it is not UTF-8.

use std::{borrow::Cow, fmt};

use rusqlite::{Statement, params, types::ValueRef};
use serde::{
    Deserialize, Deserializer, Serializer,
    de::{MapAccess, Visitor},
};

use crate::{
    Timestamp,
    events::Headers,
    log::{LogError, NewRecord, Offset, Partition, Record},
};

/// A record on its way into the file.
pub(super) struct Row {
    pub partition: Partition,
    record: NewRecord,
    headers: String,
}

impl Row {
    pub fn new(partition: Partition, record: NewRecord) -> Self {
        let mut headers = Vec::with_capacity(record.headers.size() + 128);
        serde_json::Serializer::new(&mut headers)
            .collect_map(record.headers.iter())
            .expect("strings can be written to memory");
        let headers = String::from_utf8(headers).expect("JSON is UTF-8");
        Self { partition, record, headers }
    }

    /// Bytes in the file, about.
    pub fn size(&self) -> usize {
        self.headers.len() + self.record.value.len() + 64
    }

    /// Runs the insert statement of [`super::file`].
    pub fn insert(
        &self,
        statement: &mut Statement<'_>,
        position: Offset,
        appended_at: Timestamp,
    ) -> rusqlite::Result<()> {
        let value = &self.record.value;
        let value = str::from_utf8(value).map_or(ValueRef::Blob(value), |text| ValueRef::Text(text.as_bytes()));
        let value = rusqlite::types::ToSqlOutput::Borrowed(value);
        let row =
            params![position, self.partition.number(), appended_at.unix_millis(), self.record.key, self.headers, value];
        statement.execute(row).map(drop)
    }

    pub fn placed(self, position: Offset, appended_at: Timestamp) -> Record {
        Record::placed(self.record, self.partition, position, appended_at)
    }
}

/// Where a row stands; the rest of it is only read if that is of interest.
pub(super) fn place(row: &rusqlite::Row<'_>) -> rusqlite::Result<(Offset, Partition)> {
    Ok((row.get(0)?, Partition::new(row.get(1)?)))
}

/// Reads a row.
pub(super) fn record(row: &rusqlite::Row<'_>) -> Result<Record, LogError> {
    let (offset, partition) = place(row).map_err(|error| unreadable(&error))?;
    let damaged = |what: &str| LogError::Damaged(format!("record {offset} cannot be read: {what}"));
    let column = |index| row.get_ref(index).map_err(|error| damaged(&error.to_string()));
    let key = column(3)?.as_str_or_null().map_err(|error| damaged(&error.to_string()))?.map(str::to_owned);
    let json = column(4)?.as_str().map_err(|error| damaged(&error.to_string()))?;
    let headers = match Headers::from_plain_json(json) {
        Some(headers) => headers,
        None => serde_json::Deserializer::from_str(json)
            .deserialize_map(HeadersVisitor { bytes: json.len() })
            .map_err(|error| damaged(&error.to_string()))?,
    };
    let value = column(5)?.as_bytes().map_err(|error| damaged(&error.to_string()))?.to_vec();
    let appended_at = column(2)?.as_i64().map_err(|error| damaged(&error.to_string()))?;
    Ok(Record { partition, offset, appended_at: Timestamp::from_unix_millis(appended_at), key, headers, value })
}

/// What an error of SQLite means for the log.
pub(super) fn unreadable(error: &rusqlite::Error) -> LogError {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    match error.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => LogError::Damaged(error.to_string()),
        Some(_) => LogError::Unavailable(error.to_string()),
        None => LogError::Damaged(format!("a row is not as it was written: {error}")),
    }
}

struct HeadersVisitor {
    /// How long they are as JSON.
    bytes: usize,
}

impl<'de> Visitor<'de> for HeadersVisitor {
    type Value = Headers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers, A::Error> {
        let mut headers = Headers::with_capacity(self.bytes);
        while let Some((Text(name), Text(value))) = map.next_entry()? {
            headers.set(&name, value);
        }
        Ok(headers)
    }
}

/// A string of the JSON, where it lies if it can be read there.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
