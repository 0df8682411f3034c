//! Sound histories of one partition, with everything that a sound log may hold: takeovers, zombies, torn batches.

use serde_json::json;
use shared::{
    Timestamp,
    events::{Actor, CommandStamp, Envelope, FOLD_VERSION, WriterStamp, WriterStarted, WriterStopped},
    ids::{ItemId, ItemRef, ItemType, SegmentId, SegmentKey, Tenant},
    log::{Chain, NewRecord, Partition, Record},
};
use uuid::Uuid;

use crate::domain::{
    Action, AssignmentDraft, Command, Condition, ContentLanguage, Context, Draft, Model, Patch, Target,
};

/// Something that happens to a partition.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// A command to one of a few segments; some lead to nothing.
    Write { segment: u8, what: u8 },
    /// The writer stops, and another one follows.
    Handover,
    /// Another writer takes over, and what the former one had on its way comes after that.
    Zombie,
    /// Two writers announce themselves, and the second comes too late.
    Overtaken,
    /// Without transactions: the middle of a batch is lost, and the writer announces itself anew.
    Torn,
    /// Half a day passes, and some.
    Wait,
}

/// What is known of the partition, and its records.
pub struct History {
    pub records: Vec<Record>,
    /// Of each record, whether it counts as an event.
    pub counts: Vec<bool>,
    model: Model,
    writer: Option<Uuid>,
    pseq: u64,
    chain: Chain,
    ids: u64,
    /// Seconds since the beginning: one a record.
    clock: i64,
}

/// The history of these steps, with a first writer before them and a last event behind them.
pub fn history(steps: &[Step]) -> History {
    let mut history = History {
        records: Vec::new(),
        counts: Vec::new(),
        model: Model::default(),
        writer: None,
        pseq: 0,
        chain: Chain::default(),
        ids: 0,
        clock: 0,
    };
    history.announce();
    history.write(9, 0);
    for step in steps {
        history.step(*step);
    }
    history.write(8, 0);
    history
}

impl History {
    fn step(&mut self, step: Step) {
        match step {
            Step::Write { segment, what } => self.write(segment, what),
            Step::Handover => {
                self.stop();
                self.announce();
            }
            Step::Zombie => {
                let late = self.lost(1);
                self.stop();
                self.announce();
                late.into_iter().for_each(|record| self.append(record, false));
            }
            Step::Overtaken => {
                let late = self.announcement();
                self.announce();
                let id = self.id();
                self.append(late.to_record(id), false);
            }
            Step::Torn => {
                let rest = self.lost(3).into_iter().skip(1);
                rest.for_each(|record| self.append(record, false));
                self.announce();
            }
            Step::Wait => self.clock += 13 * 60 * 60,
        }
    }

    fn id(&mut self) -> Uuid {
        self.ids += 1;
        format!("019b0000-0000-7000-8000-{:012x}", self.ids).parse().expect("a UUID")
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(1_767_225_600_000 + self.clock * 1000)
    }

    fn append(&mut self, record: NewRecord, counts: bool) {
        let place = self.records.len() as i64;
        self.records.push(Record::placed(record, Partition::new(0), place, self.now()));
        self.counts.push(counts);
        self.clock += 1;
    }

    fn announcement(&mut self) -> WriterStarted {
        WriterStarted {
            writer_id: self.id(),
            after: self.writer,
            transactional_id: "main.segments.w.a".to_owned(),
            instance: "a".to_owned(),
            url: None,
            partition: Partition::new(0),
            partitions: 1,
            fold_version: FOLD_VERSION,
            started_at: self.now(),
        }
    }

    fn announce(&mut self) {
        let started = self.announcement();
        self.writer = Some(started.writer_id);
        let id = self.id();
        self.append(started.to_record(id), false);
    }

    fn stop(&mut self) {
        let writer_id = self.writer.expect("somebody writes");
        let stop =
            WriterStopped { writer_id, partition: Partition::new(0), stopped_at: self.now(), by: "a".to_owned() };
        let id = self.id();
        self.append(stop.to_record(id), false);
    }

    fn write(&mut self, segment: u8, what: u8) {
        let command = command(segment, what);
        let now = self.now();
        let overlay = self.model.overlay();
        let Ok(Some(event)) = overlay.decide(&command, &Context { now }) else { return };
        let sequence = overlay.next_sequence(&command.key);
        // Commands to every other segment come with a key of idempotency.
        let id = self.id();
        let id = if segment.is_multiple_of(2) { keyed(id) } else { id };
        let envelope = Envelope {
            id: self.id(),
            tenant: command.key.tenant.clone(),
            time: now,
            sequence,
            actor: Actor("client:test".to_owned()),
            command: CommandStamp { id, hash: blake3::hash(b"") },
            correlation_id: None,
            causation_id: None,
            trace_parent: None,
            trace_state: None,
            event,
        };
        self.model.apply(&envelope).expect("a decided event fits");
        let writer_id = self.writer.expect("somebody writes");
        let stamp = WriterStamp { writer_id, pseq: self.pseq + 1, previous: &self.chain };
        let record = envelope.seal(stamp);
        self.pseq += 1;
        self.chain = self.chain.extended(self.pseq, &record.key, &record.headers, &record.value);
        self.append(record, true);
    }

    /// Records that the present writer makes and that never count.
    fn lost(&mut self, count: usize) -> Vec<NewRecord> {
        let mut made = Self { model: self.model.clone(), records: Vec::new(), counts: Vec::new(), ..*self };
        made.ids += 1_000_000 * (self.records.len() as u64 + 1);
        (0..count).for_each(|number| made.write(100 + number as u8, 0));
        let new = |Record { key, headers, value, .. }| NewRecord { key, headers, value };
        made.records.into_iter().map(new).collect()
    }
}

fn keyed(id: Uuid) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, id.as_bytes())
}

fn command(segment: u8, what: u8) -> Command {
    let (tenant, id) = (Tenant::parse("acme"), SegmentId::parse(&format!("g{segment}")));
    let key = SegmentKey::new(tenant.expect("a tenant"), id.expect("an id"));
    let body = json!({ "name": { "en": format!("n{what}") }, "siteCode": "main" });
    let draft = || Draft::parse(body.clone(), &ContentLanguage::Any).expect("a body");
    let patch = json!([{ "op": "add", "path": "/name/de", "value": format!("n{what}") }]);
    let target = |id: &str| Target::from(ItemRef { kind: ItemType::Product, id: ItemId::parse(id).expect("an id") });
    let action = match what % 6 {
        0 => Action::PutSegment { draft: draft(), expected: None },
        1 => Action::PatchSegment(Patch::parse(patch, &ContentLanguage::Any).expect("a patch")),
        2 => Action::Assign { target: target("p1"), draft: AssignmentDraft::default(), expected: None },
        3 => Action::Assign { target: target("p2"), draft: AssignmentDraft::default(), expected: None },
        4 => Action::Unassign { target: target("p1") },
        _ => Action::DeleteSegment { force: true },
    };
    Command { key, condition: Condition::default(), action }
}
