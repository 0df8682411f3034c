//! Holds what clients were told against the log.
//!
//! Every record carries the name of the attempt that asked for it. So: nothing unasked, nothing twice, nothing of an attempt
//! that was told to have failed; every acknowledged change is there, with the tag, token and effect that the answer named;
//! answers that wrote nothing were true at some moment of their request; and the order of the log is the order of time.

mod facts;
mod negatives;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use anyhow::{Context as _, bail, ensure};
use shared::{ids::SegmentKey, log::Record};
use uuid::Uuid;

use crate::{
    fold::{State, header_of},
    history::{Answer, Attempt, Kind, Marker},
    tokens::CLIENT,
};
use facts::{Fact, Log};

/// The namespace of command ids that come from idempotency keys: part of the contract of the log, so written down again.
const COMMAND_NAMESPACE: Uuid = Uuid::from_u128(0x9a3f_6f0e_52f1_4c07_8d2b_7a6c_1e94_b35d);

/// What was found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Attempts, by how they ended.
    pub attempts: usize,
    /// 2xx, replayed ones included.
    pub acknowledged: usize,
    /// 2xx that repeat an earlier answer.
    pub replayed: usize,
    /// 4xx.
    pub refused: usize,
    /// 503, 401, and what could not be sent.
    pub not_executed: usize,
    /// 504 and lost connections.
    pub unknown: usize,
    /// Accepted records.
    pub records: usize,
    /// Accepted records whose first attempt got no answer that says so.
    pub executed_unknown: usize,
    /// Records that do not count.
    pub ignored: usize,
    /// Announcements of writers.
    pub announcements: usize,
    /// The longest answer that was a success, in milliseconds.
    pub slowest_millis: u64,
    /// Every segment that was ever written, as it must be now.
    pub segments: HashMap<SegmentKey, State>,
}

/// Checks everything.
///
/// # Errors
/// At the first promise that was broken; the text names the attempt.
pub fn check(attempts: &[Attempt], records: &[Vec<Record>]) -> anyhow::Result<Findings> {
    let mut findings = count(attempts);
    let by_marker: HashMap<Marker, &Attempt> = attempts.iter().map(|attempt| (attempt.marker, attempt)).collect();
    ensure!(by_marker.len() == attempts.len(), "two attempts have one name");
    let log = Log::fold(records, &by_marker)?;
    findings.records = log.facts.len();
    (findings.ignored, findings.announcements) = (log.ignored, log.announcements);

    for fact in &log.facts {
        check_fact(fact)
            .with_context(|| format!("record {} of partition {}: {}", fact.offset, fact.partition, fact.asked))?;
    }
    let mut acknowledged: HashMap<(u32, u32), u64> = HashMap::new();
    for attempt in attempts {
        let fact = log.of_command(attempt.marker);
        check_answer(attempt, fact).with_context(|| format!("{attempt}; its record: {:?}", fact.map(Fact::brief)))?;
        if attempt.outcome.is_success() && fact.is_some() {
            let command = (attempt.marker.client, attempt.marker.number);
            let first = acknowledged.entry(command).or_insert(attempt.answered);
            *first = attempt.answered.min(*first);
        }
    }
    let when = |marker: Marker| acknowledged.get(&(marker.client, marker.number)).copied().unwrap_or(u64::MAX);
    findings.executed_unknown = log.facts.iter().filter(|fact| fact.asked.outcome.is_unknown()).count();
    for facts in log.by_partition() {
        check_order(&facts, &when)?;
    }
    negatives::check(attempts, &log, &when)?;
    findings.segments = log.segments;
    Ok(findings)
}

fn count(attempts: &[Attempt]) -> Findings {
    let mut findings = Findings { attempts: attempts.len(), ..Findings::default() };
    for attempt in attempts {
        match &attempt.outcome {
            outcome if outcome.is_success() => {
                findings.acknowledged += 1;
                findings.replayed += usize::from(outcome.answer().is_some_and(|answer| answer.replayed));
                findings.slowest_millis = findings.slowest_millis.max((attempt.answered - attempt.invoked) / 1_000_000);
            }
            outcome if outcome.is_not_executed() => findings.not_executed += 1,
            outcome if outcome.is_unknown() => findings.unknown += 1,
            _ => findings.refused += 1,
        }
    }
    findings
}

