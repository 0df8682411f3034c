//! Settings that more than one program has, as arguments or environment variables.

use std::{fmt, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use clap::{ArgGroup, Args};

use crate::{
    clock::SharedClock,
    http::{
        Auth, Expected, KeySource, Keys, ServerOptions,
        dev_issuer::{DevIssuer, DevIssuerError},
    },
    log::kafka::KafkaConfig,
    telemetry::LogFormat,
};

/// Where and how a service listens.
#[derive(Debug, Clone, Args)]
pub struct ListenArgs {
    /// The address to listen on.
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Threads that serve HTTP; as many as there are cores if not given.
    #[arg(long, env = "HTTP_WORKERS")]
    pub http_workers: Option<usize>,
    /// At a shutdown, how many seconds requests under way may take.
    #[arg(long, env = "DRAIN_SECONDS", default_value_t = 8)]
    pub drain_seconds: u64,
}

impl ListenArgs {
    /// For [`crate::http::serve`].
    pub fn server_options(&self) -> ServerOptions {
        ServerOptions { workers: self.http_workers, drain: Duration::from_secs(self.drain_seconds) }
    }
}

/// What is logged.
#[derive(Debug, Clone, Args)]
pub struct LogArgs {
    /// What to log, such as `info` or `info,shared::http=debug`.
    #[arg(long, env = "RUST_LOG", default_value = "info")]
    pub log: String,
    /// How log lines look.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
}

/// Which Kafka holds the event log.
#[derive(Debug, Clone, Args)]
pub struct KafkaArgs {
    /// Addresses of brokers: `host:port`, several with commas.
    #[arg(long, env = "KAFKA_BROKERS")]
    pub kafka_brokers: String,
    /// What to use there, and how.
    #[command(flatten)]
    pub topics: TopicArgs,
}

impl KafkaArgs {
    /// For [`crate::log::kafka::KafkaLog`].
    pub fn config(&self) -> KafkaConfig {
        self.topics.config(&self.kafka_brokers)
    }
}

/// What to use of a Kafka, and how.
#[derive(Debug, Clone, Args)]
pub struct TopicArgs {
    /// The topic of the events.
    #[arg(long, env = "KAFKA_TOPIC", default_value = "segments.events.v1")]
    pub kafka_topic: String,
    /// The topic without data by which instances share the partitions out.
    #[arg(long, env = "KAFKA_LOCK_TOPIC", default_value = "segments.writers.lock")]
    pub kafka_lock_topic: String,
    /// The compacted topic of reference data.
    #[arg(long, env = "KAFKA_REFERENCE_TOPIC", default_value = "reference.v1")]
    pub kafka_reference_topic: String,
    /// How many partitions the topics of events and locks have; it can never be changed.
    #[arg(long, env = "KAFKA_PARTITIONS", default_value_t = 6, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub kafka_partitions: u16,
    /// Begins the names of consumer groups and writers, so that installations can share a cluster.
    #[arg(long, env = "KAFKA_ENVIRONMENT", default_value = "main")]
    pub kafka_environment: String,
    /// Whether batches are transactions; without, other consumers must apply the acceptance rule themselves.
    #[arg(long, env = "KAFKA_TRANSACTIONS", default_value_t = true, action = clap::ArgAction::Set)]
    pub kafka_transactions: bool,
    /// Settings of librdkafka for every client, such as `security.protocol=SASL_SSL`; several with semicolons.
    #[arg(long = "kafka-option", env = "KAFKA_OPTIONS", value_delimiter = ';', value_parser = name_and_value, hide_env_values = true)]
    pub kafka_options: Vec<(String, String)>,
}

impl TopicArgs {
    /// For [`crate::log::kafka::KafkaLog`] at these brokers.
    pub fn config(&self, brokers: &str) -> KafkaConfig {
        KafkaConfig {
            topic: self.kafka_topic.clone(),
            lock_topic: self.kafka_lock_topic.clone(),
            reference_topic: self.kafka_reference_topic.clone(),
            environment: self.kafka_environment.clone(),
            transactions: self.kafka_transactions,
            options: self.kafka_options.iter().cloned().collect(),
            ..KafkaConfig::new(brokers, self.kafka_partitions)
        }
    }
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| "name=value is wanted".to_owned())?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// Whose tokens are trusted.
#[derive(Debug, Clone, Args)]
#[group(skip)]
#[command(group(ArgGroup::new("keys").required(true).args(["jwks_url", "jwks_file", "dev_issuer"])))]
pub struct AuthArgs {
    /// Address of the JSON Web Key Set of the trusted issuer.
    #[arg(long, env = "JWKS_URL")]
    pub jwks_url: Option<String>,
    /// File with the JSON Web Key Set of the trusted issuer.
    #[arg(long, env = "JWKS_FILE")]
    pub jwks_file: Option<PathBuf>,
    /// For development only: issue tokens to anyone who asks, with a key kept in this folder.
    #[arg(long, env = "DEV_ISSUER")]
    pub dev_issuer: Option<PathBuf>,
    /// The `iss` claim that tokens must have.
    #[arg(long, env = "ISSUER")]
    pub issuer: Option<String>,
    /// The audience that tokens must be for.
    #[arg(long, env = "AUDIENCE")]
    pub audience: Option<String>,
}

/// Tokens cannot be verified as configured.
#[derive(Debug, thiserror::Error)]
pub enum AuthSetupError {
    /// Not one source of keys, but none or several.
    #[error("one of JWKS_URL, JWKS_FILE and DEV_ISSUER must be given")]
    NoSource,
    /// The issuer for development.
    #[error(transparent)]
    DevIssuer(#[from] DevIssuerError),
}

/// How tokens are verified, and the issuer of them that runs in this process, if one does.
pub struct TrustedIssuer {
    /// Verifies tokens.
    pub auth: Auth,
    /// Gives tokens away; its routes are to be served.
    pub dev_issuer: Option<Arc<DevIssuer>>,
}

impl fmt::Debug for TrustedIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustedIssuer").field("is_development", &self.dev_issuer.is_some()).finish_non_exhaustive()
    }
}

