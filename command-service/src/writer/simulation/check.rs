//! Holds what clients were told against the log: the invariants of the write protocol, and linearizability.
//!
//! The log gives the order of all accepted commands. Answers that wrote nothing must fit into a gap between two records,
//! within the time of their request, and in an order that agrees with what came before what.

use std::collections::{HashMap, HashSet};

use shared::{
    events::Envelope,
    log::{Partition, Record, partition_of},
};
use uuid::Uuid;

use super::client::{Attempt, History};
use crate::{
    domain::{Context, Model},
    fold::{Fold, Folded},
    writer::{Answer, Failure, Outcome},
};

/// What must not be.
#[derive(Debug)]
#[expect(dead_code, reason = "the fields are read by people, in the message of a failing test")]
pub(super) enum Violation {
    /// After everything is well again, partitions are not served.
    NotServing(String),
    /// The log cannot be folded.
    Unfoldable(String),
    /// Two readers of the same records differ (I1).
    ReadersDiffer,
    /// Acknowledged, but not accepted (I3).
    Lost(Box<Attempt>),
    /// Said to be not executed or refused, but accepted (I4).
    ExecutedAfterAll(Box<Attempt>),
    /// Accepted, but nobody asked.
    Unasked(Uuid),
    /// Accepted twice (I5).
    Twice(Uuid),
    /// The decider does not decide so on the state before (I6, I7, I8).
    WrongDecision { partition: Partition, offset: i64 },
    /// An acknowledged command lies in the log before one that began after its answer (I9).
    OutOfOrder { command_id: Uuid },
    /// An answer that wrote nothing was true at no moment of its request (I9).
    NeverTrue(Box<Attempt>),
}

/// What happened in all worlds, to see that everything did.
#[derive(Debug, Default)]
pub(super) struct Tally {
    accepted: usize,
    refused: usize,
    unchanged: usize,
    replayed: usize,
    not_executed: usize,
    unknown: usize,
    ignored_records: usize,
    announcements: usize,
}

impl Tally {
    pub(super) fn add(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.unchanged += other.unchanged;
        self.replayed += other.replayed;
        self.not_executed += other.not_executed;
        self.unknown += other.unknown;
        self.ignored_records += other.ignored_records;
        self.announcements += other.announcements;
    }

    /// A simulation in which nothing goes wrong, or nothing goes right, shows nothing.
    pub(super) fn assert_everything_happened(&self) {
        let counts = [
            self.accepted,
            self.refused,
            self.unchanged,
            self.replayed,
            self.not_executed,
            self.unknown,
            self.ignored_records,
            self.announcements,
        ];
        assert!(counts.iter().all(|count| *count > 20), "{self:?}");
    }
}

/// An accepted record, with the time in which clients asked for it.
struct Accepted {
    envelope: Envelope,
    invoked: u64,
    acknowledged: u64,
}

pub(super) fn check(
    history: &History,
    records: &[Vec<Record>],
    chains: &[Vec<(u64, String)>],
) -> Result<Tally, Violation> {
    let mut by_id: HashMap<Uuid, Vec<&Attempt>> = HashMap::new();
    for attempt in &history.attempts {
        by_id.entry(attempt.command_id).or_default().push(attempt);
    }
    let mut tally = count(history);
    let mut accepted_ids = HashSet::new();
    let partitions = records.len() as u16;
    for (index, records) in records.iter().enumerate() {
        let partition = Partition::new(index as u16);
        let accepted = fold(partition, partitions, records, &by_id, chains, &mut tally)?;
        for record in &accepted {
            if !accepted_ids.insert(record.envelope.command.id) {
                return Err(Violation::Twice(record.envelope.command.id));
            }
        }
        check_order(&accepted)?;
        let negatives = history
            .attempts
            .iter()
            .filter(|attempt| partition_of(&attempt.command.key, partitions) == partition && is_negative(attempt));
        check_negatives(&accepted, negatives.collect())?;
    }
    check_promises(&by_id, &accepted_ids)?;
    Ok(tally)
}

/// Folds a partition and lets the decider decide again (I1, I2, I6, I7, I8).
fn fold(
    partition: Partition,
    partitions: u16,
    records: &[Record],
    by_id: &HashMap<Uuid, Vec<&Attempt>>,
    chains: &[Vec<(u64, String)>],
    tally: &mut Tally,
) -> Result<Vec<Accepted>, Violation> {
    let mut fold = Fold::new(partition, partitions);
    let mut before = Model::default();
    let mut accepted = Vec::new();
    for record in records {
        match fold.apply(record) {
            Err(stuck) => return Err(Violation::Unfoldable(stuck.to_string())),
            Ok(Folded::Control(shared::log::Verdict::Ignored(_))) => tally.ignored_records += 1,
            Ok(Folded::Control(_)) => tally.announcements += 1,
            Ok(Folded::Accepted(envelope, _)) => {
                tally.accepted += 1;
                let Some(attempts) = by_id.get(&envelope.command.id) else {
                    return Err(Violation::Unasked(envelope.command.id));
                };
                let again = before.overlay().decide(&attempts[0].command, &Context { now: envelope.time });
                if again.ok().flatten().as_ref() != Some(&envelope.event) {
                    return Err(Violation::WrongDecision { partition, offset: record.offset });
                }
                before.apply(&envelope).map_err(|error| Violation::Unfoldable(error.to_string()))?;
                let successes = attempts.iter().filter_map(|attempt| match &attempt.answered {
                    Some((when, Ok(_))) => Some(*when),
                    _ => None,
                });
                accepted.push(Accepted {
                    invoked: attempts.iter().map(|attempt| attempt.invoked).min().unwrap_or(0),
                    acknowledged: successes.min().unwrap_or(u64::MAX),
                    envelope: *envelope,
                });
            }
        }
    }
    let own = (fold.acceptance.pseq, fold.acceptance.chain.to_string());
    if chains.iter().any(|chain| chain[partition.index()] != own) {
        return Err(Violation::ReadersDiffer);
    }
    Ok(accepted)
}

