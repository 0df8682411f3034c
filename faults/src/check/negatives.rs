//! Answers that wrote nothing: each must have been true between two records, within the time of its request.

use std::collections::{BTreeSet, HashMap};

use anyhow::{Context as _, ensure};
use shared::ids::SegmentKey;

use super::facts::{Fact, Log};
use crate::{
    fold::{State, header_of},
    history::{Attempt, Kind, Marker},
};

/// What decides about refusals: the tag of the segment, if it exists, and its assignments.
#[derive(Default)]
struct Shape {
    tag: Option<String>,
    version: Option<u64>,
    places: BTreeSet<String>,
}

/// Checks all of them.
///
/// # Errors
/// For the first that was true at no moment.
pub fn check(attempts: &[Attempt], log: &Log<'_>, acknowledged: &impl Fn(Marker) -> u64) -> anyhow::Result<()> {
    let facts = log.by_segment();
    let mut negatives: HashMap<SegmentKey, Vec<&Attempt>> = HashMap::new();
    for attempt in attempts.iter().filter(|attempt| is_negative(attempt, log)) {
        let key = attempt.ask.key().with_context(|| format!("a new segment cannot be refused: {attempt}"))?;
        negatives.entry(key).or_default().push(attempt);
    }
    for (key, negatives) in negatives {
        let facts = facts.get(&key).map(Vec::as_slice).unwrap_or_default();
        let shapes = shapes(facts)?;
        // The last acknowledged record before a time only moves on with time, and so does the first one sent after it.
        for attempt in negatives {
            let behind = facts.iter().rposition(|fact| acknowledged(fact.asked.marker) < attempt.invoked);
            let first = behind.map_or(0, |place| place + 1);
            let last = facts.iter().position(|fact| fact.asked.invoked > attempt.answered).unwrap_or(facts.len());
            let is_true = (first..=last).any(|gap| shapes.get(gap).is_some_and(|shape| holds(shape, attempt)));
            let around: Vec<_> = facts[first.saturating_sub(1)..last.max(first).min(facts.len())]
                .iter()
                .map(|fact| fact.brief())
                .collect();
            ensure!(is_true, "this was true at no moment: {attempt}; the records about it: {around:?}");
        }
    }
    Ok(())
}

fn is_negative(attempt: &Attempt, log: &Log<'_>) -> bool {
    let Some(answer) = attempt.outcome.answer() else { return false };
    match answer.status {
        400 | 404 | 409 | 412 => true,
        204 => log.of_command(attempt.marker).is_none(),
        _ => false,
    }
}

/// The segment before each of its records, and after the last.
fn shapes(facts: &[&Fact<'_>]) -> anyhow::Result<Vec<Shape>> {
    let mut state = State::default();
    let mut shapes = vec![Shape::default()];
    for fact in facts {
        state.apply(&fact.envelope)?;
        shapes.push(state.live.as_ref().map_or_else(Shape::default, |live| Shape {
            tag: Some(header_of(live.tag())),
            version: Some(live.document.metadata.version),
            places: live.rows.keys().cloned().collect(),
        }));
    }
    Ok(shapes)
}

fn holds(shape: &Shape, attempt: &Attempt) -> bool {
    let exists = shape.tag.is_some();
    let status = attempt.outcome.answer().map_or(0, |answer| answer.status);
    match (&attempt.ask.kind, status) {
        (Kind::Create, 409) => exists,
        (Kind::Put { version: Some(version), .. }, 409) => shape.version.is_some_and(|current| current != *version),
        (Kind::Put { if_match: Some(tag), .. }, 412) => shape.tag.as_ref() != Some(tag),
        (Kind::Patch, 404) | (Kind::Delete { .. }, 204) | (Kind::Assign(_), 400) => !exists,
        (Kind::Delete { force: false }, 400) => !shape.places.is_empty(),
        (Kind::Unassign(place), 204) => !shape.places.contains(place),
        _ => false,
    }
}
