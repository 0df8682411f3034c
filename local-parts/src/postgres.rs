//! A private PostgreSQL server, for the views.
//!
//! [`Postgres::start`] brings PostgreSQL 17 if the cache has none (`postgres/install.rs`), makes a database cluster in
//! the data folder if there is none (`postgres/cluster.rs`), and starts the server on 127.0.0.1 and on a Unix socket of
//! its own (`postgres/socket.rs`), with a random password.
//! To change a setting of the server: `postgres/settings.rs`.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use tracing::{info, warn};

use crate::account::Account;
use crate::claim::{self, Claim};
use crate::guard::Guarded;
use crate::paths;

mod adopt;
mod cluster;
mod install;
mod launch;
mod place;
mod priority;
mod settings;
mod socket;

use cluster::Cluster;

pub use priority::give_way;

/// A fast shutdown writes what is dirty; on a slow disk that takes a while.
const STOP_PATIENCE: Duration = Duration::from_secs(15);

/// Which server to start.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// Holds everything: the cluster, the password, the server's log. Made if it does not exist.
    pub data_dir: PathBuf,
    /// The TCP port on 127.0.0.1; `None` takes a free one.
    pub port: Option<u16>,
    /// `false` never waits for the disk: for tests and benchmarks, whose data may be lost with the machine.
    pub durable: bool,
    /// Remove the data folder when the server has stopped, for whatever reason.
    pub remove_at_end: bool,
}

impl PostgresOptions {
    /// A durable server on a free port.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), port: None, durable: true, remove_at_end: false }
    }

    /// A server for one test run: a new folder that vanishes at the end, and no waiting for the disk.
    ///
    /// # Errors
    /// When the system has no randomness for the folder's name.
    pub fn temporary() -> io::Result<Self> {
        let data_dir = paths::temporary_folder("segments-postgres")?;
        Ok(Self { data_dir, port: None, durable: false, remove_at_end: true })
    }
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data folder is in use or cannot be used.
    #[error(transparent)]
    Folder(#[from] claim::Error),
    /// Neither the private server nor an installed one.
    #[error(
        "no PostgreSQL: version 17 could not be brought ({reason}), and no version from {oldest} on is installed; \
         install one (Debian: apt-get install postgresql) or set DATABASE_URL"
    )]
    NoServer {
        /// Why the private one could not be had.
        reason: String,
        /// The oldest major version that is good enough.
        oldest: u32,
    },
    /// A cluster can be opened by its own major version only.
    #[error(
        "the database in {} was made by PostgreSQL {made_by}, but only PostgreSQL {found} is here; \
         bring {made_by}, or remove the folder: the views are rebuilt from the event log",
        folder.display()
    )]
    OtherVersion {
        /// The cluster's folder.
        folder: PathBuf,
        /// The major version that made it.
        made_by: u32,
        /// The major version found.
        found: u32,
    },
    /// One of the server's programs failed.
    #[error("{program} failed: {output}")]
    Program {
        /// What was run.
        program: String,
        /// What it said.
        output: String,
    },
    /// The server ended or does not become ready.
    #[error("PostgreSQL did not start: {reason}; the end of {}:\n{tail}", log.display())]
    NotReady {
        /// What was seen.
        reason: String,
        /// The server's log.
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
        Self::Io { doing: "preparing PostgreSQL".to_owned(), source }
    }
}

/// A running server. It stops at [`Postgres::stop`], when dropped, and when this process ends in whatever way.
#[derive(Debug)]
pub struct Postgres {
    cluster: Cluster,
    options: PostgresOptions,
    claim: Claim,
    port: u16,
    running: Guarded,
}

impl Postgres {
    /// Starts a server, or adopts the one that a killed predecessor left running on the same folder, and returns when
    /// it accepts connections.
    ///
    /// # Errors
    /// See [`Error`]; each says what to do about it.
    pub async fn start(mut options: PostgresOptions) -> Result<Self, Error> {
        let claim = Claim::take(&options.data_dir).await?;
        options.data_dir = options.data_dir.canonicalize()?;
        let account = Account::for_servers()?;
        let place = place::find(&options.data_dir, account)?;
        // A cluster belongs to whoever made it, perhaps before there was an account `postgres`.
        let account = account.map(|account| Account::owning(&cluster::data(&place)).unwrap_or(account));
        let binaries = install::find(account, cluster::version(&place)).await?;
        let cluster = Cluster::open(place, binaries, account, &options).await?;
        let (running, port) = match adopt::left_running(&cluster, &options, &claim).await? {
            Some(adopted) => adopted,
            None => launch::launch(&cluster, &options, &claim).await?,
        };
        let postgres = Self { cluster, options, claim, port, running };
        info!(port, pid = postgres.pid(), version = postgres.version(), "postgres is ready");
        Ok(postgres)
    }

    /// The [`url`](Self::url) of the server that another process runs on this data folder; none when none is ready.
    pub fn url_of_running(data_dir: &Path) -> Option<String> {
        let data_dir = data_dir.canonicalize().ok()?;
        let (place, port) =
            place::known(&data_dir).find_map(|place| adopt::ready_port(&place).map(|port| (place, port)))?;
        cluster::url_of(&data_dir, &place, port)
    }

    /// `postgres://…`: user, password, address and database (`segments`, empty at first).
    pub fn url(&self) -> String {
        self.cluster.url(self.port)
    }

    /// The postmaster's process id.
    pub fn pid(&self) -> u32 {
        self.running.server.pid()
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's major version.
    pub fn version(&self) -> u32 {
        self.cluster.version()
    }

    /// Whether the server's process lives.
    pub fn is_running(&mut self) -> bool {
        self.running.server.is_running()
    }

    /// Stops the server for good, and removes what was temporary.
    pub async fn stop(mut self) {
        if !self.options.remove_at_end {
            self.halt().await;
        }
        self.running.finish().await;
    }

    /// Stops the server (fast shutdown: open transactions are rolled back, the rest is written); see
    /// [`Postgres::restart`].
    pub async fn halt(&mut self) {
        if !self.running.server.end(Signal::INT, STOP_PATIENCE).await {
            warn!(pid = self.pid(), "postgres did not stop in time and was killed");
        }
    }

    /// Ends the server without warning (SIGKILL), for fault tests; see [`Postgres::restart`].
    pub async fn kill(&mut self) {
        self.running.server.end(Signal::KILL, STOP_PATIENCE).await;
    }

    /// Starts the server again on the same port and data; one that still runs is stopped first.
    ///
    /// # Errors
    /// As [`Postgres::start`].
    pub async fn restart(&mut self) -> Result<(), Error> {
        self.halt().await;
        self.options.port = Some(self.port);
        let (running, _) = launch::launch(&self.cluster, &self.options, &self.claim).await?;
        std::mem::replace(&mut self.running, running).relieve();
        Ok(())
    }
}
