//! The arguments of `segments up`.

use std::{convert::Infallible, net::SocketAddr, path::PathBuf, str::FromStr};

use clap::Args;
use query_service::config::{EventArgs, MatchArgs, StateArgs};
use shared::{config::AuthArgs, telemetry::LogFormat};

/// How to start everything on this machine.
#[derive(Debug, Args)]
pub struct UpArgs {
    /// Where everything is kept.
    #[arg(long, env = "DATA_DIR", default_value = ".segments")]
    pub data_dir: PathBuf,
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Fill the tenant `acme` with a sample through the API, once, and print what can be tried on it.
    #[arg(long, conflicts_with_all = ["jwks_url", "jwks_file"])]
    pub sample: bool,
    /// A PostgreSQL to use for the views (`postgres://user:password@host:port/name`) instead of a private one. It must
    /// belong to this log alone.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// Keep the log in Apache Kafka: addresses of brokers, or `local` to start one on this machine (needs Java 17 and
    /// Maven).
    #[arg(long, value_name = "BROKERS|local")]
    pub kafka: Option<KafkaChoice>,
    /// How segments are now, as a topic of that Kafka.
    #[command(flatten)]
    pub state: StateArgs,
    /// Address of the JSON Web Key Set of a trusted issuer, instead of the development issuer.
    #[arg(long, env = "JWKS_URL", conflicts_with = "jwks_file")]
    pub jwks_url: Option<String>,
    /// File with the JSON Web Key Set of a trusted issuer, instead of the development issuer.
    #[arg(long, env = "JWKS_FILE")]
    pub jwks_file: Option<PathBuf>,
    /// Who answers matches.
    #[command(flatten)]
    pub matching: MatchArgs,
    /// How many streams of events.
    #[command(flatten)]
    pub events: EventArgs,
    /// What to log to standard error, such as `info` or `warn,shared::http=debug`.
    #[arg(long, env = "RUST_LOG", default_value = "warn")]
    pub log: String,
    /// How log lines look.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
}

/// Which Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KafkaChoice {
    /// One that is started here.
    Local,
    /// One that is there: its brokers.
    Brokers(String),
}

impl FromStr for KafkaChoice {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if text == "local" { Self::Local } else { Self::Brokers(text.to_owned()) })
    }
}

impl UpArgs {
    /// Whose tokens are trusted: those of the development issuer unless told otherwise.
    pub fn auth(&self) -> AuthArgs {
        match (&self.jwks_url, &self.jwks_file) {
            (None, None) => AuthArgs::development(self.data_dir.clone()),
            (jwks_url, jwks_file) => AuthArgs {
                jwks_url: jwks_url.clone(),
                jwks_file: jwks_file.clone(),
                dev_issuer: None,
                issuer: None,
                audience: None,
            },
        }
    }
}
