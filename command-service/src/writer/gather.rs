//! When a round is full enough to go.
//!
//! Callers that were answered by one round ask again a moment later. A round that goes at once therefore holds those that
//! happened to wait, and the next one the others: many small rounds at the price of a large one each. So a round waits until
//! nearly as many commands are there as the last one held, but no longer than a part of the time that an append takes.

use std::time::Duration;

use tokio::time::Instant;

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
}

impl Gather {
    pub(super) fn new(now: Instant) -> Self {
        Self { expected: 0, until: now }
    }

    /// A round with so many commands has begun.
    pub(super) fn begun(&mut self, commands: usize) {
        self.expected = commands;
    }

    /// The append of the round is done; it took so long.
    pub(super) fn done(&mut self, now: Instant, took: Duration) {
        self.until = now + took.mul_f64(SHARE).clamp(LEAST, MOST);
    }

    /// Until when a round that would hold so many commands has to wait; none: it goes.
    pub(super) fn holds_back(&self, now: Instant, ready: usize) -> Option<Instant> {
        let enough = self.expected - self.expected / FEW_MAY_LACK;
        (ready < enough && now < self.until).then_some(self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_waits_for_as_many_as_the_last_one_held_but_not_for_long() {
        let start = Instant::now();
        let after = |micros| start + Duration::from_micros(micros);
        let mut gather = Gather::new(start);
        assert_eq!(gather.holds_back(start, 1), None);
        gather.begun(8);
        gather.done(start, Duration::from_millis(2));
        let cases = [(0, 7, Some(1_000)), (999, 7, Some(1_000)), (1_000, 7, None), (0, 8, None), (0, 9, None)];
        for (at, ready, until) in cases {
            assert_eq!(gather.holds_back(after(at), ready), until.map(after), "{ready} at {at} µs");
        }
        gather.begun(1);
        assert_eq!(gather.holds_back(start, 1), None);
    }

    #[test]
    fn the_wait_is_bounded_however_long_an_append_took() {
        let start = Instant::now();
        let mut gather = Gather::new(start);
        gather.begun(2);
        for (took, wait) in [(Duration::ZERO, LEAST), (Duration::from_secs(9), MOST)] {
            gather.done(start, took);
            assert_eq!(gather.holds_back(start, 1), Some(start + wait));
        }
    }
}
