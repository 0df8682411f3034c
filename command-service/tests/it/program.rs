//! The program as it is run: on a real Kafka, told by environment variables, ended by a signal.

use std::{
    fs,
    net::TcpListener,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use shared::log::kafka::{KafkaConfig, KafkaLog};
use tempfile::TempDir;

/// One program with topics of its own.
struct Program {
    config: KafkaConfig,
    folder: TempDir,
    address: String,
    client: reqwest::Client,
}

impl Program {
    /// Without a Kafka there is nothing to test.
    async fn prepare(test: &str) -> Option<Self> {
        let brokers = local_parts::testing::kafka().await?;
        let name = format!("program-{test}-{}", std::process::id());
        let config = KafkaConfig {
            topic: format!("{name}.events"),
            lock_topic: format!("{name}.lock"),
            reference_topic: format!("{name}.reference"),
            environment: name,
            ..KafkaConfig::new(brokers, 3)
        };
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let folder = tempfile::tempdir().expect("a temporary folder");
        Some(Self { config, folder, address: format!("127.0.0.1:{port}"), client: reqwest::Client::new() })
    }

    fn start(&self) -> Child {
        let log = fs::File::options().create(true).append(true).open(self.folder.path().join("log"));
        Command::new(env!("CARGO_BIN_EXE_command-service"))
            .env_clear()
            .env("KAFKA_BROKERS", &self.config.brokers)
            .env("KAFKA_TOPIC", &self.config.topic)
            .env("KAFKA_LOCK_TOPIC", &self.config.lock_topic)
            .env("KAFKA_REFERENCE_TOPIC", &self.config.reference_topic)
            .env("KAFKA_ENVIRONMENT", &self.config.environment)
            .env("KAFKA_PARTITIONS", self.config.partitions.to_string())
            .env("LISTEN", &self.address)
            .env("DATA_DIR", self.folder.path())
            .env("DEV_ISSUER", self.folder.path())
            .stdout(Stdio::null())
            .stderr(log.expect("a log file"))
            .spawn()
            .expect("the program starts")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    async fn is_ready(&self) -> bool {
        let answer = self.client.get(format!("http://{}/health/ready", self.address)).send().await;
        answer.is_ok_and(|answer| answer.status() == 200)
    }

    async fn wait_until_ready(&self) {
        let start = Instant::now();
        while !self.is_ready().await {
            assert!(start.elapsed() < Duration::from_secs(60), "not ready in time: {}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Puts a segment, and tells the status.
    async fn put(&self, id: &str) -> u16 {
        let form = [("grant_type", "client_credentials"), ("client_id", "dev"), ("client_secret", "dev")];
        let address = &self.address;
        let token = self.client.post(format!("http://{address}/oauth/token")).form(&form).send().await;
        let token: Value = token.expect("an answer").json().await.expect("JSON");
        let answer = self
            .client
            .put(format!("http://{address}/customer-segment/acme/segments/{id}"))
            .bearer_auth(token["access_token"].as_str().expect("a token"))
            .json(&json!({"name": {"en": "Gold"}, "siteCode": "main"}))
            .send()
            .await;
        answer.expect("an answer").status().as_u16()
    }
}

/// Asks a program to end, and tells how it did.
fn terminate(mut program: Child) -> ExitStatus {
    let sent = Command::new("kill").arg("-TERM").arg(program.id().to_string()).status();
    assert!(sent.is_ok_and(|status| status.success()));
    program.wait().expect("the program ends")
}

#[tokio::test]
async fn without_its_topics_the_program_ends_and_says_what_to_create() {
    let Some(program) = Program::prepare("missing").await else { return };
    let end = program.start().wait().expect("the program ends");
    assert!(!end.success());
    assert!(program.log().contains(&format!("topic {} does not exist; create it with", program.config.topic)));
}

#[tokio::test]
async fn the_program_serves_ends_at_a_signal_and_goes_on_where_it_was() {
    let Some(program) = Program::prepare("serves").await else { return };
    KafkaLog::create_topics(&program.config, 1).await.expect("topics");

    let first = program.start();
    program.wait_until_ready().await;
    assert_eq!(program.put("g1").await, 201);
    assert!(terminate(first).success(), "{}", program.log());

    // Nobody has to miss the first one: it has left the group that shares the partitions out.
    let restarted = Instant::now();
    let second = program.start();
    program.wait_until_ready().await;
    assert!(restarted.elapsed() < Duration::from_secs(6), "{:?}: {}", restarted.elapsed(), program.log());
    assert_eq!(program.put("g1").await, 204, "it remembers");
    assert!(terminate(second).success(), "{}", program.log());
}