impl AuthArgs {
    /// Trusts the development issuer with its key in this folder.
    pub fn development(folder: PathBuf) -> Self {
        Self { jwks_url: None, jwks_file: None, dev_issuer: Some(folder), issuer: None, audience: None }
    }

    /// Fetches the keys, and opens the development issuer if it is wanted. Keys that cannot be had yet are asked for
    /// again later; until then the service is not ready.
    ///
    /// # Errors
    /// When no source of keys is given, or the key of the development issuer cannot be used.
    pub async fn set_up(&self, clock: SharedClock) -> Result<TrustedIssuer, AuthSetupError> {
        let (source, dev_issuer) = match (&self.jwks_url, &self.jwks_file, &self.dev_issuer) {
            (Some(url), None, None) => (KeySource::Url(url.clone()), None),
            (None, Some(path), None) => (KeySource::File(path.clone()), None),
            (None, None, Some(folder)) => {
                let issuer = Arc::new(DevIssuer::open(folder, clock.clone())?);
                (issuer.key_source(), Some(issuer))
            }
            _ => return Err(AuthSetupError::NoSource),
        };
        let expected = Expected { issuer: self.issuer.clone(), audience: self.audience.clone() };
        let auth = Auth::new(Keys::start(source).await, expected, clock);
        Ok(TrustedIssuer { auth, dev_issuer })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        auth: AuthArgs,
        #[command(flatten)]
        kafka: KafkaArgs,
        #[command(flatten)]
        listen: ListenArgs,
        #[command(flatten)]
        log: LogArgs,
    }

    #[test]
    fn arguments_are_understood_or_refused() {
        let base = ["p", "--kafka-brokers", "b:9092"];
        for (case, more, is_good) in [
            ("keys from an address", vec!["--jwks-url", "https://idp.example/keys"], true),
            ("keys from a file", vec!["--jwks-file", "/keys.json"], true),
            ("the development issuer", vec!["--dev-issuer", "/data"], true),
            ("keys, and what tokens must say", vec!["--jwks-file", "/k", "--issuer", "i", "--audience", "a"], true),
            ("no keys", vec!["--issuer", "i"], false),
            ("two sources of keys", vec!["--jwks-file", "/keys.json", "--dev-issuer", "/data"], false),
            ("no partitions", vec!["--jwks-file", "/keys.json", "--kafka-partitions", "0"], false),
            ("half an option", vec!["--jwks-file", "/keys.json", "--kafka-option", "a"], false),
        ] {
            let parsed = Program::try_parse_from(base.iter().chain(&more));
            assert_eq!(parsed.is_ok(), is_good, "{case}: {parsed:?}");
        }
        let options = "security.protocol=SASL_SSL; sasl.password=a=b";
        let arguments = ["--jwks-file", "/keys.json", "--kafka-option", options, "--kafka-transactions", "false"];
        let program = Program::try_parse_from(base.iter().chain(&arguments)).expect("good arguments");
        let config = program.kafka.config();
        assert_eq!(config.options.get("sasl.password").map(String::as_str), Some("a=b"));
        assert_eq!((config.partitions, config.transactions, config.topic.as_str()), (6, false, "segments.events.v1"));
    }
}
