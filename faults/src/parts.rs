//! The stack on Kafka: a real broker, PostgreSQL, command services, one query service.

use local_parts::{Kafka, KafkaOptions, Postgres, PostgresOptions};
use shared::log::kafka::{KafkaConfig, KafkaLog};

use crate::{load::PARTITIONS, program::Program, stage::Stage};

/// See the module.
pub struct KafkaStack {
    /// The broker.
    pub kafka: Kafka,
    postgres: Postgres,
    /// The command services.
    pub commands: Vec<Program>,
    /// The query service.
    pub queries: Program,
}

impl KafkaStack {
    /// Starts everything, with so many command services.
    pub async fn start(stage: &Stage, command_services: usize) -> anyhow::Result<Self> {
        let kafka = Kafka::start(KafkaOptions::temporary()?).await?;
        let postgres = Postgres::start(PostgresOptions::temporary()?).await?;
        KafkaLog::create_topics(&KafkaConfig::new(kafka.brokers(), PARTITIONS), 1).await?;
        let partitions = PARTITIONS.to_string();
        let brokers = kafka.brokers();
        let common = ["--kafka-brokers", &brokers, "--kafka-partitions", &partitions];
        let mut commands = Vec::new();
        for number in 0..command_services {
            let data = stage.path(&format!("command-{number}"));
            let log = stage.path(&format!("command-{number}.log"));
            let mut program = Program::new("command-service", "command-service", log)?;
            program.args(common).args(stage.keys()).args(["--data-dir", &data.display().to_string()]);
            program.start().await?;
            commands.push(program);
        }
        let mut queries = Program::new("query-service", "query-service", stage.path("query.log"))?;
        queries.args(common).args(stage.keys()).args(["--database-url", &postgres.url()]);
        queries.start().await?;
        Ok(Self { kafka, postgres, commands, queries })
    }

    /// Where writes are answered.
    pub fn origins(&self) -> Vec<String> {
        self.commands.iter().map(Program::origin).collect()
    }

    /// Stops everything.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        for program in &mut self.commands {
            program.stop().await?;
        }
        self.queries.stop().await?;
        self.postgres.stop().await;
        self.kafka.stop().await;
        Ok(())
    }
}
