//! What can be broken on Kafka: the command service, the broker, one of two command services.

use std::time::Duration;

use rand::Rng as _;
use rustix::process::Signal;
use tokio::time::sleep;

use crate::{check, ledger, load::Load, parts::KafkaStack, report, stage::Stage, views::Reader};

/// How long everything runs between two faults.
const LIFE_MILLIS: std::ops::Range<u64> = 200..2500;
/// How long one of two is stopped.
const STOPPED_FOR: Duration = Duration::from_secs(20);
const SERVED_WITHIN: Duration = Duration::from_secs(90);

/// SIGKILL of the only command service.
pub async fn kill_command(stage: &Stage) -> anyhow::Result<()> {
    let mut stack = KafkaStack::start(stage, 1).await?;
    let load = Load::start(stage, &stack.origins())?;
    let mut recoveries = Vec::new();
    for _ in 0..stage.rounds {
        live().await;
        stack.commands[0].kill().await?;
        let at = load.pulse().now();
        stack.commands[0].start().await?;
        recoveries.push(load.pulse().all_served_since(at, SERVED_WITHIN).await?);
    }
    finish("kill-command", stage, stack, load, &recoveries).await
}

/// SIGKILL of the broker.
pub async fn kill_broker(stage: &Stage) -> anyhow::Result<()> {
    let mut stack = KafkaStack::start(stage, 1).await?;
    let load = Load::start(stage, &stack.origins())?;
    let mut recoveries = Vec::new();
    for _ in 0..stage.rounds {
        live().await;
        stack.kafka.kill().await;
        let at = load.pulse().now();
        stack.kafka.restart().await?;
        recoveries.push(load.pulse().all_served_since(at, SERVED_WITHIN).await?);
    }
    finish("kill-broker", stage, stack, load, &recoveries).await
}

/// Two command services share the partitions; they are stopped and continued in turn. The other must take over while one is
/// stopped, and the one that comes back must not answer for what it has lost.
pub async fn stop_owner(stage: &Stage) -> anyhow::Result<()> {
    let stack = KafkaStack::start(stage, 2).await?;
    let load = Load::start(stage, &stack.origins())?;
    let mut recoveries = Vec::new();
    for round in 0..stage.rounds {
        live().await;
        let stopped = &stack.commands[round as usize % 2];
        stopped.signal(Signal::STOP)?;
        let at = load.pulse().now();
        // By the other one, since this one does nothing.
        let taken_over = load.pulse().all_served_since(at, STOPPED_FOR).await?;
        recoveries.push(taken_over);
        sleep(STOPPED_FOR.saturating_sub(taken_over)).await;
        let continued = load.pulse().now();
        stopped.signal(Signal::CONT)?;
        load.pulse().all_served_since(continued, SERVED_WITHIN).await?;
        sleep(Duration::from_secs(8)).await;
    }
    finish("stop-owner", stage, stack, load, &recoveries).await
}

async fn live() {
    let life = rand::rng().random_range(LIFE_MILLIS);
    sleep(Duration::from_millis(life)).await;
}

async fn finish(
    name: &str,
    stage: &Stage,
    stack: KafkaStack,
    load: Load,
    recoveries: &[Duration],
) -> anyhow::Result<()> {
    let attempts = load.finish().await?;
    let records = ledger::of_kafka(stack.kafka.brokers()).await?;
    let findings = check::check(&attempts, &records)?;
    let tokens = stage.issuer.tokens().borrow().clone();
    let compared = Reader::new(stack.queries.origin(), tokens)?.compare(&findings).await?;
    stack.stop().await?;
    report::print(name, &findings, compared, recoveries);
    Ok(())
}
