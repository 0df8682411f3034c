//! The settings of the command service: arguments, or environment variables of the same meaning.

use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};
use shared::config::{AuthArgs, KafkaArgs, ListenArgs, LogArgs};

use crate::{http, writer};

/// Decides the writes of the segments API and appends what happened to the event log.
#[derive(Debug, Parser)]
#[command(name = "command-service", version)]
pub struct Config {
    /// Where to listen.
    #[command(flatten)]
    pub listen: ListenArgs,
    /// Where the log is.
    #[command(flatten)]
    pub kafka: KafkaArgs,
    /// Whose tokens are trusted.
    #[command(flatten)]
    pub auth: AuthArgs,
    /// What the API does where it may do one thing or another.
    #[command(flatten)]
    pub api: ApiArgs,
    /// What is logged.
    #[command(flatten)]
    pub log: LogArgs,
    /// A name of this instance that stays the same when it starts again, such as that of its pod. No two may share one.
    /// Without it one is made up and kept in the data folder.
    #[arg(long, env = "INSTANCE")]
    pub instance: Option<String>,
    /// The data folder.
    #[arg(long, env = "DATA_DIR", default_value = ".segments")]
    pub data_dir: PathBuf,
    /// How answers that wrote nothing are confirmed.
    #[arg(long, env = "CONFIRM", value_enum, default_value_t)]
    pub confirm: Confirm,
}

/// What the API does where it may do one thing or another.
#[derive(Debug, Clone, Args)]
pub struct ApiArgs {
    /// The `index` of the first result of a bulk.
    #[arg(long, env = "BULK_INDEX_BASE", default_value_t = 1, value_parser = clap::value_parser!(u64).range(0..=1))]
    pub bulk_index_base: u64,
    /// The language of plain texts in requests that do not name one.
    #[arg(long, env = "DEFAULT_LANGUAGE", default_value = "en")]
    pub default_language: String,
}

impl ApiArgs {
    /// For [`crate::service::start`].
    pub fn settings(&self) -> http::Settings {
        http::Settings {
            index_base: self.bulk_index_base,
            default_language: self.default_language.clone(),
            ..http::Settings::default()
        }
    }
}

/// How answers that wrote nothing are confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Confirm {
    /// Nobody has appended anything since the decision.
    #[default]
    EndOffset,
    /// A new announcement, always.
    Strict,
}

impl From<Confirm> for writer::Confirm {
    fn from(confirm: Confirm) -> Self {
        match confirm {
            Confirm::EndOffset => Self::EndOffset,
            Confirm::Strict => Self::Strict,
        }
    }
}
