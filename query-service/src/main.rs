//! The query service as a program of its own, on a Kafka log.

use std::{net::TcpListener, sync::Arc};

use anyhow::Context as _;
use clap::Parser as _;
use query_service::{config::Config, feed, http, index, projector, service, state, state::Publisher, views};
use shared::{
    SystemClock,
    clock::SharedClock,
    config::TrustedIssuer,
    http::{Router, health, serve},
    log::kafka::{KafkaLog, KafkaReference, KafkaState},
    shutdown, telemetry,
};
use tokio::{runtime::Handle, task::JoinSet};

// Most of what this process does is making and dropping small documents.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = Config::parse();
    let metrics = telemetry::init(config.log.log_format, &config.log.log)?;
    projector::describe();
    index::describe();
    views::describe();
    service::describe();
    feed::describe();
    state::describe();
    let clock: SharedClock = Arc::new(SystemClock);
    let listener = TcpListener::bind(config.listen.listen)
        .with_context(|| format!("cannot listen on {}", config.listen.listen))?;
    let TrustedIssuer { auth, dev_issuer } = config.auth.set_up(clock.clone()).await?;
    let log = KafkaLog::connect(config.kafka()).await?;
    let reference = KafkaReference::connect(config.kafka()).await?;
    let state = KafkaState::connect(config.kafka()).await?;
    let settings = config.settings();
    let mut publishing = JoinSet::new();
    if let Some(state) = state {
        publishing.spawn(Publisher::new(log.clone(), state, &settings.database)?.run());
    }
    let query = service::open(log, reference, &settings, None, clock, &Handle::current())
        .await
        .context("the views cannot be opened")?;

    let (health, keys) = (query.health.clone(), auth.clone());
    let readiness: health::Readiness =
        Arc::new(move || vec![health.now().check(), health::Check::new("keys", keys.is_ready())]);
    let dev_routes = dev_issuer.iter().flat_map(|issuer| issuer.routes());
    let router = http::routes(Router::new(auth), &query.app, &query.feed)
        .plain(health::routes(readiness, metrics))
        .plain(dev_routes);
    tracing::info!(address = %config.listen.listen, "query service is listening");
    tokio::select! {
        served = serve(listener, router, config.listen.server_options(), shutdown::signal_received()?) => served?,
        () = query.work => anyhow::bail!("the projector has ended"),
        Some(ended) = publishing.join_next() => anyhow::bail!("the publisher of the state has ended: {ended:?}"),
    }
    Ok(())
}
