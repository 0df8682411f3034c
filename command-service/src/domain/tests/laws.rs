//! Laws over random histories: the rules agree with the naive service, an overlay with the fold, a fold with its repetition.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;
use shared::{
    events::AssignmentCounts,
    log::{Chain, Partition, Record},
};

use super::{
    naive::{Ask, Naive, Outcome, TARGETS, Tag, any_ask},
    *,
};

/// The service as the writer runs it: rounds of commands on an overlay, then the fold of what came of them.
#[derive(Default)]
struct Service {
    model: Model,
    log: Vec<Envelope>,
    tags: HashSet<ETag>,
}

/// Items and customers, the same ids in different roles among them.
fn target(number: u8) -> Target {
    match number {
        0 => item(ItemType::Product, "a").into(),
        1 => item(ItemType::Product, "b").into(),
        2 => item(ItemType::Category, "a").into(),
        3 => item(ItemType::Category, "b").into(),
        4 => customer("a", None).into(),
        5 => customer("a", Some("a")).into(),
        6 => customer("a", Some("b")).into(),
        _ => customer("b", Some("a")).into(),
    }
}

fn action(ask: &Ask) -> (SegmentKey, Action) {
    let patch = |operations: &Vec<Value>| Patch::parse(json!(operations), &ContentLanguage::Any).expect("well-formed");
    let (id, action) = match ask.clone() {
        Ask::Create { id, body } => (id, Action::CreateSegment(draft(body))),
        Ask::Put { id, body, expected } => (id, Action::PutSegment { draft: draft(body), expected }),
        Ask::Patch { id, operations } => (id, Action::PatchSegment(patch(&operations))),
        Ask::Delete { id, force } => (id, Action::DeleteSegment { force }),
        Ask::Assign { id, target: number, expected } => {
            (id, Action::Assign { target: target(number), draft: AssignmentDraft::default(), expected })
        }
        Ask::Unassign { id, target: number } => (id, Action::Unassign { target: target(number) }),
    };
    (key(&format!("g{id}")), action)
}

fn status_code(rejection: &Rejection) -> u16 {
    match rejection {
        Rejection::PreconditionFailed => 412,
        Rejection::NotFound => 404,
        Rejection::SegmentMissing | Rejection::HasAssignments | Rejection::Invalid(_) => 400,
        Rejection::StaleVersion { .. } | Rejection::AlreadyExists => 409,
    }
}

fn condition(tag: Tag, current: Option<ETag>) -> Condition {
    let tags = |tags: Vec<ETag>| Condition { if_match: Some(IfMatch::Tags(tags)), if_none_match_any: false };
    match tag {
        Tag::None => Condition::default(),
        Tag::Current => tags(current.into_iter().collect()),
        Tag::Former => tags(vec![ETag { incarnation: u32::MAX, version: 1 }]),
        Tag::Star => Condition { if_match: Some(IfMatch::Any), if_none_match_any: false },
        Tag::CreateOnly => Condition { if_match: None, if_none_match_any: true },
    }
}

fn outcome_of(receipt: Receipt) -> Outcome {
    match (receipt.effect, receipt.etag.map(|etag| etag.version)) {
        (Effect::Created, Some(1)) => Outcome::Created,
        (Effect::Updated, Some(version)) => Outcome::Updated(version),
        (Effect::Removed, None) => Outcome::Removed,
        (effect, version) => panic!("{effect:?} left version {version:?}"),
    }
}

impl Service {
    fn round(&mut self, asks: &[(Ask, Tag)]) -> Vec<Outcome> {
        let mut overlay = self.model.overlay();
        let mut round = Vec::new();
        let mut outcomes = Vec::new();
        for (ask, tag) in asks {
            let (key, action) = action(ask);
            let mut command = Command { key, condition: Condition::default(), action };
            command.condition = condition(*tag, overlay.etag(&command));
            let n = (self.log.len() + round.len()) as u64 + 1;
            let outcome = match overlay.decide(&command, &Context { now: at(n) }) {
                Err(rejection) => Outcome::Refused(status_code(&rejection)),
                Ok(None) => Outcome::Nothing,
                Ok(Some(event)) => {
                    let envelope = envelope(n, overlay.next_sequence(&command.key), event);
                    let receipt = overlay.apply(&envelope).expect("a decided event fits");
                    assert_eq!(overlay.etag(&command), receipt.etag);
                    if let Some(etag) = receipt.etag {
                        assert!(self.tags.insert(etag), "{etag} is used twice");
                    }
                    round.push((envelope, receipt));
                    outcome_of(receipt)
                }
            };
            outcomes.push(outcome);
        }
        let changes = overlay.into_changes();
        for (envelope, receipt) in round {
            assert_eq!(self.model.apply(&envelope), Ok(receipt));
            self.log.push(envelope);
        }
        assert!(changes.agree_with(&self.model), "the overlay has become the model");
        outcomes
    }
}

