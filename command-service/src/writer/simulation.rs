//! The simulation: real writers on the log in memory, a paused clock, and everything that can go wrong drawn from one seed.
//!
//! `world` runs two instances and their misfortunes, `client` asks and remembers the answers, `check` holds the answers
//! against the log. A violation names its seed: `SIMULATION_SEED=<seed> cargo test -p command-service simulation` runs it
//! alone. `SIMULATION_SEEDS=<count>` runs more of them.

mod check;
mod client;
mod world;

use std::{
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use super::config::Sabotage;
use check::{Tally, Violation};
use world::World;

const SEEDS: u64 = 2000;

/// Seeds that are enough to find each of the faults that are built in on purpose.
const CONTROL_SEEDS: u64 = 3000;

fn run(seed: u64, sabotage: Sabotage) -> Result<Tally, Violation> {
    let _told = scopeguard::guard_on_unwind(seed, |seed| eprintln!("seed {seed} panicked"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(World::new(seed, sabotage).live())
}

/// Runs seeds on all cores, each in its own world; all that happened, or a seed that went wrong, which ends it.
fn run_all(seeds: Range<u64>) -> Result<Tally, (u64, Violation)> {
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mut tally = Tally::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return Ok(tally);
            }
            match run(seed, Sabotage::None) {
                Ok(counted) => tally.add(&counted),
                Err(violation) => {
                    next.store(seeds.end, Ordering::Relaxed);
                    return Err((seed, violation));
                }
            }
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let mut tally = Tally::default();
        for worker in workers {
            tally.add(&worker.join().expect("no seed panics")?);
        }
        Ok(tally)
    })
}

#[expect(clippy::disallowed_methods, reason = "the knobs of this test")]
fn knob(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn no_seed_violates_an_invariant_or_linearizability() {
    let seeds = match knob("SIMULATION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..knob("SIMULATION_SEEDS").unwrap_or(SEEDS),
    };
    let count = seeds.end - seeds.start;
    let tally = run_all(seeds).unwrap_or_else(|(seed, violation)| panic!("seed {seed}: {violation:?}"));
    println!("{count} seeds: {tally:?}");
    if count > 100 {
        tally.assert_everything_happened();
    }
}

#[test]
fn acknowledging_on_append_is_found() {
    assert_found(Sabotage::AcknowledgeOnAppend);
}

#[test]
fn taking_an_ignored_announcement_as_barrier_is_found() {
    assert_found(Sabotage::IgnoredAnnouncementAsBarrier);
}

#[test]
fn not_confirming_negative_answers_is_found() {
    assert_found(Sabotage::NoConfirm);
}

fn assert_found(sabotage: Sabotage) {
    let found = (0..CONTROL_SEEDS).find_map(|seed| run(seed, sabotage).err().map(|violation| (seed, violation)));
    let (seed, violation) = found.expect("the simulation must notice this");
    println!("{sabotage:?} was found at seed {seed}: {violation:?}");
}
