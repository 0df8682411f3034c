//! Record headers: CloudEvents attributes in Kafka's binary mode (`ce_` and the attribute's name), `content-type`, and the
//! W3C trace context.

use std::{
    cmp::Ordering,
    fmt::{self, Display, Write as _},
};

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

/// No known name is longer.
const LONGEST: usize = 18;
/// At most so many known names are equally long.
const ALIKE: usize = 3;

/// Where names of one length differ most.
const TELLING: usize = 4;

/// The places in [`KNOWN`] of the names of each length, so that a name is looked for among its like only.
const BY_LENGTH: [[Option<u8>; ALIKE]; LONGEST + 1] = {
    let mut table = [[None; ALIKE]; LONGEST + 1];
    let mut place = 0;
    while place < KNOWN.len() {
        let row = &mut table[KNOWN[place].len()];
        let mut free = 0;
        while row[free].is_some() {
            free += 1;
        }
        row[free] = Some(place as u8);
        place += 1;
    }
    table
};

/// The place of a name in [`KNOWN`].
fn place_of(name: &str) -> Option<u8> {
    let alike = BY_LENGTH.get(name.len())?;
    let is_it = |known: &str| known.as_bytes().get(TELLING) == name.as_bytes().get(TELLING) && known == name;
    alike.iter().map_while(|place| *place).find(|place| is_it(KNOWN[usize::from(*place)]))
}

