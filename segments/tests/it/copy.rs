//! `segments log copy`: an embedded log into a real Kafka, and back.

use local_parts::testing;
use shared::log::kafka::{KafkaConfig, KafkaLog};

use crate::program::{Folder, Told, run};

/// Topics that a test has for itself.
struct Topics {
    brokers: String,
    arguments: Vec<String>,
}

impl Topics {
    /// None where there is no Kafka and none is required.
    async fn create() -> Option<Self> {
        let brokers = testing::kafka().await?;
        let environment = format!("copy-{}", &uuid::Uuid::now_v7().simple().to_string()[20..]);
        let mut config = KafkaConfig::new(&brokers, 6);
        config.topic = format!("{environment}.events");
        config.lock_topic = format!("{environment}.locks");
        config.reference_topic = format!("{environment}.reference");
        KafkaLog::create_topics(&config, 1).await.expect("topics");
        let arguments = [
            ("--kafka-topic", config.topic),
            ("--kafka-lock-topic", config.lock_topic),
            ("--kafka-reference-topic", config.reference_topic),
            ("--kafka-environment", environment),
        ];
        let arguments = arguments.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect();
        Some(Self { brokers, arguments })
    }

    fn run(&self, arguments: &[&str]) -> Told {
        let topics: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        run(&[arguments, &topics, &["--output", "json"]].concat())
    }

    /// Runs a command on the log in Kafka.
    fn log(&self, command: &str, arguments: &[&str]) -> Told {
        self.run(&[&[command, "--kafka", &self.brokers], arguments].concat())
    }
}

fn chains(told: &Told) -> Vec<serde_json::Value> {
    assert_eq!(told.code, Some(0), "{told:?}");
    told.json()["partitions"].as_array().expect("partitions").iter().map(|part| part["chain"].clone()).collect()
}

fn sorted(told: &Told) -> Vec<String> {
    let mut lines: Vec<_> = told.out.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_the_same_in_kafka_and_back_in_a_file() {
    let Some(topics) = Topics::create().await else { return };
    let (folder, back) = (Folder::written().await, Folder::empty());
    let there = topics.run(&["copy", "--data-dir", folder.text(), "--to-kafka", &topics.brokers]);
    assert_eq!(there.code, Some(0), "{there:?}");
    let told = there.json();
    assert_eq!((&told["records"], &told["stops"], &told["reference"]), (&15.into(), &6.into(), &2.into()));
    let here = topics.log("copy", &["--to-data-dir", back.text()]);
    assert_eq!(here.code, Some(0), "{here:?}");
    assert_eq!((&here.json()["records"], &here.json()["stops"]), (&21.into(), &0.into()), "the writers were stopped");

    let expected = chains(&folder.log("verify", &["--output", "json"]));
    assert_eq!(chains(&topics.log("verify", &[])), expected);
    assert_eq!(chains(&back.log("verify", &["--output", "json"])), expected);
    let events = sorted(&folder.log("export", &[]));
    assert_eq!(sorted(&topics.log("export", &[])), events);
    assert_eq!(sorted(&back.log("export", &[])), events);
    let again =
        |target: &Told| assert_eq!((target.code, target.err.contains("is not empty")), (Some(2), true), "{target:?}");
    again(&topics.run(&["copy", "--data-dir", folder.text(), "--to-kafka", &topics.brokers]));
    again(&topics.log("copy", &["--to-data-dir", back.text()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_of_a_segment_in_kafka_may_be_an_offset_but_not_one_of_a_tenant() {
    let Some(topics) = Topics::create().await else { return };
    let folder = Folder::written().await;
    let there = topics.run(&["copy", "--data-dir", folder.text(), "--to-kafka", &topics.brokers]);
    assert_eq!(there.code, Some(0), "{there:?}");
    let state = topics.log("state", &["--segment", "a", "--at", "1000"]);
    assert_eq!((state.code, &state.json()["version"]), (Some(0), &3.into()), "{state:?}");
    let refused = topics.log("diff", &["--at", "1", "--at", "2"]);
    assert!(refused.code == Some(2) && refused.err.contains("one partition"), "{refused:?}");
}

#[tokio::test]
async fn a_copy_needs_a_target_of_the_other_kind() {
    let folder = Folder::written().await;
    for arguments in [vec![], vec!["--to-data-dir", "x"], vec!["--kafka", "b", "--to-kafka", "b"]] {
        assert_eq!(folder.log("copy", &arguments).code, Some(2), "{arguments:?}");
    }
}
