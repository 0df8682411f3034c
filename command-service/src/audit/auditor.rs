//! A record among those before it: the acceptance rule, the sequence, the chain and the fold of one partition.

mod claimed;
mod gap;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use shared::{
    Timestamp,
    events::{Control, Envelope, Unreadable, headers},
    ids::SegmentKey,
    log::{Acceptance, Chain, CurrentWriter, Ignored, Partition, Record, Verdict},
};
use uuid::Uuid;

use super::{
    Damage, Finding, Schemas,
    form::{check_control, check_event, check_headers},
};
use crate::{
    domain::Model,
    fold::{Claim, Dedupe},
};
use claimed::Claimed;
use gap::Gap;

/// What one partition holds, as far as it was judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The partition.
    pub partition: Partition,
    /// Everything that was read.
    pub records: u64,
    /// What counts: facts.
    pub events: u64,
    /// Announcements and stops of writers, those that do not count included.
    pub controls: u64,
    /// What does not count and is no damage, by why.
    pub ignored: BTreeMap<Ignored, u64>,
    /// The number of the last event.
    pub pseq: u64,
    /// The chain after the last event.
    pub chain: Chain,
    /// Segments that exist at the end; none if that could not be told any more.
    pub segments: Option<usize>,
    /// Their assignments.
    pub assignments: Option<usize>,
}

/// Judges one partition from its first record on. Holds the fold of the partition: all documents, and 24 bytes and its id for each
/// assignment; and an id for each announcement.
#[derive(Debug)]
pub struct Auditor {
    schemas: Arc<Schemas>,
    /// The rule, led past damage.
    acceptance: Acceptance,
    /// After a record that did not fit its chain, which then says one thing and should say another: what it should say. The next
    /// record tells which of both it was.
    other_chain: Option<Chain>,
    /// Numbers were skipped, and it is not known yet whether that is damage.
    gap: Option<Gap>,
    /// None once records were missing: what would follow is not known.
    model: Option<Model>,
    /// Segments of which something was found; they are not folded any further.
    given_up: HashSet<SegmentKey>,
    /// Every writer that was announced, with the last number that it wrote.
    announced: HashMap<Uuid, u64>,
    controls_seen: HashSet<Uuid>,
    claimed: Option<Claimed>,
    was_damaged: bool,
    summary: Summary,
    findings: Vec<Finding>,
}

/// A record that ought to be an event.
struct Fact<'r> {
    record: &'r Record,
    opened: Result<Envelope, Unreadable>,
}

impl Auditor {
    /// Before the first record of a partition.
    pub fn new(partition: Partition, partitions: u16, schemas: Arc<Schemas>) -> Self {
        let acceptance = Acceptance::new(partition, partitions);
        let summary = Summary {
            partition,
            records: 0,
            events: 0,
            controls: 0,
            ignored: BTreeMap::new(),
            pseq: 0,
            chain: acceptance.chain,
            segments: None,
            assignments: None,
        };
        Self {
            schemas,
            acceptance,
            other_chain: None,
            gap: None,
            model: Some(Model::default()),
            given_up: HashSet::new(),
            announced: HashMap::new(),
            controls_seen: HashSet::new(),
            claimed: None,
            was_damaged: false,
            summary,
            findings: Vec::new(),
        }
    }

    /// Compares what a snapshot claims with what the log says at its place.
    #[must_use]
    pub fn comparing(mut self, claim: Claim) -> Self {
        // Of a partition without records there is nothing to claim.
        self.claimed = claim.offset.is_some().then(|| Claimed { claim, dedupe: Dedupe::default() });
        self
    }

    /// Judges the next record.
    pub fn check(&mut self, record: &Record) {
        self.summary.records += 1;
        match Control::of(record) {
            Some(control) => {
                let damage = check_headers(record).or_else(|| self.schemas.check(record, None));
                if let Some(damage) = damage.or_else(|| check_control(record, &control)) {
                    self.find(record, damage);
                }
                if let Some(gap) = &mut self.gap {
                    gap.rule.step(record);
                }
                self.control(record, &control);
            }
            None => {
                let fact = Fact { record, opened: Envelope::open(record) };
                let event = fact.opened.as_ref().ok().map(|envelope| &envelope.event);
                if let Some(damage) = check_headers(record).or_else(|| self.schemas.check(record, event)) {
                    self.find(record, damage);
                }
                if !self.gap_is_settled(&fact) {
                    self.event(&fact);
                }
            }
        }
        if self.claimed.as_ref().is_some_and(|claimed| claimed.claim.offset <= Some(record.offset)) {
            self.compare(record);
        }
    }

