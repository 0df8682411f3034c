//! `segments up`: everything in one process.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use local_parts::{KAFKA_BROKERS, Part, testing};
use rustix::process::Signal;

use super::{Stack, binary};
use crate::{
    process::{Process, data_folder},
    tokens,
};

/// How `segments up` is started.
#[derive(Debug, Clone)]
pub struct UpOptions {
    name: &'static str,
    data: PathBuf,
    /// None: the program brings a server of its own.
    database_url: Option<String>,
    more: Vec<String>,
}

impl UpOptions {
    /// As a newcomer starts it, on a fresh folder and database.
    pub async fn plain(name: &'static str) -> Self {
        let database_url = Some(testing::database().await.url().to_owned());
        Self { database_url, ..Self::alone(name) }
    }

    /// As a newcomer starts it, on a fresh folder.
    pub fn alone(name: &'static str) -> Self {
        Self { name, data: data_folder(), database_url: None, more: Vec::new() }
    }

    /// It trusts the tokens that tests make.
    #[must_use]
    pub fn with_tokens_of_tests(mut self) -> Self {
        let keys = tokens::write_key_set(&self.data);
        self.more.extend(["--jwks-file".to_owned(), keys.display().to_string()]);
        self
    }

    /// On a real Kafka: the one of `KAFKA_BROKERS`, or one of its own.
    #[must_use]
    pub fn on_kafka(mut self) -> Self {
        let brokers = Part::given(KAFKA_BROKERS).map_or("local".to_owned(), |given| given.address().to_owned());
        self.more.extend(["--kafka".to_owned(), brokers]);
        self
    }

    /// The database of its views, unless it brings its own.
    pub fn database_url(&self) -> &str {
        self.database_url.as_deref().expect("a database was given")
    }

    /// The folder of its data.
    pub fn data(&self) -> &Path {
        &self.data
    }
}

/// A running `segments up`. Dropping it stops it; its data stays until the test process ends, for a next start.
#[derive(Debug)]
pub struct SegmentsUp {
    /// Where it answers.
    pub origin: String,
    process: Process,
}

impl SegmentsUp {
    /// Starts it and waits until it is ready. `rubbish` is removed when it has stopped.
    pub async fn start(options: &UpOptions, rubbish: &[&Path]) -> Self {
        let mut command = Command::new(binary("segments"));
        command.arg("up").arg("--data-dir").arg(&options.data).args(["--listen", "127.0.0.1:0"]);
        command.args(options.database_url.iter().flat_map(|url| ["--database-url", url])).args(&options.more);
        // What a shell around us has set for a service must not reach this one.
        for variable in ["LISTEN", "DATABASE_URL", "KAFKA_BROKERS", "JWKS_FILE", "JWKS_URL", "DEV_ISSUER", "DATA_DIR"] {
            command.env_remove(variable);
        }
        let mut process = Process::start(options.name, command, rubbish);
        let origin = process.line("ready ").await;
        process.ready(&origin).await;
        Self { origin, process }
    }

    /// The number of its process.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }
}

pub(super) async fn stack(options: UpOptions) -> Stack {
    let up = SegmentsUp::start(&options, &[&options.data]).await;
    Stack { services: [up.origin.clone(), up.origin.clone()], origin: up.origin, _processes: vec![up.process] }
}
