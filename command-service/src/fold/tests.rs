//! What a snapshot keeps is what the fold was, or it is not used.

use std::{
    fs,
    sync::{Arc, LazyLock},
};

use proptest::prelude::*;
use shared::log::{Partition, Record};
use tempfile::TempDir;

use super::{snapshot::MARK, *};
use crate::audit::{
    Auditor, Schemas,
    tests::history::{Step, history},
};

static SCHEMAS: LazyLock<Arc<Schemas>> = LazyLock::new(|| Arc::new(Schemas::published()));

const FIRST: Partition = Partition::new(0);

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn snapshots(&self) -> Snapshots {
        Snapshots::new(self.0.path().join("snapshots"))
    }

    fn load(&self) -> Result<Snapshot, NotUsed> {
        self.snapshots().load(FIRST, 1)
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(self.snapshots().path(FIRST)).expect("a snapshot")
    }

    fn overwrite(&self, bytes: &[u8]) {
        fs::write(self.snapshots().path(FIRST), bytes).expect("the folder can be written");
    }
}

fn folded(records: &[Record]) -> Snapshot {
    let mut snapshot = Snapshot::new(FIRST, 1);
    go_on(&mut snapshot, records);
    snapshot
}

fn go_on(snapshot: &mut Snapshot, records: &[Record]) {
    for record in records {
        snapshot.fold.apply(record).expect("a sound history");
        snapshot.last = Some(Fingerprint::of(record));
    }
}

/// A few segments with assignments and keys.
fn records() -> Vec<Record> {
    let write = |number: u8| Step::Write { segment: number % 4, what: number / 4 % 4 };
    history(&(0..24).map(write).collect::<Vec<_>>()).records
}

/// The same bytes with a right checksum.
fn signed(mut bytes: Vec<u8>) -> Vec<u8> {
    let body = bytes.len() - 32;
    let checksum = *blake3::hash(&bytes[..body]).as_bytes();
    bytes[body..].copy_from_slice(&checksum);
    bytes
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        16 => (0..5_u8, 0..12_u8).prop_map(|(segment, what)| Step::Write { segment, what }),
        1 => Just(Step::Handover),
        1 => Just(Step::Zombie),
        1 => Just(Step::Overtaken),
        1 => Just(Step::Torn),
        1 => Just(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn a_fold_that_was_kept_at_any_place_goes_on_like_one_that_was_not(
        steps in proptest::collection::vec(any_step(), 0..60),
        place: prop::sample::Index,
    ) {
        let records = history(&steps).records;
        let (before, after) = records.split_at(place.index(records.len() + 1));
        let (folder, kept) = (Folder::new(), folded(before));
        folder.snapshots().store(&kept).expect("stored");

        let mut restored = folder.load().expect("a snapshot");
        prop_assert_eq!(&restored, &kept);
        go_on(&mut restored, after);
        let whole = folded(&records);
        prop_assert_eq!(restored.view().checksum(), whole.view().checksum());
        prop_assert_eq!(restored, whole);
    }

    #[test]
    fn verify_accepts_a_snapshot_of_any_place_and_no_other_state(
        steps in proptest::collection::vec(any_step(), 0..40),
        place: prop::sample::Index,
        other: prop::sample::Index,
    ) {
        let records = history(&steps).records;
        let (place, other) = (place.index(records.len()), other.index(records.len()));
        let (folder, mut snapshot) = (Folder::new(), folded(&records[..=place]));
        let kinds = |snapshot: &Snapshot| {
            folder.snapshots().store(snapshot).expect("stored");
            let claim = folder.snapshots().claim(FIRST, 1).expect("usable").expect("there is one");
            let mut auditor = Auditor::new(FIRST, 1, SCHEMAS.clone()).comparing(claim);
            records.iter().for_each(|record| auditor.check(record));
            auditor.finish().1.iter().map(|finding| finding.damage.kind()).collect::<Vec<_>>()
        };
        prop_assert_eq!(kinds(&snapshot), Vec::<&str>::new());
        // As if a record had gone into it that came at another place.
        snapshot.last = Some(Fingerprint::of(&records[other]));
        let expected: &[&str] = if place == other { &[] } else { &["snapshot"] };
        prop_assert_eq!(kinds(&snapshot), expected);
    }
}

#[test]
fn equal_folds_have_equal_hashes_and_every_event_makes_another() {
    let records = records();
    let mut hashes: Vec<_> = (0..=records.len()).map(|count| folded(&records[..count]).view().checksum()).collect();
    assert_eq!(
        hashes,
        (0..=records.len()).map(|count| folded(&records[..count]).view().checksum()).collect::<Vec<_>>()
    );
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), records.len() + 1);
}

