//! The settings of the query service: arguments, or environment variables of the same meaning.

use clap::{ArgAction, Args, Parser, builder::BoolishValueParser};
use shared::{
    config::{AuthArgs, KafkaArgs, ListenArgs, LogArgs},
    log::kafka::KafkaConfig,
};

use crate::{index::Share, projector::Options, service::Settings, views::Database};

/// Projects the event log into views in PostgreSQL and answers the reads of the segments API from them.
#[derive(Debug, Parser)]
#[command(name = "query-service", version)]
pub struct Config {
    /// Where to listen.
    #[command(flatten)]
    pub listen: ListenArgs,
    /// Where the log is.
    #[command(flatten)]
    pub kafka: KafkaArgs,
    /// How segments are now, as a topic.
    #[command(flatten)]
    pub state: StateArgs,
    /// Where the views are.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Whose tokens are trusted.
    #[command(flatten)]
    pub auth: AuthArgs,
    /// What is logged.
    #[command(flatten)]
    pub log: LogArgs,
    /// Whether this process projects. At least one must; several share the partitions.
    #[arg(long, env = "PROJECTOR", default_value_t = true, action = ArgAction::Set)]
    pub projector: bool,
    /// The language of texts that are not there in the one asked for.
    #[arg(long, env = "DEFAULT_LANGUAGE", default_value = "en")]
    pub default_language: String,
    /// Whether segments outside their validity are hidden from their customers, and match nothing.
    #[arg(long, env = "OWN_ENFORCE_VALIDITY", default_value_t = false, action = ArgAction::Set)]
    pub own_enforce_validity: bool,
    /// Whether products match through categories above their own.
    #[arg(long, env = "MATCH_DESCENDANTS", default_value_t = true, action = ArgAction::Set)]
    pub match_descendants: bool,
    /// Who answers matches.
    #[command(flatten)]
    pub matching: MatchArgs,
    /// How many streams of events.
    #[command(flatten)]
    pub events: EventArgs,
}

/// How segments are now, as a topic.
#[derive(Debug, Clone, Args)]
pub struct StateArgs {
    /// Publish the latest document of each segment to this compacted topic, such as `segments.state.v1`.
    #[arg(long, env = "KAFKA_STATE_TOPIC")]
    pub kafka_state_topic: Option<String>,
}

/// How many streams of events.
#[derive(Debug, Clone, Copy, Args)]
pub struct EventArgs {
    /// The most streams of the change feed that are open at once; further ones are told to come again.
    #[arg(long, env = "EVENT_STREAMS", default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub event_streams: u32,
}

/// Who answers matches.
#[derive(Debug, Clone, Copy, Args)]
pub struct MatchArgs {
    /// Whether matches are answered from memory, once everything is read; otherwise always from the views.
    #[arg(long, env = "MATCH_INDEX", default_value = "on", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub match_index: bool,
    /// The share of these answers that is compared with the views, 0.0 to 1.0; `match_shadow_total` counts the outcomes.
    #[arg(long, env = "MATCH_SHADOW", default_value_t)]
    pub match_shadow: Share,
}

/// Where the views are.
#[derive(Debug, Args)]
pub struct DatabaseArgs {
    /// `postgres://user:password@host:port/name`; PostgreSQL 15 or later.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: String,
    /// The most connections for reads; the projector has one more for each partition, and four.
    #[arg(long, env = "DATABASE_CONNECTIONS", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub database_connections: u32,
}

impl DatabaseArgs {
    /// For [`crate::views::open`].
    pub fn database(&self) -> Database {
        Database { connections: self.database_connections, ..Database::at(&self.database_url) }
    }
}

impl Config {
    /// Where the log is, and the state if it is to be published.
    pub fn kafka(&self) -> KafkaConfig {
        KafkaConfig { state_topic: self.state.kafka_state_topic.clone(), ..self.kafka.config() }
    }

    /// For [`crate::service::open`].
    pub fn settings(&self) -> Settings {
        Settings {
            database: self.database.database(),
            projector: self.projector.then(Options::default),
            default_language: self.default_language.clone(),
            enforce_validity: self.own_enforce_validity,
            match_descendants: self.match_descendants,
            match_index: self.matching.match_index,
            match_shadow: self.matching.match_shadow,
            event_streams: self.events.event_streams as usize,
        }
    }
}