/// Headers of one record, sorted by name, each name once.
///
/// A log is read by the million records, each with some sixteen headers: they share one allocation for their text, and names
/// are compared as numbers.
#[derive(Clone, Default)]
pub struct Headers {
    text: String,
    entries: Vec<Entry>,
    /// A bit for the place of each known name that is there.
    known: u32,
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
        Self { text: String::with_capacity(bytes), entries: Vec::with_capacity(KNOWN.len()), known: 0 }
    }

    /// Reads headers from a JSON object as it is written in a file: its text is kept as it is, and only the places of names and
    /// values are noted. None where it is anything else, such as one with escapes or in another order; that is no error yet.
    pub(crate) fn from_plain_json(json: &str) -> Option<Self> {
        let is_plain = json.bytes().fold(true, |is_plain, byte| is_plain & (byte >= b' ') & (byte != b'\\'));
        if !is_plain || u32::try_from(json.len()).is_err() {
            return None;
        }
        let mut headers = Self { text: json.to_owned(), entries: Vec::with_capacity(KNOWN.len()), known: 0 };
        let mut rest = Plain { json, at: 0 };
        if json == "{}" {
            return Some(headers);
        }
        rest.take("{")?;
        loop {
            let name = rest.text()?;
            rest.take(":")?;
            let value = rest.text()?;
            let name = place_of(headers.text(name)).map_or(Name::Other(name), Name::Known);
            let entry = Entry { name, value };
            if headers.entries.last().is_some_and(|last| headers.compare(last, &entry).is_ge()) {
                return None;
            }
            headers.insert(headers.entries.len(), entry);
            if rest.take(",").is_none() {
                rest.take("}")?;
                return rest.is_empty().then_some(headers);
            }
        }
    }

    /// Sets a header.
    ///
    /// # Panics
    /// When all values together exceed 4 GiB.
    pub fn set(&mut self, name: &str, value: impl Display) {
        let known = place_of(name);
        let found = self.find(known, name);
        let value = self.push(value);
        match found {
            Ok(at) => self.entries[at].value = value,
            Err(at) => {
                let name = known.map_or_else(|| Name::Other(self.push(name)), Name::Known);
                self.insert(at, Entry { name, value });
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
        self.find(place_of(name), name).ok().map(|at| self.text(self.entries[at].value))
    }

    /// All headers by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.entries.iter().map(|entry| (self.name(entry), self.text(entry.value)))
    }

    /// The bytes of all names and values.
    pub fn size(&self) -> usize {
        self.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    /// Bytes that hold all names and values, about.
    pub(crate) fn room(&self) -> usize {
        self.text.len() + self.entries.len() * LONGEST
    }

    /// Where a name is, or belongs; `known` is its place.
    fn find(&self, known: Option<u8>, name: &str) -> Result<usize, usize> {
        // Where only known names are, those before it can be counted.
        if let Some(place) = known.filter(|_| self.known.count_ones() as usize == self.entries.len()) {
            let at = (self.known & ((1 << place) - 1)).count_ones() as usize;
            return if self.known & (1 << place) == 0 { Err(at) } else { Ok(at) };
        }
        let compare = |entry: &Entry| match (entry.name, known) {
            (Name::Known(place), Some(known)) => place.cmp(&known),
            _ => self.name(entry).cmp(name),
        };
        self.entries.binary_search_by(compare)
    }

    fn insert(&mut self, at: usize, entry: Entry) {
        if let Name::Known(place) = entry.name {
            self.known |= 1 << place;
        }
        if at == self.entries.len() { self.entries.push(entry) } else { self.entries.insert(at, entry) }
    }

    fn compare(&self, one: &Entry, other: &Entry) -> Ordering {
        match (one.name, other.name) {
            (Name::Known(one), Name::Known(other)) => one.cmp(&other),
            _ => self.name(one).cmp(self.name(other)),
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

/// JSON without escapes, on its way.
struct Plain<'j> {
    json: &'j str,
    at: usize,
}

impl Plain<'_> {
    fn rest(&self) -> &str {
        &self.json[self.at..]
    }

    fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    /// Moves behind this, if it comes next.
    fn take(&mut self, expected: &str) -> Option<()> {
        self.rest().starts_with(expected).then(|| self.at += expected.len())
    }

    /// Moves behind the next text; where it lies, without its quotes.
    fn text(&mut self) -> Option<Span> {
        self.take("\"")?;
        let from = self.at;
        self.at += memchr::memchr(b'"', self.rest().as_bytes())? + 1;
        // The caller has looked that the text is short enough.
        Some(Span(from as u32, (self.at - 1) as u32))
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
        assert!(KNOWN.is_sorted() && KNOWN.len() < 32);
        assert!((0..).zip(KNOWN).all(|(place, name)| place_of(name) == Some(place)));
        assert_eq!(place_of("ce_x"), None);
    }

    #[test]
    fn only_plain_json_in_order_is_read_where_it_lies() {
        for (json, is_plain) in [
            ("{}", true),
            (r#"{"ce_id":"1"}"#, true),
            (r#"{"ce_id":"ü","ce_type":"","x":"{}:,"}"#, true),
            (r#"{"ce_type":"t","ce_id":"1"}"#, false),
            (r#"{"ce_id":"1","ce_id":"2"}"#, false),
            (r#"{"ce_id":"a\"b"}"#, false),
            (r#"{"ce_id": "1"}"#, false),
            (r#"{"ce_id":1}"#, false),
            (r#"{"ce_id":"1"} "#, false),
            (r#"{"ce_id":"1",}"#, false),
            (r#"{"ce_id":"1""#, false),
            ("{\"ce_id\":\"a\tb\"}", false),
            ("", false),
            ("[]", false),
        ] {
            let read = Headers::from_plain_json(json);
            assert_eq!(read.is_some(), is_plain, "{json}");
            let Some(read) = read else { continue };
            let map: BTreeMap<String, String> = serde_json::from_str(json).expect("JSON");
            assert_eq!(read, Headers::from_iter(&map), "{json}");
        }
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
            let json = serde_json::to_string(&map).expect("JSON");
            let read = Headers::from_plain_json(&json);
            prop_assert_eq!(read.is_some(), !json.contains('\\'));
            prop_assert!(read.is_none_or(|read| read == headers));
            prop_assert_eq!(&headers, &Headers::from_iter(&map));
            prop_assert_eq!(headers.size(), map.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>());
        }
    }
}
