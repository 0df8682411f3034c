//! Creates on Apache Kafka, and the rounds of one producer alone. With everything in one process, views and all, and with the
//! command service alone, as it is where views have machines of their own.

use local_parts::{Kafka, KafkaOptions};
use shared::log::kafka::{KafkaConfig, KafkaLog};

use super::creating::{Compared, compare, compare_writing};
use crate::{
    Plan,
    history::PARTITIONS,
    report::{Aim, Report},
    stack::{Stack, new_folder},
};

const SECTION: &str = "kafka";

/// See the module.
pub async fn measure(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let folder = new_folder(plan)?;
    let kafka = Kafka::start(KafkaOptions::new(folder.path().join("broker"))).await?;
    let stack = Stack::start(plan, folder.path(), &["--kafka", &kafka.brokers()]).await?;
    let mut config = KafkaConfig::new(kafka.brokers(), PARTITIONS);
    (config.topic, config.lock_topic) = ("bench.floor".to_owned(), "bench.floor.lock".to_owned());
    KafkaLog::create_topics(&config, 1).await?;
    let log = KafkaLog::connect(config).await?;
    let Compared { one, many, behind, raw_one, raw_many } = compare(&stack, &log, true, plan.times).await?;
    let first = stack.next_number();
    stack.stop().await?;
    let writing = Stack::start_writing(plan, &folder.path().join("writing"), &kafka.brokers(), first).await?;
    let (alone, raw_again) = compare_writing(&writing, &log, plan.times).await?;
    writing.stop().await?;
    drop(log);
    kafka.stop().await;

    report.add_loop(SECTION, "create, 64 connections", &many, Some(Aim::AtLeast(4_000.0)));
    let visible = behind.visible_after.as_secs_f64() * 1e3;
    report.add(SECTION, "  meanwhile, a write visible after (longest)", visible, "ms");
    report.add_loop(SECTION, "floor: rounds of 64 records, read back", &raw_many, None);
    let ratio = many.per_second() / raw_many.per_second();
    report.aimed(SECTION, "create at 64 / floor: rate", ratio, "x", Aim::AtLeast(0.5));
    report.add_loop(SECTION, "create, 64 connections, command service alone", &alone, None);
    let ratio = alone.per_second() / raw_again.per_second();
    report.aimed(SECTION, "command service alone at 64 / floor: rate", ratio, "x", Aim::AtLeast(0.5));
    report.add_loop(SECTION, "create, 1 connection", &one, None);
    report.add_loop(SECTION, "floor: rounds of one record, read back", &raw_one, None);
    let ratio = one.millis(0.5) / raw_one.millis(0.5);
    report.aimed(SECTION, "create at 1 / floor: p50", ratio, "x", Aim::AtMost(1.5));
    Ok(())
}
