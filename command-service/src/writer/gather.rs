//! When a round is full enough to go.
//!
//! Callers that were answered by one round ask again a moment later. A round that goes at once therefore holds those that
//! happened to wait, and the next one the others: many small rounds at the price of a large one each. So a round waits until
//! nearly as many commands are there as are known to come, but no longer than a part of the time that an append takes. Those are
//! as many as the last round held and, as long as that proves true, those that waited meanwhile: else the callers would stay
//! divided into two halves that take turns.

use std::time::Duration;

use tokio::time::Instant;

use super::linger::FEW;

/// The part of an append's duration that a round may wait, and what bounds it.
const SHARE: f64 = 0.5;
const LEAST: Duration = Duration::from_micros(500);
const MOST: Duration = Duration::from_millis(20);

/// One in so many is not waited for: it may have gone, or been slow.
const FEW_MAY_LACK: usize = 32;

/// After a round for which not all have come in time, so many follow that do not wait for all; and at most so many.
const REST_LEAST: u32 = 2;
const REST_MOST: u32 = 64;

/// See the module.
#[derive(Debug)]
pub(super) struct Gather {
    /// Commands of the last round.
    last: usize,
    /// The same, and those that waited when its append was done.
    all: usize,
    /// Rounds to go before all are waited for again.
    rest: u32,
    /// The last such number.
    rested: u32,
    /// How long the next round may wait for callers, and until when.
    wait: Duration,
    until: Instant,
    /// When the round goes that is held back now.
    due: Option<Instant>,
}

impl Gather {
    pub(super) fn new(now: Instant) -> Self {
        Self { last: 0, all: 0, rest: 0, rested: 0, wait: Duration::ZERO, until: now, due: None }
    }

    /// A round with so many commands has begun.
    pub(super) fn begun(&mut self, commands: usize) {
        if self.waits_for_all() {
            let have_come = nearly(self.all) <= commands;
            self.rested = if have_come { 0 } else { (self.rested * 2).clamp(REST_LEAST, REST_MOST) };
            self.rest = self.rested;
        } else {
            self.rest = self.rest.saturating_sub(1);
        }
        (self.last, self.all) = (commands, commands);
    }

    /// Whether the last round held so few commands that their callers wait for threads to wake up as much as for the log.
    pub(super) fn has_few_callers(&self) -> bool {
        self.last <= FEW
    }

    /// The append of the round is done; it took so long, and so many commands wait for the next one.
    pub(super) fn done(&mut self, now: Instant, took: Duration, waiting: usize) {
        self.wait = took.mul_f64(SHARE).clamp(LEAST, MOST);
        self.until = now + self.wait;
        self.all = self.last + waiting;
    }

    /// Commands of the round were answered: their callers have to hear of it before they can ask again.
    pub(super) fn answered(&mut self, now: Instant) {
        self.until = now + self.wait;
    }

    /// Whether a round that would hold so many commands has to wait. A round without any is none of ours.
    pub(super) fn holds_back(&mut self, now: Instant, ready: usize) -> bool {
        let enough = nearly(if self.waits_for_all() { self.all } else { self.last });
        self.due = (0 < ready && ready < enough && now < self.until).then_some(self.until);
        self.due.is_some()
    }

    fn waits_for_all(&self) -> bool {
        self.rest == 0 && self.last < self.all && !self.has_few_callers()
    }

    /// When the round that is held back goes at the latest.
    pub(super) fn timer(&self) -> Option<Instant> {
        self.due
    }
}

fn nearly(commands: usize) -> usize {
    commands - commands / FEW_MAY_LACK
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
        gather.done(start, Duration::from_millis(2), 0);
        let cases = [(0, 30, true), (999, 30, true), (1_000, 30, false), (0, 31, false), (0, 32, false), (0, 0, false)];
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
            gather.done(start, took, 0);
            assert_eq!(held(&mut gather, start, 1), Some(start + wait));
        }
    }

    #[test]
    fn a_round_waits_for_those_too_that_came_while_the_last_one_was_under_way() {
        let start = Instant::now();
        let mut gather = Gather::new(start);
        gather.begun(32);
        gather.done(start, Duration::from_millis(2), 32);
        assert!(gather.holds_back(start, 32), "half of all");
        assert!(!gather.holds_back(start, 62), "nearly all");
        gather.begun(62);
        gather.done(start, Duration::from_millis(2), 2);
        assert!(gather.holds_back(start, 61));
        assert!(!gather.holds_back(start, 62));
    }

    #[test]
    fn if_not_all_come_in_time_the_next_rounds_go_with_as_many_as_the_last_and_ever_more_of_them() {
        let start = Instant::now();
        let mut gather = Gather::new(start);
        let mut waits = |rounds: u32| -> Vec<bool> {
            let each = (0..rounds).map(|_| {
                gather.begun(32);
                gather.done(start, Duration::from_millis(2), 32);
                gather.holds_back(start, 32)
            });
            each.collect()
        };
        assert_eq!(waits(9), [true, false, false, true, false, false, false, false, true]);
        let waited = waits(10_000).into_iter().filter(|waits| *waits).count();
        assert!((10_000 / 65..10_000 / 65 + 9).contains(&waited), "{waited}");
    }

    #[test]
    fn the_wait_begins_anew_when_answers_go_out() {
        let start = Instant::now();
        let mut gather = Gather::new(start);
        gather.begun(32);
        gather.done(start, Duration::from_millis(2), 0);
        let read_back = start + Duration::from_millis(3);
        assert!(!gather.holds_back(read_back, 1));
        gather.answered(read_back);
        assert_eq!(held(&mut gather, read_back, 1), Some(read_back + Duration::from_millis(1)));
    }

    #[test]
    fn of_few_callers_none_waits_for_the_others() {
        let start = Instant::now();
        let mut gather = Gather::new(start);
        gather.begun(2);
        gather.done(start, Duration::from_millis(2), 2);
        assert!(!gather.holds_back(start, 2));
    }
}
