//! The query side alone, over logs that are there: it projects nothing, so its views are empty, but its index for match knows
//! everything. A process of its own, as the service is one. So much can be in the logs as nobody wants to wait for in a table.

use std::{net::TcpListener, path::Path, sync::Arc};

use query_service::{
    http,
    service::{self, Settings},
    views::Database,
};
use shared::{
    SystemClock,
    clock::SharedClock,
    config::{AuthArgs, TrustedIssuer},
    http::{Router, ServerOptions, health, serve as serve_http},
    log::local::{LocalLog, LocalReference},
    shutdown, telemetry,
};

use crate::{history::PARTITIONS, stack};

/// Serves until it is told to stop; says `ready` and the address when it can be asked. The database may be empty.
///
/// # Errors
/// When the logs cannot be opened, or the database cannot be reached.
pub async fn serve(folder: &Path, database_url: &str) -> anyhow::Result<()> {
    let stop = shutdown::signal_received()?;
    let metrics = telemetry::init(telemetry::LogFormat::Text, "off")?;
    let clock: SharedClock = Arc::new(SystemClock);
    let log = LocalLog::open(folder.join(stack::LOG), PARTITIONS, clock.clone()).await?;
    let reference = LocalReference::open(folder.join(stack::REFERENCE)).await?;
    let TrustedIssuer { auth, dev_issuer } = AuthArgs::development(folder.join("issuer")).set_up(clock.clone()).await?;
    let settings = Settings {
        database: Database::at(database_url),
        projector: None,
        default_language: "en".to_owned(),
        enforce_validity: false,
        match_descendants: true,
        match_index: true,
        match_shadow: Default::default(),
        event_streams: 0,
    };
    let service = service::open(log, reference, &settings, None, clock, &tokio::runtime::Handle::current()).await?;
    let views = service.health.clone();
    let readiness: health::Readiness = Arc::new(move || vec![views.now().check()]);
    let router = http::routes(Router::new(auth), &service.app, &service.feed)
        .plain(health::routes(readiness, metrics))
        .plain(dev_issuer.iter().flat_map(|issuer| issuer.routes()));
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("ready http://{}", listener.local_addr()?);
    tokio::select! {
        served = tokio::spawn(serve_http(listener, router, ServerOptions::default(), stop)) => Ok(served??),
        () = service.work => anyhow::bail!("the query side has ended"),
    }
}
