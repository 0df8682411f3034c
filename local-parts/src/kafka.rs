//! A private Apache Kafka: one broker in KRaft mode, the real thing, for trying the production log and for tests.
//!
//! Needs Java 17 or newer, and Maven once to fetch the broker (`kafka/install.rs`, the version is in `kafka/pom.xml`).
//! To change a setting of the broker: `kafka/settings.rs`.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;
use tracing::{info, warn};

use crate::claim::{self, Claim};
use crate::guard::Guarded;
use crate::paths;

mod folder;
mod install;
mod launch;
pub(crate) mod settings;

use folder::Folder;
use install::Program;

/// A controlled shutdown writes what is dirty and takes a second or two.
const STOP_PATIENCE: Duration = Duration::from_secs(15);

/// Which broker to start.
#[derive(Debug, Clone)]
pub struct KafkaOptions {
    /// Holds everything: the logs of the topics, the configuration, the broker's own log. Made if it does not exist.
    pub data_dir: PathBuf,
    /// The TCP port on 127.0.0.1 for clients; `None` takes a free one.
    pub port: Option<u16>,
    /// The most memory that Java may use for objects, in MiB.
    pub heap_mib: u32,
    /// Remove the data folder when the broker has stopped, for whatever reason.
    pub remove_at_end: bool,
}

impl KafkaOptions {
    /// A broker on a free port with 512 MiB.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), port: None, heap_mib: 512, remove_at_end: false }
    }

    /// A broker for one test run: a new folder that vanishes at the end.
    ///
    /// # Errors
    /// When the system has no randomness for the folder's name.
    pub fn temporary() -> io::Result<Self> {
        let mut options = Self::new(paths::temporary_folder("segments-kafka")?);
        options.remove_at_end = true;
        Ok(options)
    }
}

/// Why there is no broker.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data folder is in use or cannot be used.
    #[error(transparent)]
    Folder(#[from] claim::Error),
    /// Java is missing or too old.
    #[error(
        "Apache Kafka needs Java 17 or newer, {found}; install one (Debian: apt-get install openjdk-17-jre-headless)"
    )]
    NoJava {
        /// What was found instead.
        found: String,
    },
    /// Maven is missing, and the broker is not in the cache yet.
    #[error("fetching Apache Kafka needs Maven, once; install it (Debian: apt-get install maven)")]
    NoMaven,
    /// A program that prepares the broker failed.
    #[error("{program} failed: {output}")]
    Program {
        /// What was run.
        program: String,
        /// What it said.
        output: String,
    },
    /// The broker ended or does not become ready.
    #[error("Apache Kafka did not start: {reason}; the end of {}:\n{tail}", log.display())]
    NotReady {
        /// What was seen.
        reason: String,
        /// The broker's log.
        log: PathBuf,
        /// Its last lines.
        tail: String,
    },
    /// Something the system refused.
    #[error("{doing}: {source}")]
    Io {
        /// What was tried.
        doing: String,
        /// The system's reason.
        source: io::Error,
    },
}

impl From<io::Error> for Error {
    fn from(source: io::Error) -> Self {
        Self::Io { doing: "preparing Apache Kafka".to_owned(), source }
    }
}

/// A running broker. It stops at [`Kafka::stop`], when dropped, and when this process ends in whatever way.
#[derive(Debug)]
pub struct Kafka {
    program: Program,
    folder: Folder,
    options: KafkaOptions,
    claim: Claim,
    port: u16,
    running: Guarded,
}

impl Kafka {
    /// Starts a broker, or adopts the one that a killed predecessor left running on the same folder, and returns when
    /// it accepts clients.
    ///
    /// # Errors
    /// See [`Error`]; each says what to do about it.
    pub async fn start(mut options: KafkaOptions) -> Result<Self, Error> {
        let program = Program::find(options.heap_mib).await?;
        let claim = Claim::take(&options.data_dir).await?;
        options.data_dir = options.data_dir.canonicalize()?;
        let folder = Folder::open(&options.data_dir)?;
        let (running, port) = match launch::left_running(&program, &folder, &options, &claim).await? {
            Some(adopted) => adopted,
            None => launch::launch(&program, &folder, &options, &claim).await?,
        };
        let kafka = Self { program, folder, options, claim, port, running };
        info!(port, pid = kafka.pid(), "kafka is ready");
        Ok(kafka)
    }

    /// The bootstrap servers for clients: `127.0.0.1:port`.
    pub fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The broker's process id.
    pub fn pid(&self) -> u32 {
        self.running.server.pid()
    }

    /// Whether the broker's process lives.
    pub fn is_running(&mut self) -> bool {
        self.running.server.is_running()
    }

    /// Stops the broker for good, and removes what was temporary.
    pub async fn stop(mut self) {
        if !self.options.remove_at_end {
            self.halt().await;
        }
        self.running.finish().await;
    }

    /// Stops the broker in order; see [`Kafka::restart`].
    pub async fn halt(&mut self) {
        if !self.running.server.end(Signal::TERM, STOP_PATIENCE).await {
            warn!(pid = self.pid(), "kafka did not stop in time and was killed");
        }
    }

    /// Ends the broker without warning (SIGKILL), for fault tests; see [`Kafka::restart`].
    pub async fn kill(&mut self) {
        self.running.server.end(Signal::KILL, STOP_PATIENCE).await;
    }

    /// Starts the broker again on the same port and data; one that still runs is stopped first.
    ///
    /// # Errors
    /// As [`Kafka::start`].
    pub async fn restart(&mut self) -> Result<(), Error> {
        self.halt().await;
        self.options.port = Some(self.port);
        let (running, _) = launch::launch(&self.program, &self.folder, &self.options, &self.claim).await?;
        std::mem::replace(&mut self.running, running).relieve();
        Ok(())
    }
}
