//! One part of a test run, wherever it comes from: the environment, a container, or a server of our own.

#[cfg(feature = "containers")]
use crate::containers::Container;
use crate::{Kafka, KafkaOptions, Postgres, PostgresOptions, env, kafka, postgres};

/// A PostgreSQL or a Kafka that can be used until this value is stopped or dropped.
#[derive(Debug)]
pub struct Part {
    address: String,
    keeper: Keeper,
}

/// Who keeps the part running.
#[derive(Debug)]
enum Keeper {
    /// Whoever set the environment variable.
    Somebody,
    #[cfg(feature = "containers")]
    Docker(Box<Container>),
    Postgres(Box<Postgres>),
    Kafka(Box<Kafka>),
}

impl Part {
    /// The part whose address the environment gives in [`crate::DATABASE_URL`] or [`crate::KAFKA_BROKERS`].
    pub fn given(variable: &str) -> Option<Self> {
        Some(Self { address: env::var(variable)?, keeper: Keeper::Somebody })
    }

    /// A PostgreSQL of our own.
    ///
    /// # Errors
    /// As [`Postgres::start`].
    pub async fn local_postgres(options: PostgresOptions) -> Result<Self, postgres::Error> {
        let server = Postgres::start(options).await?;
        Ok(Self { address: server.url(), keeper: Keeper::Postgres(Box::new(server)) })
    }

    /// A Kafka of our own.
    ///
    /// # Errors
    /// As [`Kafka::start`].
    pub async fn local_kafka(options: KafkaOptions) -> Result<Self, kafka::Error> {
        let broker = Kafka::start(options).await?;
        Ok(Self { address: broker.brokers(), keeper: Keeper::Kafka(Box::new(broker)) })
    }

    /// A PostgreSQL in a container, if a Docker engine answers.
    #[cfg(feature = "containers")]
    pub async fn contained_postgres() -> Option<Self> {
        Some(Self::contained(Container::postgres().await?))
    }

    /// A Kafka in a container, if a Docker engine answers.
    #[cfg(feature = "containers")]
    pub async fn contained_kafka() -> Option<Self> {
        Some(Self::contained(Container::kafka().await?))
    }

    /// The value for the variable: a `postgres://` URL, or `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Stops what was started for this part.
    pub async fn stop(self) {
        match self.keeper {
            Keeper::Somebody => {}
            #[cfg(feature = "containers")]
            Keeper::Docker(container) => container.remove().await,
            Keeper::Postgres(server) => server.stop().await,
            Keeper::Kafka(broker) => broker.stop().await,
        }
    }

    #[cfg(feature = "containers")]
    fn contained(container: Container) -> Self {
        Self { address: container.address.clone(), keeper: Keeper::Docker(Box::new(container)) }
    }
}