    /// What was found since this was last asked.
    pub fn take_findings(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.findings)
    }

    /// Everything that was found and not taken yet, at the end of the log.
    pub fn finish(mut self) -> (Summary, Vec<Finding>) {
        self.confirm_gap();
        if let Some(offset) = self.claimed.take().and_then(|claimed| claimed.claim.offset) {
            self.findings.push(Finding {
                partition: Some(self.summary.partition),
                offset,
                damage: Damage::SnapshotElsewhere,
            });
        }
        self.summary.pseq = self.acceptance.pseq;
        self.summary.chain = self.acceptance.chain;
        if self.given_up.is_empty()
            && let Some(model) = &self.model
        {
            self.summary.segments = Some(model.segment_count());
            self.summary.assignments = Some(model.assignment_count());
        }
        (self.summary, self.findings)
    }

    fn find(&mut self, record: &Record, damage: Damage) {
        self.was_damaged = true;
        self.findings.push(Finding { partition: Some(record.partition), offset: record.offset, damage });
    }

    fn ignore(&mut self, why: Ignored) {
        *self.summary.ignored.entry(why).or_default() += 1;
    }

    fn control(&mut self, record: &Record, control: &Control) {
        self.summary.controls += 1;
        match record.headers.get(headers::ID).and_then(|id| id.parse::<Uuid>().ok()) {
            None => self.find(record, Damage::Header(headers::ID)),
            Some(id) if self.controls_seen.insert(id) => {}
            Some(_) => return self.find(record, Damage::Repeated("the same control record".to_owned())),
        }
        match self.acceptance.step(record) {
            Verdict::NewWriter(writer) => drop(self.announced.insert(writer, 0)),
            Verdict::NoWriter(_) | Verdict::Accepted => {}
            Verdict::Newer => self.find(record, Damage::UnknownControl),
            Verdict::Corrupt => self.find(record, Damage::ForeignControl),
            Verdict::Ignored(why) => match control {
                Control::Started(started) => match started.after.filter(|after| !self.announced.contains_key(after)) {
                    Some(unknown) => {
                        self.find(record, Damage::UnknownPredecessor(unknown));
                        self.acceptance.last = Some(unknown);
                        self.acceptance.step(record);
                        self.announced.insert(started.writer_id, 0);
                    }
                    None => self.ignore(why),
                },
                Control::Stopped(stopped) if !self.announced.contains_key(&stopped.writer_id) => {
                    self.find(record, Damage::UnknownWriter(stopped.writer_id));
                    self.announced.insert(stopped.writer_id, 0);
                }
                Control::Stopped(_) | Control::Unknown => self.ignore(why),
            },
        }
    }

    fn event(&mut self, fact: &Fact<'_>) {
        let record = fact.record;
        let clock = self.acceptance.clock;
        match self.acceptance.step(record) {
            Verdict::Accepted => self.accepted(fact, clock),
            Verdict::Ignored(Ignored::StaleWriter) => self.stale(fact, clock),
            Verdict::Ignored(Ignored::Gap) => self.skipped(record),
            Verdict::Ignored(Ignored::Duplicate) if self.fits(record) => {
                // It follows on the record before it, so that one's number was changed, and that was told.
                self.acceptance.pseq = number_of(record).unwrap_or_default().saturating_sub(1);
                self.event_again(fact, clock);
            }
            Verdict::Ignored(Ignored::Duplicate) => {
                let number = number_of(record).unwrap_or_default();
                self.find(record, Damage::Repeated(format!("number {number}")));
            }
            Verdict::Corrupt => self.corrupt(fact, clock),
            // Of control records only.
            Verdict::Ignored(Ignored::Overtaken) | Verdict::NewWriter(_) | Verdict::NoWriter(_) | Verdict::Newer => {}
        }
    }

    fn accepted(&mut self, fact: &Fact<'_>, clock: Timestamp) {
        let record = fact.record;
        self.other_chain = None;
        self.summary.events += 1;
        if let Some(writer) = &self.acceptance.writer {
            self.announced.insert(writer.id, self.acceptance.pseq);
        }
        let envelope = match &fact.opened {
            Ok(envelope) => envelope,
            Err(error) => {
                self.model = None;
                return self.find(record, Damage::Unreadable(error.to_string()));
            }
        };
        if let Some(damage) = check_event(record, envelope, self.acceptance.partitions) {
            self.find(record, damage);
        }
        if envelope.time < clock {
            self.find(record, Damage::Time);
        }
        self.fold(record, envelope);
    }

    fn fold(&mut self, record: &Record, envelope: &Envelope) {
        let is_frozen = self.gap.is_some() || (!self.given_up.is_empty() && self.given_up.contains(&envelope.key()));
        let Some(model) = self.model.as_mut().filter(|_| !is_frozen) else { return };
        match model.apply(envelope) {
            Ok(receipt) => {
                if let Some(Claimed { dedupe, .. }) = &mut self.claimed {
                    dedupe.put(envelope.command, receipt, record.offset + 1, record.appended_at);
                }
            }
            Err(contradiction) => {
                self.given_up.insert(contradiction.key.clone());
                self.find(record, Damage::Contradiction(contradiction));
            }
        }
    }

    /// A writer that is not the present one: replaced, or never announced.
    fn stale(&mut self, fact: &Fact<'_>, clock: Timestamp) {
        let record = fact.record;
        let Some(writer) = writer_of(record) else {
            self.find(record, Damage::Header(headers::WRITER_ID));
            return self.lead_past(record);
        };
        match (self.announced.get(&writer), number_of(record)) {
            (None, _) => {
                self.find(record, Damage::UnknownWriter(writer));
                if !self.fits(record) {
                    return self.lead_past(record); // Rather its header was changed.
                }
                self.acceptance.last = Some(writer);
                self.acceptance.writer = Some(named(writer));
                self.event_again(fact, clock);
            }
            (Some(last), Some(number)) if number <= *last => {
                self.find(record, Damage::Repeated(format!("number {number} of writer {writer}")));
            }
            (Some(_), _) => self.ignore(Ignored::StaleWriter),
        }
    }

    /// The record of a writer that is announced now.
    fn event_again(&mut self, fact: &Fact<'_>, clock: Timestamp) {
        let record = fact.record;
        match self.acceptance.step(record) {
            Verdict::Accepted => self.accepted(fact, clock),
            Verdict::Corrupt => self.corrupt(fact, clock),
            _ => self.lead_past(record),
        }
    }

    /// The chain does not fit, or what it is made of cannot be read.
    fn corrupt(&mut self, fact: &Fact<'_>, clock: Timestamp) {
        let record = fact.record;
        if let Some(other) = self.other_chain.take() {
            let said = std::mem::replace(&mut self.acceptance.chain, other);
            if self.acceptance.step(record) == Verdict::Accepted {
                return self.accepted(fact, clock);
            }
            self.acceptance.chain = said;
        }
        let damage = match (number_of(record), self.fits(record)) {
            (None, _) => Damage::Header(headers::PSEQ),
            (Some(_), true) => Damage::Header(headers::TIME),
            (Some(_), false) => Damage::Chain,
        };
        self.find(record, damage);
        let number = self.acceptance.pseq + 1;
        self.other_chain = Some(self.acceptance.chain.extended(number, &record.key, &record.headers, &record.value));
        self.lead_past(record);
        match &fact.opened {
            Ok(envelope) => self.fold(record, envelope),
            Err(_) => self.model = None,
        }
    }

    /// Whether the record follows, by its chain, on the one before it.
    fn fits(&self, record: &Record) -> bool {
        let Some(number) = number_of(record) else { return false };
        let chain = self.acceptance.chain.extended(number, &record.key, &record.headers, &record.value);
        chain_of(record) == Some(chain)
    }

    /// Goes on as if the record were the next one and right.
    fn lead_past(&mut self, record: &Record) {
        self.summary.events += 1;
        self.acceptance.offset = Some(record.offset);
        self.acceptance.pseq = number_of(record).unwrap_or(self.acceptance.pseq + 1);
        if let Some(chain) = chain_of(record) {
            self.acceptance.chain = chain;
        }
        if let Some(writer) = &self.acceptance.writer {
            self.announced.insert(writer.id, self.acceptance.pseq);
        }
    }
}

fn writer_of(record: &Record) -> Option<Uuid> {
    record.headers.get(headers::WRITER_ID)?.parse().ok()
}

fn number_of(record: &Record) -> Option<u64> {
    record.headers.get(headers::PSEQ)?.parse().ok()
}

fn chain_of(record: &Record) -> Option<Chain> {
    record.headers.get(headers::CHAIN)?.parse().ok()
}

/// A writer of which nothing but its id is known.
fn named(id: Uuid) -> CurrentWriter {
    CurrentWriter { id, transactional_id: String::new(), instance: String::new(), url: None }
}
