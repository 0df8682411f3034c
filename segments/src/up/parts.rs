//! The servers that `up` starts, and stops again.

use std::path::Path;

use anyhow::Context as _;
use local_parts::{Kafka, KafkaOptions, Postgres, PostgresOptions};
use query_service::views::Database;
use shared::log::kafka::{KafkaConfig, KafkaLog};

use tokio::task::JoinSet;

use super::{
    PARTITIONS,
    args::{KafkaChoice, UpArgs},
    local, say, sessions,
};

/// See the module.
#[derive(Debug, Default)]
pub struct Parts {
    postgres: Option<Postgres>,
    /// What cares for it meanwhile.
    caring: JoinSet<()>,
    kafka: Option<Kafka>,
}

impl Parts {
    /// The database that was named, or a private one in the folder.
    pub async fn database(&mut self, args: &UpArgs, folder: &Path) -> anyhow::Result<Database> {
        if let Some(url) = &args.database_url {
            say("postgres", format_args!("as given"));
            return Ok(Database::at(url));
        }
        let options = PostgresOptions::new(folder.join(local::POSTGRES));
        let postgres = Postgres::start(options).await.context("PostgreSQL cannot be started")?;
        say("postgres", format_args!("private PostgreSQL {} on port {}", postgres.version(), postgres.port()));
        let database = Database::at(postgres.url());
        self.caring.spawn(sessions::run(database.clone()));
        self.postgres = Some(postgres);
        Ok(database)
    }

    /// The Kafka that was named, or a private one in the folder; with its topics, that of the state if it is wanted.
    pub async fn kafka(
        &mut self,
        choice: &KafkaChoice,
        folder: &Path,
        state_topic: Option<String>,
    ) -> anyhow::Result<KafkaConfig> {
        let brokers = match choice {
            KafkaChoice::Brokers(brokers) => brokers.clone(),
            KafkaChoice::Local => {
                let options = KafkaOptions::new(folder.join("broker"));
                let kafka = Kafka::start(options).await.context("Kafka cannot be started")?;
                say("kafka", format_args!("private Apache Kafka at {}", kafka.brokers()));
                self.kafka.insert(kafka).brokers()
            }
        };
        let config = KafkaConfig { state_topic, ..KafkaConfig::new(brokers, PARTITIONS) };
        KafkaLog::create_topics(&config, 1).await.context("the topics cannot be made")?;
        Ok(config)
    }

    /// Stops what was started.
    pub async fn stop(mut self) {
        self.caring.shutdown().await;
        if let Some(postgres) = self.postgres {
            postgres.stop().await;
        }
        if let Some(kafka) = self.kafka {
            kafka.stop().await;
        }
    }
}