/// A record says what its attempt asked for, under the id that its key makes.
fn check_fact(fact: &Fact<'_>) -> anyhow::Result<()> {
    let (ask, marker, command) = (&fact.asked.ask, fact.asked.marker, fact.envelope.command);
    let outcome = &fact.asked.outcome;
    ensure!(!outcome.is_not_executed(), "it was not executed, says the answer, but here it is");
    ensure!(outcome.is_unknown() || outcome.is_success(), "it was refused, says the answer, but here it is");
    ensure!(fact.envelope.tenant.as_str() == ask.tenant, "it is of another tenant");
    let is_segment = ask.id.as_deref().is_none_or(|id| id == fact.envelope.event.segment_id().as_str());
    ensure!(is_segment, "it is about another segment");
    let expected = ask.keyed.then(|| command_id(&ask.tenant, &marker.command()));
    ensure!(expected.is_none_or(|id| id == command.id), "its command is not the one of the key");
    ensure!(ask.keyed == command.is_keyed(), "it has a key and should not, or the other way round");
    facts::check_content(fact)
}

/// UUIDv5 over tenant, client and key, each with its length before it.
fn command_id(tenant: &str, key: &str) -> Uuid {
    let mut bytes = Vec::new();
    for part in [tenant, CLIENT, key] {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    Uuid::new_v5(&COMMAND_NAMESPACE, &bytes)
}

/// An acknowledged change is in the log as the answer says. Refusals are looked at with the negatives.
fn check_answer(attempt: &Attempt, fact: Option<&Fact<'_>>) -> anyhow::Result<()> {
    let Some(answer) = attempt.outcome.answer() else { return Ok(()) };
    match answer.status {
        200..300 => {}
        400 | 401 | 404 | 409 | 412 | 503 | 504 => return Ok(()),
        status => bail!("{status} is no answer to this"),
    }
    let Some(fact) = fact else {
        let may_be_nothing = matches!(attempt.ask.kind, Kind::Delete { .. } | Kind::Unassign(_));
        ensure!(may_be_nothing && !answer.replayed && answer.status == 204, "it was acknowledged, and is lost");
        return Ok(());
    };
    let is_first = fact.asked.marker == attempt.marker;
    // A retry may have joined the first attempt, which was still waiting when its client gave up: nothing is replayed then.
    let may_have_joined = fact.asked.outcome.is_unknown();
    ensure!(is_first || answer.replayed || may_have_joined, "it was executed before, and the answer does not say so");
    ensure!(!(is_first && answer.replayed), "it was not executed before, and the answer says so");
    check_receipt(answer, fact)
}

fn check_receipt(answer: &Answer, fact: &Fact<'_>) -> anyhow::Result<()> {
    ensure!(answer.status == if fact.receipt.created { 201 } else { 204 }, "the status is that of another effect");
    let tag = fact.receipt.tag.map(header_of);
    ensure!(answer.etag == tag, "the tag should be {tag:?}");
    let token: Vec<_> = answer.token.iter().flat_map(|token| token.iter()).collect();
    ensure!(token == [(fact.partition.into(), fact.offset + 1)], "the token names {token:?}");
    Ok(())
}

/// No record lies behind one whose client began only after its own was acknowledged.
fn check_order(facts: &[&Fact<'_>], acknowledged: &impl Fn(Marker) -> u64) -> anyhow::Result<()> {
    let mut earliest = (u64::MAX, None);
    for fact in facts.iter().rev() {
        if let (when, Some(later)) = earliest
            && when < fact.asked.invoked
        {
            bail!("{:?} was acknowledged before {:?} was sent, but lies behind it", Fact::brief(later), fact.brief());
        }
        let when = acknowledged(fact.asked.marker);
        if when < earliest.0 {
            earliest = (when, Some(*fact));
        }
    }
    Ok(())
}
