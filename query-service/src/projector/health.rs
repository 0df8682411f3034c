//! What the projection of each partition is doing, for readiness and for people.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use shared::{http::health::Check, log::Partition};

use crate::views::Version;

/// What the projection of one partition is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Not yet connected.
    Starting,
    /// Another process projects it.
    Standby,
    /// Applying what the log held when it began; the views show less than they should.
    CatchingUp,
    /// Applying records as they come.
    Following,
    /// Something is in the way that may pass; it goes on by itself.
    Interrupted(String),
    /// A record cannot be applied; nothing goes on until somebody has looked into it.
    Stopped(String),
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("starting"),
            Self::Standby => f.write_str("projected elsewhere"),
            Self::CatchingUp => f.write_str("catching up"),
            Self::Following => f.write_str("following"),
            Self::Interrupted(why) => write!(f, "interrupted: {why}"),
            Self::Stopped(why) => write!(f, "stopped: {why}"),
        }
    }
}

/// The states of all partitions. Clones are the same.
#[derive(Debug, Clone)]
pub struct Health(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    version: Version,
    states: Mutex<Vec<State>>,
    /// Of the reference log.
    reference: Mutex<State>,
    /// Whether indexes may be missing: also as long as nobody has looked yet.
    is_bulk: AtomicBool,
}

impl Health {
    /// Of these views, all partitions starting; the reference log is nobody's yet.
    pub fn new(version: Version, partitions: u16) -> Self {
        let states = Mutex::new(vec![State::Starting; usize::from(partitions)]);
        let (reference, is_bulk) = (Mutex::new(State::Standby), AtomicBool::new(false));
        Self(Arc::new(Inner { version, states, reference, is_bulk }))
    }

    /// Which views are projected.
    pub fn version(&self) -> Version {
        self.0.version
    }

    /// Each partition with what its projection is doing.
    pub fn states(&self) -> Vec<(Partition, State)> {
        let states = self.0.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.iter().cloned().zip(0..).map(|(state, number)| (Partition::new(number), state)).collect()
    }

    /// What the projection of the reference log is doing.
    pub fn reference(&self) -> State {
        self.0.reference.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The partitions whose views fall behind, and why, the same of the reference log, and whether indexes are missing; the
    /// service is ready when there are none.
    pub fn problems(&self) -> Vec<String> {
        let is_good = |state: &State| matches!(state, State::Following | State::Standby);
        let bad = self.states().into_iter().filter(|(_, state)| !is_good(state));
        let mut problems: Vec<String> =
            bad.map(|(partition, state)| format!("partition {partition} {state}")).collect();
        let reference = self.reference();
        if !is_good(&reference) {
            problems.push(format!("reference data {reference}"));
        }
        if self.0.is_bulk.load(Ordering::Relaxed) {
            problems.push("indexes are being made".to_owned());
        }
        problems
    }

    /// For `/health/ready`.
    pub fn check(&self) -> Check {
        let problems = self.problems();
        let check = Check::new("views", problems.is_empty());
        if problems.is_empty() { check } else { check.with_message(problems.join("; ")) }
    }

    pub(super) fn set_bulk(&self, is_bulk: bool) {
        self.0.is_bulk.store(is_bulk, Ordering::Relaxed);
    }

    pub(super) fn set_reference(&self, state: State) {
        *self.0.reference.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    pub(super) fn get(&self, partition: Partition) -> State {
        self.0.states.lock().unwrap_or_else(PoisonError::into_inner)[partition.index()].clone()
    }

    pub(super) fn set(&self, partition: Partition, state: State) {
        super::stats::state(self.0.version, partition, &state);
        self.0.states.lock().unwrap_or_else(PoisonError::into_inner)[partition.index()] = state;
    }
}