/// What the model holds, in the naive service's terms.
fn contents(model: &Model) -> Naive {
    let segments = model.segments().map(|(key, segment, etag)| {
        let mut document = serde_json::to_value(segment).expect("a segment is JSON");
        let members = document.as_object_mut().expect("an object");
        members.retain(|name, _| name != "id" && name != "metadata");
        members.insert("version".to_owned(), json!(etag.version));
        let number = |id: &str| id[1..].parse::<u8>().expect("a digit");
        let items = model.items(key).map(|(item, etag)| (Target::from(item.clone()), etag));
        let customers = model.customers(key).map(|(customer, etag)| (Target::from(customer.clone()), etag));
        let rows = items.chain(customers).map(|(found, etag)| {
            let number = (0..TARGETS).find(|number| target(*number) == found).expect("one of the targets");
            (number, etag.version)
        });
        (number(key.id.as_str()), (document, rows.collect::<BTreeMap<_, _>>()))
    });
    Naive { segments: segments.collect() }
}

/// A forced deletion would say how many items and customers go with the segment.
fn assert_counts_are_right(model: &Model) {
    for (key, _, _) in model.segments() {
        let command = Command {
            key: key.clone(),
            condition: Condition::default(),
            action: Action::DeleteSegment { force: true },
        };
        let decided = model.overlay().decide(&command, &Context { now: at(0) });
        let Ok(Some(Event::SegmentDeleted(event))) = decided else { panic!("{decided:?}") };
        let (items, customers) = (model.items(key).count() as u64, model.customers(key).count() as u64);
        assert_eq!(event.assignment_counts, AssignmentCounts { items, customers });
    }
}

/// Writes an event as a record and reads it back.
fn reread(envelope: &Envelope) -> Envelope {
    let stamp = shared::events::WriterStamp { writer_id: uuid::Uuid::nil(), pseq: 1, previous: &Chain::default() };
    let record = Record::placed(envelope.seal(stamp), Partition::new(0), 0, at(0));
    Envelope::open(&record).expect("what was written can be read")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn the_rules_agree_with_the_naive_service(rounds in prop::collection::vec(prop::collection::vec(any_ask(), 1..8), 1..10)) {
        let mut service = Service::default();
        let mut naive = Naive::default();
        for round in &rounds {
            let expected: Vec<_> = round.iter().map(|(ask, tag)| naive.perform(ask, *tag)).collect();
            prop_assert_eq!(service.round(round), expected);
            prop_assert_eq!(&contents(&service.model), &naive);
            assert_counts_are_right(&service.model);
        }
        let mut refolded = Model::default();
        for envelope in &service.log {
            refolded.apply(&reread(envelope)).expect("the log folds");
        }
        prop_assert_eq!(refolded, service.model);
    }
}

#[test]
fn changes_do_not_agree_with_a_model_that_is_behind() {
    let Scenario { model, .. } = given([created("g1", 1), assigned("g1", "p1", 1, 2, 2)]);
    let replaced = json!({ "segment": document("g1", 2, 1, 3), "previousVersion": 1 });
    for event in [
        event(EventType::SegmentReplaced, replaced),
        assigned("g1", "p1", 2, 2, 3),
        assigned("g1", "p2", 1, 3, 3),
        enrolled("g1", &customer("p1", None), 1, 3, 3),
        unassigned("g1", "p1", 1),
        deleted("g1", 1, 1),
    ] {
        let mut overlay = model.overlay();
        overlay.apply(&envelope(3, 3, event.clone())).expect("the event fits");
        let changes = overlay.into_changes();
        assert!(!changes.agree_with(&model), "{event:?}");
        let mut caught_up = model.clone();
        caught_up.apply(&envelope(3, 3, event)).expect("the event fits");
        assert!(changes.agree_with(&caught_up));
    }
}