/// No record lies behind one whose client began only after its own was acknowledged.
fn check_order(accepted: &[Accepted]) -> Result<(), Violation> {
    let mut earliest_acknowledged_later = u64::MAX;
    for record in accepted.iter().rev() {
        if earliest_acknowledged_later < record.invoked {
            return Err(Violation::OutOfOrder { command_id: record.envelope.command.id });
        }
        earliest_acknowledged_later = earliest_acknowledged_later.min(record.acknowledged);
    }
    Ok(())
}

fn is_negative(attempt: &Attempt) -> bool {
    matches!(
        &attempt.answered,
        Some((_, Err(Failure::Rejected(_)) | Ok(Answer { outcome: Outcome::Unchanged { .. }, .. })))
    )
}

/// Every answer that wrote nothing finds the first gap in which it is true; earlier answers bind later ones.
fn check_negatives(accepted: &[Accepted], mut negatives: Vec<&Attempt>) -> Result<(), Violation> {
    let answered_at = |attempt: &Attempt| attempt.answered.as_ref().map_or(u64::MAX, |(when, _)| *when);
    negatives.sort_by_key(|attempt| answered_at(attempt));
    let mut true_in: Vec<Vec<bool>> = vec![Vec::new(); negatives.len()];
    let mut state = Model::default();
    for gap in 0..=accepted.len() {
        for (place, attempt) in negatives.iter().enumerate() {
            true_in[place].push(holds(&state, attempt));
        }
        if let Some(next) = accepted.get(gap) {
            state.apply(&next.envelope).map_err(|error| Violation::Unfoldable(error.to_string()))?;
        }
    }
    let mut placed: Vec<(u64, usize)> = Vec::new();
    for (place, attempt) in negatives.iter().enumerate() {
        let answered = answered_at(attempt);
        let behind = accepted.iter().rposition(|record| record.acknowledged < attempt.invoked).map_or(0, |at| at + 1);
        let before = accepted.iter().position(|record| record.invoked > answered).unwrap_or(accepted.len());
        let earlier = placed.iter().filter(|(when, _)| *when < attempt.invoked).map(|(_, gap)| *gap).max();
        let first = behind.max(earlier.unwrap_or(0));
        let gap = (first..=before).find(|gap| true_in[place][*gap]);
        let Some(gap) = gap else { return Err(Violation::NeverTrue(Box::new((*attempt).clone()))) };
        placed.push((answered, gap));
    }
    Ok(())
}

/// Whether the answer is what the decider says on this state. Its time of day plays no part in a refusal.
fn holds(state: &Model, attempt: &Attempt) -> bool {
    let overlay = state.overlay();
    let context = Context { now: shared::Timestamp::from_unix_millis(2_000_000_000_000) };
    match (overlay.decide(&attempt.command, &context), &attempt.answered) {
        (Err(rejection), Some((_, Err(Failure::Rejected(told))))) => rejection == *told,
        (Ok(None), Some((_, Ok(Answer { outcome: Outcome::Unchanged { etag }, .. })))) => {
            overlay.etag(&attempt.command) == *etag
        }
        _ => false,
    }
}

/// What was acknowledged is there (I3), and what was said not to be is not (I4).
fn check_promises(by_id: &HashMap<Uuid, Vec<&Attempt>>, accepted: &HashSet<Uuid>) -> Result<(), Violation> {
    for (id, attempts) in by_id {
        let is_accepted = accepted.contains(id);
        let changed = |attempt: &&&Attempt| {
            matches!(&attempt.answered, Some((_, Ok(Answer { outcome: Outcome::Changed(_), .. }))))
        };
        let doubtful = |attempt: &&Attempt| {
            matches!(&attempt.answered, None | Some((_, Err(Failure::OutcomeUnknown { .. }) | Ok(_))))
        };
        if let Some(attempt) = attempts.iter().find(changed)
            && !is_accepted
        {
            return Err(Violation::Lost(Box::new((**attempt).clone())));
        }
        if is_accepted && !attempts.iter().any(doubtful) {
            return Err(Violation::ExecutedAfterAll(Box::new(attempts[0].clone())));
        }
    }
    Ok(())
}

fn count(history: &History) -> Tally {
    let mut tally = Tally::default();
    for attempt in &history.attempts {
        match &attempt.answered {
            Some((_, Ok(answer))) if answer.replayed => tally.replayed += 1,
            Some((_, Ok(Answer { outcome: Outcome::Unchanged { .. }, .. }))) => tally.unchanged += 1,
            Some((_, Ok(_))) => {}
            Some((_, Err(Failure::Rejected(_)))) => tally.refused += 1,
            Some((_, Err(Failure::NotExecuted { .. }))) => tally.not_executed += 1,
            Some((_, Err(_))) | None => tally.unknown += 1,
        }
    }
    tally
}
