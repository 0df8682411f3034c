//! The command service as a program of its own, on a Kafka log.

use std::{net::TcpListener, process::ExitCode, sync::Arc};

use anyhow::Context as _;
use clap::Parser as _;
use command_service::{
    config::Config,
    fold::Snapshots,
    http,
    service::{self, Membership, Service, instance_name},
    writer::{Ended, WriterConfig},
};
use shared::{
    SystemClock,
    clock::SharedClock,
    config::TrustedIssuer,
    http::{Router, health, serve},
    log::{
        WriterName,
        kafka::{KafkaLog, KafkaReference},
    },
    shutdown, telemetry,
};

// Most of what this process does is making and dropping small documents.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a process ends with whose calls into librdkafka do not come back: it must be started anew.
const HUNG: u8 = 70;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let config = Config::parse();
    let metrics = telemetry::init(config.log.log_format, &config.log.log)?;
    let clock: SharedClock = Arc::new(SystemClock);
    let listener = TcpListener::bind(config.listen.listen)
        .with_context(|| format!("cannot listen on {}", config.listen.listen))?;
    let TrustedIssuer { auth, dev_issuer } = config.auth.set_up(clock.clone()).await?;
    let log = KafkaLog::connect(config.kafka.config()).await?;
    let reference = KafkaReference::connect(config.kafka.config()).await?;
    let hung = log.hung();

    let writer_config = writer_config(&config)?;
    let (join, membership) = Membership::prepare(log.clone(), &writer_config.instance);
    let settings = config.api.settings();
    let started = service::start(log, reference, join, writer_config.clone(), settings, None, clock).await?;
    let Service { app, writer, mut ended } = started;

    let checked = (writer.clone(), auth.clone());
    let readiness: health::Readiness = Arc::new(move || http::checks(&checked.0, &checked.1));
    let dev_routes = dev_issuer.iter().flat_map(|issuer| issuer.routes());
    let router = http::routes(Router::new(auth), &app).plain(health::routes(readiness, metrics)).plain(dev_routes);
    tracing::info!(address = %listener.local_addr()?, instance = writer_config.instance, "command service is listening");
    tokio::select! {
        served = serve(listener, router, config.listen.server_options(), shutdown::signal_received()?) => served?,
        end = &mut ended => anyhow::bail!("the writer has ended: {:?}", end?),
        () = hung => return Ok(ExitCode::from(HUNG)),
    }

    writer.shut_down().await;
    let end = ended.await?;
    membership.left().await;
    anyhow::ensure!(matches!(end, Ended::ShutDown), "the writer has ended: {end:?}");
    Ok(ExitCode::SUCCESS)
}

fn writer_config(config: &Config) -> anyhow::Result<WriterConfig> {
    let instance = instance_name(config.instance.as_deref(), &config.data_dir)
        .with_context(|| format!("the data folder {} cannot be used", config.data_dir.display()))?;
    let name = WriterName(format!("{}.segments.w.{instance}", config.kafka.topics.kafka_environment));
    let snapshots = Some(Snapshots::new(config.data_dir.join("snapshots")));
    Ok(WriterConfig { confirm: config.confirm.into(), snapshots, ..WriterConfig::new(instance, name) })
}
