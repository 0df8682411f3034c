//! Record headers: CloudEvents attributes in Kafka's binary mode (`ce_` and the attribute's name), `content-type`, and the
//! W3C trace context.

use std::fmt::{self, Display, Write as _};

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

/// Sorted, so that names compare like their places here.
const KNOWN: [&str; 22] = [
    ACTOR,
    CAUSATION_ID,
    CHAIN,
    COMMAND_HASH,
    COMMAND_ID,
    CORRELATION_ID,
    "ce_datacontenttype",
    DATA_SCHEMA,
    ID,
    PARTITION_KEY,
    PSEQ,
    SEQUENCE,
    SOURCE,
    SPEC_VERSION,
    SUBJECT,
    TENANT,
    TIME,
    TYPE,
    WRITER_ID,
    CONTENT_TYPE,
    TRACE_PARENT,
    TRACE_STATE,
];

/// Headers of one record, sorted by name, each name once.
///
/// A log is read by the million records, each with some sixteen headers: they share one allocation for their text.
#[derive(Clone, Default)]
pub struct Headers {
    text: String,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy)]
struct Entry {
    name: Name,
    /// Where the value lies in the text.
    value: Span,
}

#[derive(Clone, Copy)]
enum Name {
    /// A place in [`KNOWN`].
    Known(u8),
    /// Where the name lies in the text.
    Other(Span),
}

/// Bytes of the text, from and to.
#[derive(Clone, Copy)]
struct Span(u32, u32);

impl Headers {
    /// Without any, and with room for so many bytes of names and values.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), entries: Vec::with_capacity(KNOWN.len()) }
    }

    /// Sets a header.
    ///
    /// # Panics
    /// When all values together exceed 4 GiB.
    pub fn set(&mut self, name: &str, value: impl Display) {
        let found = self.find(name);
        let value = self.push(value);
        match found {
            Ok(at) => self.entries[at].value = value,
            Err(at) => {
                let known = KNOWN.binary_search(&name).ok().and_then(|place| u8::try_from(place).ok());
                let name = known.map_or_else(|| Name::Other(self.push(name)), Name::Known);
                self.entries.insert(at, Entry { name, value });
            }
        }
    }

    /// Sets a header if there is a value for it.
    pub fn set_some(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    /// The value of a header.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.find(name).ok().map(|at| self.text(self.entries[at].value))
    }

    /// All headers by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.entries.iter().map(|entry| (self.name(entry), self.text(entry.value)))
    }

    /// The bytes of all names and values.
    pub fn size(&self) -> usize {
        self.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        // Most headers come in order.
        match self.entries.last() {
            Some(last) if self.name(last) < name => Err(self.entries.len()),
            _ => self.entries.binary_search_by(|entry| self.name(entry).cmp(name)),
        }
    }

    fn name(&self, entry: &Entry) -> &str {
        match entry.name {
            Name::Known(place) => KNOWN[usize::from(place)],
            Name::Other(span) => self.text(span),
        }
    }

    fn text(&self, Span(from, to): Span) -> &str {
        &self.text[from as usize..to as usize]
    }

    fn push(&mut self, text: impl Display) -> Span {
        let place = |text: &String| u32::try_from(text.len()).expect("headers are far smaller");
        let from = place(&self.text);
        write!(self.text, "{text}").expect("text can be written to memory");
        Span(from, place(&self.text))
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Headers {}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<N: AsRef<str>, V: Display> FromIterator<(N, V)> for Headers {
    fn from_iter<T: IntoIterator<Item = (N, V)>>(pairs: T) -> Self {
        let mut headers = Self::default();
        for (name, value) in pairs {
            headers.set(name.as_ref(), value);
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_names_are_sorted() {
        assert!(KNOWN.is_sorted());
    }

    fn names() -> impl Strategy<Value = String> {
        prop_oneof![prop::sample::select(KNOWN.as_slice()).prop_map(str::to_owned), "[a-z_]{0,12}"]
    }

    proptest! {
        #[test]
        fn headers_are_a_sorted_map_whatever_is_set_in_which_order(pairs in prop::collection::vec((names(), ".{0,8}"), 0..40)) {
            let mut headers = Headers::default();
            let mut map = BTreeMap::new();
            for (name, value) in &pairs {
                headers.set(name, value);
                map.insert(name.clone(), value.clone());
            }
            let expected: Vec<_> = map.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            prop_assert_eq!(headers.iter().collect::<Vec<_>>(), expected);
            prop_assert!(pairs.iter().all(|(name, _)| headers.get(name) == map.get(name).map(String::as_str)));
            prop_assert_eq!(headers.get("no such header"), None);
            prop_assert_eq!(&headers, &Headers::from_iter(&map));
            prop_assert_eq!(headers.size(), map.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>());
        }
    }
}
