//! What a snapshot claims, held against the fold at its place.

use shared::log::Record;

use super::Auditor;
use crate::{
    audit::Damage,
    fold::{Claim, Dedupe, Fingerprint, View},
};

/// What a snapshot claims, and what it holds beside what is folded here anyway.
#[derive(Debug)]
pub(super) struct Claimed {
    pub(super) claim: Claim,
    pub(super) dedupe: Dedupe,
}

impl Auditor {
    /// The place of the snapshot is reached. What follows from damage is not told again.
    pub(super) fn compare(&mut self, record: &Record) {
        let Some(Claimed { claim, dedupe }) = self.claimed.take() else { return };
        let Some(model) = self.model.as_ref().filter(|_| !self.was_damaged) else { return };
        let acceptance = self.gap.as_ref().map_or(&self.acceptance, |gap| &gap.rule);
        let view = View { acceptance, model, dedupe: &dedupe, last: Some(Fingerprint::of(record)) };
        if claim.offset != Some(record.offset) {
            self.find(record, Damage::SnapshotElsewhere);
        } else if view.checksum() != claim.checksum {
            self.find(record, Damage::Snapshot);
        }
    }
}
