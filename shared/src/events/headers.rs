//! Record headers: CloudEvents attributes in Kafka's binary mode (`ce_` and the attribute's name), `content-type`, and the
//! W3C trace context.

use std::borrow::Cow;

/// The media type of the value.
pub const CONTENT_TYPE: &str = "content-type";
/// CloudEvents `specversion`.
pub const SPEC_VERSION: &str = "ce_specversion";
/// CloudEvents `id`: a UUIDv7.
pub const ID: &str = "ce_id";
/// CloudEvents `source`.
pub const SOURCE: &str = "ce_source";
/// CloudEvents `type`.
pub const TYPE: &str = "ce_type";
/// CloudEvents `subject`: the segment's id.
pub const SUBJECT: &str = "ce_subject";
/// CloudEvents `time`: the writer's clock, never running back within a partition.
pub const TIME: &str = "ce_time";
/// CloudEvents `dataschema`.
pub const DATA_SCHEMA: &str = "ce_dataschema";
/// CloudEvents extension `partitionkey`, equal to the record's key.
pub const PARTITION_KEY: &str = "ce_partitionkey";
/// The tenant.
pub const TENANT: &str = "ce_tenant";
/// The number of the event in the segment's present incarnation, from 1.
pub const SEQUENCE: &str = "ce_sequence";
/// The request that belongs to a longer conversation.
pub const CORRELATION_ID: &str = "ce_correlationid";
/// What caused the request.
pub const CAUSATION_ID: &str = "ce_causationid";
/// Who asked: `user:<sub>` or `client:<azp>`.
pub const ACTOR: &str = "ce_actor";
/// The id under which the writer announced itself.
pub const WRITER_ID: &str = "ce_writerid";
/// The number of the event among those accepted in its partition, from 1.
pub const PSEQ: &str = "ce_pseq";
/// The command's id.
pub const COMMAND_ID: &str = "ce_cmdid";
/// The fingerprint of the request, hexadecimal.
pub const COMMAND_HASH: &str = "ce_cmdhash";
/// The hash chain of the partition up to and with this record, hexadecimal.
pub const CHAIN: &str = "ce_chain";
/// W3C trace context.
pub const TRACE_PARENT: &str = "traceparent";
/// W3C trace context.
pub const TRACE_STATE: &str = "tracestate";

const KNOWN: [&str; 22] = [
    TYPE,
    WRITER_ID,
    PSEQ,
    CHAIN,
    ACTOR,
    CAUSATION_ID,
    COMMAND_HASH,
    COMMAND_ID,
    CONTENT_TYPE,
    CORRELATION_ID,
    DATA_SCHEMA,
    ID,
    PARTITION_KEY,
    SEQUENCE,
    SOURCE,
    SPEC_VERSION,
    SUBJECT,
    TENANT,
    TIME,
    TRACE_PARENT,
    TRACE_STATE,
    "ce_datacontenttype",
];

/// Headers of one record, sorted by name, each name once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers(Vec<(Cow<'static, str>, String)>);

impl Headers {
    /// With room for all headers that we know.
    pub fn with_room() -> Self {
        Self(Vec::with_capacity(KNOWN.len()))
    }

    /// Sets a header.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        // Where they come sorted, as from a log, there is nothing to look for.
        if self.0.last().is_none_or(|(last, _)| last.as_ref() < name) {
            return self.0.push((intern(name), value.into()));
        }
        match self.find(name) {
            Ok(at) => self.0[at].1 = value.into(),
            Err(at) => self.0.insert(at, (intern(name), value.into())),
        }
    }

    /// Sets a header if there is a value for it.
    pub fn set_some(&mut self, name: &str, value: Option<impl Into<String>>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    /// The value of a header.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.find(name).ok().map(|at| self.0[at].1.as_str())
    }

    /// All headers by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value.as_str()))
    }

    /// The bytes of all names and values.
    pub fn size(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(held, _)| held.as_ref().cmp(name))
    }
}

impl<N: AsRef<str>, V: Into<String>> FromIterator<(N, V)> for Headers {
    fn from_iter<T: IntoIterator<Item = (N, V)>>(pairs: T) -> Self {
        let mut headers = Self::with_room();
        for (name, value) in pairs {
            headers.set(name.as_ref(), value);
        }
        headers
    }
}

fn intern(name: &str) -> Cow<'static, str> {
    let known = KNOWN.iter().find(|known| **known == name);
    known.map_or_else(|| Cow::Owned(name.to_owned()), |known| Cow::Borrowed(*known))
}
