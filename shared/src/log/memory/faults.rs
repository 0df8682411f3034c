//! Faults: what they are, how likely they are, and the one source of chance.

use std::{collections::BTreeMap, collections::VecDeque, ops::Range, time::Duration};

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::Health;
use crate::log::{NewRecord, Partition};

/// The calls that faults can happen to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// `append`.
    Append,
    /// `fence`.
    Fence,
    /// `open_writer`.
    Open,
    /// `end`.
    End,
}

/// What becomes of one call. Whatever lands late or twice is still subject to the fence, if there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No fault.
    Pass,
    /// An error; nothing lands. With markers, an aborted transaction may use up offsets.
    Fail,
    /// An error, but all of it lands.
    LandAndFail,
    /// An error at once, and all of it lands after this time.
    LandLater(Duration),
    /// An error; only this many records, from the first on, land.
    LandPrefix(usize),
    /// An error; all but the record at this place land.
    LandWithout(usize),
    /// Success; all of it lands, and this much later once more.
    Duplicate(Duration),
    /// Success, but this much later.
    Delay(Duration),
    /// The partition turns sick for this time, before the call.
    Sick(Partition, Health, Duration),
}

/// How likely each fault is, from 0 to 1, and how long things take. By default nothing fails and nothing takes time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Faults {
    /// Where all chance comes from.
    pub seed: u64,
    /// [`Fault::Fail`], of any call.
    pub fail: f64,
    /// [`Fault::Delay`], of any call.
    pub slow: f64,
    /// [`Fault::LandAndFail`], of append, fence and open.
    pub land_and_fail: f64,
    /// [`Fault::LandLater`], of append and fence, by `late`.
    pub land_later: f64,
    /// [`Fault::LandLater`] for batches that hold control records, by `late`; comes on top of `land_later`.
    pub late_announcement: f64,
    /// [`Fault::LandPrefix`], of append and fence.
    pub land_prefix: f64,
    /// [`Fault::LandWithout`], of append and fence.
    pub land_without: f64,
    /// [`Fault::Duplicate`], of append and fence, at once or by `late`.
    pub duplicate: f64,
    /// A partition of the batch is [`Health::Down`] for a time out of `sick`.
    pub down: f64,
    /// A partition of the batch is [`Health::Invisible`] for a time out of `sick`.
    pub invisible: f64,
    /// A tail that had something to yield ends with an error instead.
    pub break_tail: f64,
    /// How long every call takes.
    pub latency: Range<Duration>,
    /// How long after the commit a reader sees records, drawn anew for each handful.
    pub lag: Range<Duration>,
    /// How late is late: for delays, late landings and late copies.
    pub late: Range<Duration>,
    /// How long a partition stays sick.
    pub sick: Range<Duration>,
}

/// What chance has decided for one call.
pub(super) struct Plan {
    pub latency: Duration,
    pub fault: Fault,
}

impl Plan {
    pub fn is_immediate(&self) -> bool {
        self.latency.is_zero() && !matches!(self.fault, Fault::Delay(_))
    }
}

/// What chance has decided for one handful of records on its way to a reader.
pub(super) struct Handful {
    pub lag: Duration,
    pub breaks: bool,
}

/// Scripts first, then odds.
#[derive(Default)]
pub(super) struct Chance {
    scripts: BTreeMap<Call, VecDeque<Fault>>,
    seeded: Option<(Faults, StdRng)>,
}

impl Chance {
    pub fn set(&mut self, faults: Faults) {
        let source = StdRng::seed_from_u64(faults.seed);
        self.seeded = (faults != Faults::default()).then_some((faults, source));
    }

    pub fn script(&mut self, call: Call, faults: impl IntoIterator<Item = Fault>) {
        self.scripts.entry(call).or_default().extend(faults);
    }

    pub fn plan(&mut self, call: Call, batch: &[(Partition, NewRecord)]) -> Plan {
        let scripted = self.scripts.get_mut(&call).and_then(VecDeque::pop_front);
        let Some((faults, source)) = &mut self.seeded else {
            return Plan { latency: Duration::ZERO, fault: scripted.unwrap_or(Fault::Pass) };
        };
        let latency = within(source, &faults.latency);
        Plan { latency, fault: scripted.unwrap_or_else(|| faults.draw(source, call, batch)) }
    }

    pub fn handful(&mut self) -> Handful {
        let Some((faults, source)) = &mut self.seeded else { return Handful { lag: Duration::ZERO, breaks: false } };
        Handful { lag: within(source, &faults.lag), breaks: source.random_bool(faults.break_tail) }
    }

    /// How many records a reader takes of one partition before it looks at the next.
    pub fn handful_size(&mut self) -> usize {
        self.seeded.as_mut().map_or(256, |(_, source)| source.random_range(1..=16))
    }
}

impl Faults {
    fn draw(&self, source: &mut StdRng, call: Call, batch: &[(Partition, NewRecord)]) -> Fault {
        let mut happens = |odds: f64| odds > 0.0 && source.random_bool(odds);
        if happens(self.fail) {
            return Fault::Fail;
        }
        if happens(self.slow) {
            return Fault::Delay(within(source, &self.late));
        }
        if call != Call::End && happens(self.land_and_fail) {
            return Fault::LandAndFail;
        }
        if matches!(call, Call::Append | Call::Fence) && !batch.is_empty() {
            return self.draw_for_batch(source, batch);
        }
        Fault::Pass
    }

    fn draw_for_batch(&self, source: &mut StdRng, batch: &[(Partition, NewRecord)]) -> Fault {
        let mut happens = |odds: f64| odds > 0.0 && source.random_bool(odds);
        let is_control = batch.iter().any(|(_, record)| record.key.is_none());
        if happens(self.land_later) || (is_control && happens(self.late_announcement)) {
            return Fault::LandLater(within(source, &self.late));
        }
        if happens(self.land_prefix) {
            return Fault::LandPrefix(source.random_range(0..batch.len()));
        }
        if happens(self.land_without) {
            return Fault::LandWithout(source.random_range(0..batch.len()));
        }
        if happens(self.duplicate) {
            let at_once = source.random_bool(0.5);
            return Fault::Duplicate(if at_once { Duration::ZERO } else { within(source, &self.late) });
        }
        let health = if happens(self.down) {
            Health::Down
        } else if happens(self.invisible) {
            Health::Invisible
        } else {
            return Fault::Pass;
        };
        let (partition, _) = batch[source.random_range(0..batch.len())];
        Fault::Sick(partition, health, within(source, &self.sick))
    }
}

fn within(source: &mut StdRng, range: &Range<Duration>) -> Duration {
    if range.is_empty() { range.start } else { source.random_range(range.clone()) }
}
