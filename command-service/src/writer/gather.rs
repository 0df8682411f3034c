//! When a round is full enough to go.
//!
//! Callers that were answered by one round ask again a moment later. A round that goes at once therefore holds those that
//! happened to wait, and the next one the others: many small rounds at the price of a large one each. So a round waits until
//! nearly as many commands are there as the last one held, but no longer than a part of the time that an append takes.

use std::time::Duration;

use tokio::time::Instant;

use super::linger::FEW;

/// The part of an append's duration that a round may wait, and what bounds it.
const SHARE: f64 = 0.5;
const LEAST: Duration = Duration::from_micros(500);
const MOST: Duration = Duration::from_millis(10);

/// One in so many is not waited for: it may have gone, or been slow.
const FEW_MAY_LACK: usize = 16;

/// See the module.
#[derive(Debug)]
pub(super) struct Gather {
    expected: usize,
    until: Instant,
    /// When the round goes that is held back now.
    due: Option<Instant>,
}

impl Gather {
    pub(super) fn new(now: Instant) -> Self {
        Self { expected: 0, until: now, due: None }
    }

    /// A round with so many commands has begun.
    pub(super) fn begun(&mut self, commands: usize) {
        self.expected = commands;
    }

    /// Whether the last round held so few commands that their callers wait for threads to wake up as much as for the log.
    pub(super) fn has_few_callers(&self) -> bool {
        self.expected <= FEW
    }

    /// The append of the round is done; it took so long.
    pub(super) fn done(&mut self, now: Instant, took: Duration) {
        self.until = now + took.mul_f64(SHARE).clamp(LEAST, MOST);
    }

    /// Whether a round that would hold so many commands has to wait. A round without any is none of ours.
    pub(super) fn holds_back(&mut self, now: Instant, ready: usize) -> bool {
        let enough = self.expected - self.expected / FEW_MAY_LACK;
        self.due = (0 < ready && ready < enough && now < self.until).then_some(self.until);
        self.due.is_some()
    }

    /// When the round that is held back goes at the latest.
    pub(super) fn timer(&self) -> Option<Instant> {
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Until when the round is held back.
    fn held(gather: &mut Gather, now: Instant, ready: usize) -> Option<Instant> {
        assert_eq!(gather.holds_back(now, ready), gather.timer().is_some());
        gather.timer()
    }

    #[test]
    fn a_round_waits_for_nearly_as_many_as_the_last_one_held_but_not_for_long() {
        let start = Instant::now();
        let after = |micros| start + Duration::from_micros(micros);
        let mut gather = Gather::new(start);
        assert_eq!(held(&mut gather, start, 1), None);
        gather.begun(32);
        gather.done(start, Duration::from_millis(2));
        let cases = [(0, 29, true), (999, 29, true), (1_000, 29, false), (0, 30, false), (0, 32, false), (0, 0, false)];
        for (at, ready, waits) in cases {
            assert_eq!(held(&mut gather, after(at), ready), waits.then(|| after(1_000)), "{ready} at {at} µs");
        }
        gather.begun(1);
        assert_eq!(held(&mut gather, start, 1), None);
    }

    #[test]
    fn the_wait_is_bounded_however_long_an_append_took() {
        let start = Instant::now();
        let mut gather = Gather::new(start);
        gather.begun(2);
        for (took, wait) in [(Duration::ZERO, LEAST), (Duration::from_secs(9), MOST)] {
            gather.done(start, took);
            assert_eq!(held(&mut gather, start, 1), Some(start + wait));
        }
    }
}