#[test]
fn a_snapshot_with_a_changed_byte_is_not_used_wherever_it_is() {
    let (folder, kept) = (Folder::new(), folded(&records()));
    folder.snapshots().store(&kept).expect("stored");
    let bytes = folder.bytes();
    for place in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1 << (place % 8);
        folder.overwrite(&damaged);
        let loaded = folder.load();
        assert!(matches!(loaded, Err(NotUsed::Damaged(_))), "byte {place} of {}: {loaded:?}", bytes.len());
    }
    folder.overwrite(&bytes);
    assert_eq!(folder.load().expect("a snapshot"), kept);
}

#[test]
fn a_snapshot_that_is_cut_off_or_continued_is_not_used() {
    let folder = Folder::new();
    folder.snapshots().store(&folded(&records())).expect("stored");
    let bytes = folder.bytes();
    for length in 0..bytes.len() {
        folder.overwrite(&bytes[..length]);
        assert!(matches!(folder.load(), Err(NotUsed::Damaged(_))), "{length} of {}", bytes.len());
    }
    folder.overwrite(&[&bytes[..], b"\0"].concat());
    assert!(matches!(folder.load(), Err(NotUsed::Damaged(_))));
}

#[test]
fn a_snapshot_of_another_version_or_another_partition_is_not_used() {
    let folder = Folder::new();
    folder.snapshots().store(&folded(&records())).expect("stored");
    let bytes = folder.bytes();
    for (case, place, found) in [("format", MARK.len() - 2, b'1'), ("fold version", MARK.len() + 4, 1)] {
        let mut other = bytes.clone();
        assert_eq!(std::mem::replace(&mut other[place], found + 1), found, "{case}");
        folder.overwrite(&signed(other));
        let loaded = folder.load();
        assert!(matches!(loaded, Err(NotUsed::OtherVersion(_))), "{case}: {loaded:?}");
    }
    folder.overwrite(&bytes);
    assert!(matches!(folder.snapshots().load(FIRST, 2), Err(NotUsed::Foreign(_))));
    let second = folder.snapshots().path(Partition::new(1));
    fs::write(second, &bytes).expect("written");
    assert!(matches!(folder.snapshots().load(Partition::new(1), 1), Err(NotUsed::Foreign(_))));
}

#[test]
fn a_crash_in_the_middle_of_a_snapshot_leaves_the_one_before() {
    let (folder, records) = (Folder::new(), records());
    let before = folded(&records[..10]);
    folder.snapshots().store(&before).expect("stored");
    let mut whole = Vec::new();
    folded(&records).view().write(&mut whole).expect("written");
    let unfinished = folder.snapshots().path(FIRST).with_extension("new");
    for length in [0, MARK.len(), whole.len() / 2, whole.len()] {
        fs::write(&unfinished, &whole[..length]).expect("written");
        assert_eq!(folder.load().expect("the one before"), before);
    }
    folder.snapshots().store(&folded(&records)).expect("stored");
    assert_eq!((folder.load().expect("the new one"), unfinished.exists()), (folded(&records), false));
}

#[test]
fn a_record_that_cannot_be_folded_changes_nothing() {
    let records = records();
    let mut snapshot = folded(&records[..10]);
    snapshot.fold.model = Model::default();
    let before = snapshot.view().checksum();
    let refused = snapshot.fold.apply(&records[10]);
    assert!(matches!(refused, Err(Stuck::Contradiction(_))), "{refused:?}");
    assert_eq!(snapshot.view().checksum(), before);
}
