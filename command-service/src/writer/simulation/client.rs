//! Clients: they ask, often for conflicting things, retry what they may retry, and write down what they were told when.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;
use shared::{
    events::{Actor, CommandStamp},
    ids::{CustomerId, CustomerRef, ItemId, ItemRef, ItemType, LegalEntityId, SegmentId, SegmentKey, Tenant},
};
use tokio::time::sleep;
use uuid::Uuid;

use super::world::Instances;
use crate::{
    domain::{Action, AssignmentDraft, Command, Condition, ContentLanguage, Draft, Patch, Target},
    writer::{Answer, Failure, Request},
};

/// What was asked and answered, in the order of one global count.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) now: u64,
    pub(super) attempts: Vec<Attempt>,
}

/// One request and its answer.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub(super) command: Command,
    pub(super) command_id: Uuid,
    pub(super) invoked: u64,
    /// When and what was answered; nothing if the client never heard.
    pub(super) answered: Option<(u64, Result<Answer, Failure>)>,
}

pub(super) struct Client {
    number: usize,
    rng: StdRng,
    instances: Instances,
    history: Arc<Mutex<History>>,
}

impl Client {
    pub(super) fn new(number: usize, seed: u64, instances: Instances, history: Arc<Mutex<History>>) -> Self {
        Self { number, rng: StdRng::seed_from_u64(seed), instances, history }
    }

    pub(super) async fn run(mut self, requests: usize) {
        for index in 0..requests {
            sleep(Duration::from_millis(self.rng.random_range(0..300))).await;
            let command = self.command();
            let keyed = self.rng.random_bool(0.5);
            let key = format!("{}/{index}", self.number);
            let name = key.as_bytes();
            let id = if keyed { Uuid::new_v5(&Uuid::NAMESPACE_OID, name) } else { self.server_made() };
            let stamp = CommandStamp { id, hash: blake3::hash(name) };
            // Without a key a client may not ask again.
            let attempts = if keyed { 4 } else { 1 };
            for _ in 0..attempts {
                match self.ask(&command, stamp).await {
                    Some(Err(Failure::NotExecuted { .. } | Failure::OutcomeUnknown { .. })) | None => {
                        sleep(Duration::from_millis(self.rng.random_range(1..2500))).await;
                    }
                    Some(_) => break,
                }
            }
        }
    }

    fn server_made(&mut self) -> Uuid {
        uuid::Builder::from_unix_timestamp_millis(1, &self.rng.random()).into_uuid()
    }

    async fn ask(&mut self, command: &Command, stamp: CommandStamp) -> Option<Result<Answer, Failure>> {
        let first = self.rng.random_range(0..2);
        let handle = {
            let instances = self.instances.lock().expect("instances");
            instances[first].handle.clone().or_else(|| instances[1 - first].handle.clone())
        }?;
        let request = Request {
            command: command.clone(),
            stamp,
            actor: Actor(format!("client:{}", self.number)),
            correlation_id: None,
            causation_id: None,
            trace_parent: None,
            trace_state: None,
            size: 100,
        };
        let place = {
            let mut history = self.history.lock().expect("history");
            history.now += 1;
            let invoked = history.now;
            history.attempts.push(Attempt { command: command.clone(), command_id: stamp.id, invoked, answered: None });
            history.attempts.len() - 1
        };
        // The caller's own time-out, as the HTTP layer has one.
        let answer = tokio::time::timeout(Duration::from_secs(6), handle.submit(request)).await.ok()?;
        let mut history = self.history.lock().expect("history");
        history.now += 1;
        history.attempts[place].answered = Some((history.now, answer.clone()));
        Some(answer)
    }

    fn command(&mut self) -> Command {
        let id = SegmentId::parse(&format!("s{}", self.rng.random_range(0..4))).expect("an id");
        let key = SegmentKey::new(Tenant::parse("acme").expect("a tenant"), id);
        let target = self.target();
        let expected = self.rng.random_bool(0.4).then(|| self.rng.random_range(1..4));
        let action = match self.rng.random_range(0..100) {
            0..25 => Action::CreateSegment(self.draft()),
            25..45 => Action::PutSegment { draft: self.draft(), expected },
            45..60 => Action::PatchSegment(self.patch()),
            60..75 => Action::DeleteSegment { force: self.rng.random_bool(0.5) },
            75..90 => {
                let draft = AssignmentDraft::parse(json!({})).expect("a draft");
                Action::Assign { target, draft, expected }
            }
            _ => Action::Unassign { target },
        };
        Command { key, condition: Condition::default(), action }
    }

    fn target(&mut self) -> Target {
        let legal_entity = match self.rng.random_range(0..4) {
            0..2 => return ItemRef { kind: ItemType::Product, id: ItemId::parse("p1").expect("an id") }.into(),
            2 => None,
            _ => Some(LegalEntityId::parse("le1").expect("an id")),
        };
        CustomerRef { id: CustomerId::parse("c1").expect("an id"), legal_entity }.into()
    }

    fn draft(&mut self) -> Draft {
        let body = json!({ "name": { "en": format!("n{}", self.rng.random::<u32>()) }, "siteCode": "main" });
        Draft::parse(body, &ContentLanguage::Any).expect("a draft")
    }

    fn patch(&mut self) -> Patch {
        let body = match self.rng.random_range(0..3) {
            0 => json!([]),
            1 => json!([{ "op": "replace", "path": "/status", "value": "ACTIVE" }]),
            _ => json!([{ "op": "remove", "path": "/description" }]),
        };
        Patch::parse(body, &ContentLanguage::Any).expect("a patch")
    }
}
