//! Numbers that are skipped: whether records are missing, or the rest of a batch was lost and counts for nobody.

use shared::log::{Acceptance, Ignored, Record, Verdict};
use uuid::Uuid;

use super::{Auditor, Fact, number_of, writer_of};
use crate::audit::{Damage, Finding};

/// Records came whose numbers skip one. Without transactions a batch can lose its middle: then all readers ignore the rest, and the
/// next writer goes on where the rule stands. If nobody does, a record is missing.
#[derive(Debug)]
pub(super) struct Gap {
    pub(super) rule: Acceptance,
    pub(super) writer: Uuid,
    /// The last number, and how many events there were, before it.
    pub(super) pseq: u64,
    pub(super) events: u64,
    /// The number that skipped some, and what to tell if that is damage.
    pub(super) found: u64,
    pub(super) finding: Finding,
}

impl Auditor {
    /// A number was skipped.
    pub(super) fn skipped(&mut self, record: &Record) {
        let found = number_of(record).unwrap_or_default();
        let damage = Damage::Missing { expected: self.acceptance.pseq + 1, found };
        let finding = Finding { partition: Some(record.partition), offset: record.offset, damage };
        match writer_of(record) {
            Some(writer) if self.gap.is_none() => {
                let (pseq, events) = (self.acceptance.pseq, self.summary.events);
                self.gap = Some(Gap { rule: self.acceptance.clone(), writer, pseq, events, found, finding });
            }
            _ => {
                // A second one before the first was settled: nobody goes on at two places.
                self.confirm_gap();
                self.findings.push(finding);
            }
        }
        self.lead_past(record);
    }

    /// Whether the record settles what the gap was, and was judged with that.
    pub(super) fn gap_is_settled(&mut self, fact: &Fact<'_>) -> bool {
        let record = fact.record;
        let Some(gap) = &mut self.gap else { return false };
        let (clock, before) = (gap.rule.clock, gap.found);
        let verdict = gap.rule.step(record);
        let is_by_another = writer_of(record) != Some(gap.writer);
        match verdict {
            Verdict::Accepted if is_by_another => {
                self.forgive_gap();
                self.accepted(fact, clock);
                true
            }
            Verdict::Accepted => {
                self.gap = None;
                self.model = None;
                let found = number_of(record).unwrap_or_default();
                self.find(record, Damage::Disorder { found, before });
                true
            }
            // The next writer had read what is missing here, and went on behind it.
            Verdict::Ignored(Ignored::Gap) if is_by_another && self.fits(record) => {
                self.confirm_gap();
                false
            }
            // It had not, so it stood where the rule stands; and lost a part of a batch itself.
            Verdict::Ignored(Ignored::Gap) if is_by_another => {
                self.forgive_gap();
                false
            }
            _ => false,
        }
    }

    /// The next writer stood where the rule stands: the rest of a batch was lost, and counts for nobody.
    fn forgive_gap(&mut self) {
        let Some(gap) = self.gap.take() else { return };
        self.announced.insert(gap.writer, gap.pseq);
        self.acceptance = gap.rule;
        *self.summary.ignored.entry(Ignored::Gap).or_default() += self.summary.events - gap.events;
        self.summary.events = gap.events;
    }

    pub(super) fn confirm_gap(&mut self) {
        if let Some(gap) = self.gap.take() {
            self.model = None;
            self.findings.push(gap.finding);
        }
    }
}
