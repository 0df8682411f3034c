//! The acceptance rule: which records of a partition count. Every reader applies it: writer, projector, tools.
//!
//! A record counts if its writer is the one announced last (and not stopped since), its number is the next, and its chain
//! fits. The rule looks at nothing but the records before, in constant space, so all readers agree whatever a broker, a
//! transaction or a clock did. It is part of the published contract: a change needs a new [`FOLD_VERSION`].

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Offset, Partition, Record};
use crate::{
    Timestamp,
    events::{Control, FOLD_VERSION, Headers, WriterStarted, headers},
};

/// blake3 over all accepted records of a partition, each on top of the one before. The first rests on 32 zero bytes.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Chain(#[serde(with = "hex")] [u8; 32]);

impl Chain {
    /// From its bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The chain with one more record on top: blake3 over chain, pseq (decimal), key, the headers by name (every `ce_*` but
    /// `ce_chain`, and `content-type`: name, value), value; before each of these its length as 8 bytes, least first.
    pub fn extended(&self, pseq: u64, key: &Option<String>, headers: &Headers, value: &[u8]) -> Self {
        // Hashing one text is faster than hashing fifty. Room for what is usual saves growing.
        let mut text = Vec::with_capacity(headers.room() + value.len() + 512);
        let mut add = |part: &[u8]| {
            text.extend_from_slice(&(part.len() as u64).to_le_bytes());
            text.extend_from_slice(part);
        };
        add(&self.0);
        add(pseq.to_string().as_bytes());
        add(key.as_deref().unwrap_or_default().as_bytes());
        for (name, text) in headers.iter() {
            if name == headers::CONTENT_TYPE || (name.starts_with("ce_") && name != headers::CHAIN) {
                add(name.as_bytes());
                add(text.as_bytes());
            }
        }
        add(value);
        Self(*blake3::hash(&text).as_bytes())
    }

    /// Whether this is the text of it, without making one.
    fn is_written_as(&self, text: &str) -> bool {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digits = self.0.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| DIGITS[usize::from(digit)]);
        text.len() == 2 * self.0.len() && digits.zip(text.bytes()).all(|(digit, byte)| digit == byte)
    }
}

impl FromStr for Chain {
    type Err = blake3::HexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        blake3::Hash::from_hex(text).map(|hash| Self(*hash.as_bytes()))
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        blake3::Hash::from_bytes(self.0).to_hex().fmt(f)
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub fn serialize<S: Serializer>(bytes: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&blake3::Hash::from_bytes(*bytes).to_hex())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(deserializer)?;
        blake3::Hash::from_hex(text).map(|hash| *hash.as_bytes()).map_err(D::Error::custom)
    }
}

/// The writer whose records count at present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CurrentWriter {
    /// Its announced id.
    pub id: Uuid,
    /// Its name at the broker.
    pub transactional_id: String,
    /// Its instance.
    pub instance: String,
    /// Where it takes forwarded commands.
    pub url: Option<String>,
}

impl From<&WriterStarted> for CurrentWriter {
    fn from(started: &WriterStarted) -> Self {
        Self {
            id: started.writer_id,
            transactional_id: started.transactional_id.clone(),
            instance: started.instance.clone(),
            url: started.url.clone(),
        }
    }
}

/// What a reader of one partition must remember to judge its next record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Acceptance {
    /// The partition.
    pub partition: Partition,
    /// How many partitions the log has.
    pub partitions: u16,
    /// The writer whose records count; none before the first and after a stop.
    pub writer: Option<CurrentWriter>,
    /// The writer id of the last accepted announcement, stopped or not.
    pub last: Option<Uuid>,
    /// The number of the last accepted record; 0 before the first.
    pub pseq: u64,
    /// The offset of the last record read, ignored ones included; none before the first.
    pub offset: Option<Offset>,
    /// The latest `ce_time` accepted.
    pub clock: Timestamp,
    /// The chain of the last accepted record.
    pub chain: Chain,
}

/// Why a record does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ignored {
    /// An announcement that does not name the one before it: late, repeated or overtaken.
    Overtaken,
    /// A record of a writer that is not the present one.
    StaleWriter,
    /// A number that was seen before.
    Duplicate,
    /// A number that skips one: the rest of a batch whose middle was lost.
    Gap,
}

impl Ignored {
    /// The word in metrics and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Overtaken => "overtaken",
            Self::StaleWriter => "stale_writer",
            Self::Duplicate => "duplicate",
            Self::Gap => "gap",
        }
    }
}

