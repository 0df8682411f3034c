//! A fold as bytes, and back. Equal folds that have read equal records have equal bytes, so their checksums can be compared.
//!
//! The bytes are a mark with the number of the format, then frames (their length as 4 bytes, least first, then postcard), then
//! blake3 over all that. Whatever changes in the frames needs another number in [`MARK`]; a change of what the fold makes of a
//! record, another `FOLD_VERSION`.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use shared::{
    events::FOLD_VERSION,
    log::{Acceptance, Offset, Partition, Record},
};

use super::{Dedupe, Fold, NotUsed, dedupe::Kept};
use crate::domain::{Assembly, Model, Piece};

/// What all snapshots begin with, and this format.
pub(super) const FAMILY: &[u8] = b"segments snapshot ";
pub(super) const MARK: &[u8] = b"segments snapshot 1\n";

/// No frame is larger: a document with its key, or some hundred assignments or keys.
const MAX_FRAME: usize = 8 * 1024 * 1024;

/// Keys in one frame.
const KEYS: usize = 256;

/// blake3 of a record with its place and time: tells whether a log holds the very record that a snapshot ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(crate) fn of(record: &Record) -> Self {
        let mut hasher = blake3::Hasher::new();
        let mut add = |part: &[u8]| {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        };
        add(&record.offset.to_le_bytes());
        add(&record.appended_at.unix_millis().to_le_bytes());
        add(record.key.as_deref().unwrap_or_default().as_bytes());
        for (name, value) in record.headers.iter() {
            add(name.as_bytes());
            add(value.as_bytes());
        }
        add(&record.value);
        Self(*hasher.finalize().as_bytes())
    }
}

/// A fold, and the last record that went into it.
#[derive(Debug, PartialEq)]
pub(crate) struct Snapshot {
    pub(crate) fold: Fold,
    /// None before the first record.
    pub(crate) last: Option<Fingerprint>,
}

impl Snapshot {
    /// Before the first record of a partition.
    pub(crate) fn new(partition: Partition, partitions: u16) -> Self {
        Self { fold: Fold::new(partition, partitions), last: None }
    }

    pub(crate) fn view(&self) -> View<'_> {
        let Fold { acceptance, model, dedupe } = &self.fold;
        View { acceptance, model, dedupe, last: self.last }
    }
}

/// What a snapshot is made of, whoever holds it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) acceptance: &'a Acceptance,
    pub(crate) model: &'a Model,
    pub(crate) dedupe: &'a Dedupe,
    pub(crate) last: Option<Fingerprint>,
}

/// The first frame.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Head {
    fold_version: u32,
    acceptance: Acceptance,
    last: Option<Fingerprint>,
}

#[derive(Debug, Serialize, Deserialize)]
enum Frame {
    Piece(Piece),
    Keys(Vec<Kept>),
}

impl View<'_> {
    /// Writes the bytes; returns the checksum, which is the last of them.
    pub(crate) fn write(&self, to: impl Write) -> io::Result<[u8; 32]> {
        let mut to = Frames { to, hasher: blake3::Hasher::new() };
        to.write_all(MARK)?;
        let (acceptance, last) = (self.acceptance.clone(), self.last);
        to.put(&Head { fold_version: FOLD_VERSION, acceptance, last })?;
        for piece in self.model.pieces() {
            to.put(&Frame::Piece(piece))?;
        }
        let mut keys = self.dedupe.kept().peekable();
        while keys.peek().is_some() {
            to.put(&Frame::Keys(keys.by_ref().take(KEYS).collect()))?;
        }
        let checksum = *to.hasher.finalize().as_bytes();
        to.to.write_all(&checksum)?;
        Ok(checksum)
    }

    /// A hash of the state: the checksum that its snapshot would have.
    pub(crate) fn checksum(&self) -> [u8; 32] {
        self.write(io::sink()).expect("a sink takes everything, and what a fold holds can be written")
    }
}

struct Frames<W> {
    to: W,
    hasher: blake3::Hasher,
}

impl<W: Write> Frames<W> {
    fn put(&mut self, frame: &impl Serialize) -> io::Result<()> {
        let bytes = postcard::to_stdvec(frame).map_err(io::Error::other)?;
        let length = u32::try_from(bytes.len()).ok().filter(|length| *length as usize <= MAX_FRAME);
        let length = length.ok_or_else(|| io::Error::other("a frame is too large"))?;
        self.write_all(&length.to_le_bytes())?;
        self.write_all(&bytes)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.to.write_all(bytes)
    }
}

/// Reads a head. The mark is behind us.
pub(super) fn read_head(from: &mut impl Read, partition: Partition, partitions: u16) -> Result<Head, NotUsed> {
    let mut buffer = Vec::new();
    let frame = next_frame(from, &mut buffer)?.ok_or(NotUsed::Damaged("it is cut off"))?;
    // The version stands first: whatever the rest is in another one, this can be read.
    let (fold_version, _) = postcard::take_from_bytes::<u32>(frame).map_err(|_| UNREADABLE)?;
    if fold_version != FOLD_VERSION {
        return Err(NotUsed::OtherVersion(format!("fold version {fold_version}, this program has {FOLD_VERSION}")));
    }
    let head: Head = parse(frame)?;
    if head.acceptance.partition != partition || head.acceptance.partitions != partitions {
        return Err(NotUsed::Foreign("it is of another partition, or of a log with another number of them"));
    }
    Ok(head)
}

/// Reads what follows the head.
pub(super) fn read_rest(from: &mut impl Read, head: Head) -> Result<Snapshot, NotUsed> {
    let (mut assembly, mut dedupe, mut buffer) = (Assembly::default(), Dedupe::default(), Vec::new());
    while let Some(frame) = next_frame(from, &mut buffer)? {
        match parse(frame)? {
            Frame::Piece(piece) => assembly.add(piece).map_err(|_| UNREADABLE)?,
            Frame::Keys(keys) => keys.into_iter().for_each(|key| dedupe.restore(key)),
        }
    }
    let Head { acceptance, last, .. } = head;
    Ok(Snapshot { fold: Fold { acceptance, model: assembly.finish(), dedupe }, last })
}

/// Bytes whose checksum is right, and which are nothing that this program writes.
const UNREADABLE: NotUsed = NotUsed::Damaged("it cannot be read");

fn parse<T: DeserializeOwned>(frame: &[u8]) -> Result<T, NotUsed> {
    postcard::from_bytes(frame).map_err(|_| UNREADABLE)
}

fn next_frame<'b>(from: &mut impl Read, buffer: &'b mut Vec<u8>) -> Result<Option<&'b [u8]>, NotUsed> {
    let mut length = Vec::with_capacity(4);
    from.take(4).read_to_end(&mut length)?;
    let Ok(length) = <[u8; 4]>::try_from(&*length) else {
        return if length.is_empty() { Ok(None) } else { Err(UNREADABLE) };
    };
    let length = u32::from_le_bytes(length);
    buffer.clear();
    let read = from.take(u64::from(length).min(MAX_FRAME as u64)).read_to_end(buffer)?;
    if read == length as usize { Ok(Some(buffer)) } else { Err(UNREADABLE) }
}

/// What a snapshot says of a log: the state at a place of one partition.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The last record that it knows; none if it knows none.
    pub(crate) offset: Option<Offset>,
    pub(crate) checksum: [u8; 32],
}

impl Claim {
    pub(super) fn new(head: &Head, checksum: [u8; 32]) -> Self {
        Self { offset: head.acceptance.offset, checksum }
    }
}
