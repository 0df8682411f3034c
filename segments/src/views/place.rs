//! Where the views are, and the logs that they are made from.

use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use local_parts::Postgres;
use query_service::views::Database;

use crate::{log::source::SourceArgs, up::local};

/// How long a command waits for a connection. A read is refused soon, for others wait behind it; nobody waits behind a command, and a
/// database that is loading views under load may take seconds to let one more in.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which views.
#[derive(Debug, Clone, Args)]
pub struct PlaceArgs {
    /// The log that they are made from.
    #[command(flatten)]
    pub source: SourceArgs,
    /// The PostgreSQL of the views (`postgres://user:password@host:port/name`); otherwise the private one that `segments up` runs
    /// on the data folder.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
}

impl PlaceArgs {
    /// The database of the views.
    ///
    /// # Errors
    /// When none is named, and none runs on the data folder.
    pub fn database(&self) -> anyhow::Result<Database> {
        if let Some(url) = &self.database_url {
            return Ok(patiently(url));
        }
        let data_dir = &self.source.data_dir;
        let folder = if self.source.kafka.is_some() { local::kafka_folder(data_dir) } else { local::folder(data_dir) };
        let url = Postgres::url_of_running(&folder.join(local::POSTGRES)).with_context(|| {
            format!(
                "no PostgreSQL runs on {}: start `segments up` there, or name the database (--database-url)",
                data_dir.display()
            )
        })?;
        Ok(patiently(&url))
    }
}

fn patiently(url: &str) -> Database {
    Database { acquire_timeout: PATIENCE, ..Database::at(url) }
}