/// What a record means to a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It counts: fold it.
    Accepted,
    /// A writer announced itself; from here on its records count.
    NewWriter(Uuid),
    /// The present writer stopped; nothing counts until the next announcement.
    NoWriter(Uuid),
    /// It does not count.
    Ignored(Ignored),
    /// A newer version of this program wrote it: stop this partition.
    Newer,
    /// The chain does not fit, or the record contradicts the log: stop this partition.
    Corrupt,
}

impl Acceptance {
    /// Before the first record of a partition.
    pub fn new(partition: Partition, partitions: u16) -> Self {
        Self {
            partition,
            partitions,
            writer: None,
            last: None,
            pseq: 0,
            offset: None,
            clock: Timestamp::from_unix_millis(0),
            chain: Chain::default(),
        }
    }

    /// Behind an event that is known to count: it carries all that the rule looks at from there on. The names of its writer, which
    /// the rule does not look at, are not in it. None if it is no event that could count.
    pub fn behind(record: &Record, partitions: u16) -> Option<Self> {
        let text = |name| record.headers.get(name);
        let id: Uuid = text(headers::WRITER_ID)?.parse().ok()?;
        let nameless = CurrentWriter { id, transactional_id: String::new(), instance: String::new(), url: None };
        Some(Self {
            writer: Some(nameless),
            last: Some(id),
            pseq: text(headers::PSEQ)?.parse().ok()?,
            offset: Some(record.offset),
            clock: text(headers::TIME)?.parse().ok()?,
            chain: text(headers::CHAIN)?.parse().ok()?,
            ..Self::new(record.partition, partitions)
        })
    }

    /// The offset to go on reading from.
    pub fn next_offset(&self) -> Offset {
        self.offset.map_or(0, |offset| offset + 1)
    }

    /// Judges the next record of the partition. After [`Verdict::Newer`] and [`Verdict::Corrupt`] nothing has changed.
    pub fn step(&mut self, record: &Record) -> Verdict {
        let verdict = match Control::of(record) {
            Some(Control::Unknown) => return Verdict::Newer,
            Some(Control::Started(started)) => self.started(&started),
            Some(Control::Stopped(stopped)) => self.stopped(stopped.writer_id),
            None => self.event(record),
        };
        if !matches!(verdict, Verdict::Newer | Verdict::Corrupt) {
            self.offset = Some(record.offset);
        }
        verdict
    }

    fn started(&mut self, started: &WriterStarted) -> Verdict {
        if started.fold_version > FOLD_VERSION {
            return Verdict::Newer;
        }
        if started.partitions != self.partitions || started.partition != self.partition {
            return Verdict::Corrupt;
        }
        if started.after != self.last {
            return Verdict::Ignored(Ignored::Overtaken);
        }
        self.last = Some(started.writer_id);
        self.writer = Some(CurrentWriter::from(started));
        Verdict::NewWriter(started.writer_id)
    }

    fn stopped(&mut self, writer_id: Uuid) -> Verdict {
        match self.writer.take_if(|writer| writer.id == writer_id) {
            Some(writer) => Verdict::NoWriter(writer.id),
            None => Verdict::Ignored(Ignored::StaleWriter),
        }
    }

    fn event(&mut self, record: &Record) -> Verdict {
        let parsed = |name| record.headers.get(name).and_then(|text| text.parse().ok());
        let writer_id = record.headers.get(headers::WRITER_ID).and_then(|text| text.parse::<Uuid>().ok());
        let current = self.writer.as_ref().map(|writer| writer.id);
        if writer_id.is_none() || writer_id != current {
            return Verdict::Ignored(Ignored::StaleWriter);
        }
        let Some(pseq) = parsed(headers::PSEQ) else { return Verdict::Corrupt };
        if pseq <= self.pseq {
            return Verdict::Ignored(Ignored::Duplicate);
        }
        if pseq != self.pseq + 1 {
            return Verdict::Ignored(Ignored::Gap);
        }
        let chain = self.chain.extended(pseq, &record.key, &record.headers, &record.value);
        if !record.headers.get(headers::CHAIN).is_some_and(|text| chain.is_written_as(text)) {
            return Verdict::Corrupt;
        }
        let Some(time) = record.headers.get(headers::TIME).and_then(|text| text.parse().ok()) else {
            return Verdict::Corrupt;
        };
        self.pseq = pseq;
        self.chain = chain;
        self.clock = self.clock.max(time);
        Verdict::Accepted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_only_written_in_one_way() {
        let chain = Chain::from_bytes(std::array::from_fn(|place| (place as u8).wrapping_mul(9)));
        let text = chain.to_string();
        assert!(chain.is_written_as(&text));
        for other in [text.to_uppercase(), text[1..].to_owned(), format!("{text}0"), text.replacen('9', "8", 1)] {
            assert!(!chain.is_written_as(&other), "{other}");
        }
    }
}
