//! The simulation: real writers on the log in memory, a paused clock, and everything that can go wrong drawn from one seed.
//!
//! `world` runs two instances and their misfortunes, `client` asks and remembers the answers, `check` holds the answers
//! against the log. A violation names its seed: `SIMULATION_SEED=<seed> cargo test -p command-service simulation` runs it
//! alone. `SIMULATION_SEEDS=<count>` runs more of them.

mod check;
mod client;
mod world;

use super::config::Sabotage;
use check::Violation;
use world::World;

const SEEDS: u64 = 2000;

/// Seeds that are enough to find each of the faults that are built in on purpose.
const CONTROL_SEEDS: u64 = 3000;

fn run(seed: u64, sabotage: Sabotage) -> Result<check::Tally, Violation> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(World::new(seed, sabotage).live())
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
    let mut tally = check::Tally::default();
    for seed in seeds.clone() {
        match run(seed, Sabotage::None) {
            Ok(counted) => tally.add(&counted),
            Err(violation) => panic!("seed {seed}: {violation:?}"),
        }
    }
    println!("{} seeds: {tally:?}", seeds.end - seeds.start);
    if seeds.end - seeds.start > 100 {
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
