//! `segments up`: starts what is needed, in this order: log, PostgreSQL, command side, query side, HTTP. Stops it in the
//! other order.
//!
//! A data folder holds one world for each kind of log, so that views never meet a log that they were not made from.

mod args;
mod background;
pub mod local;
mod parts;
mod sessions;

use std::{net::TcpListener, path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use command_service::{
    fold::Snapshots,
    http as command_http,
    service::{self as command, Membership},
    writer::{Ended, WriterConfig},
};
use futures::future::{BoxFuture, FutureExt as _, Shared};
use metrics_exporter_prometheus::PrometheusHandle;
use query_service::{
    feed, http as query_http, index, projector, service as query, state,
    state::Publisher,
    views::{self, Database},
};
use shared::{
    SystemClock,
    clock::SharedClock,
    config::TrustedIssuer,
    consistency::Acknowledged,
    http::{Router, ServerOptions, health, serve},
    log::{
        EventLog, LockEvents, WriterName, all_granted,
        kafka::{KafkaLog, KafkaReference, KafkaState},
        local::{LocalLog, LocalReference},
    },
    reference::ReferenceLog,
    shutdown, telemetry,
};
use tokio::{sync::oneshot, task::JoinSet};

use crate::sample;
use args::KafkaChoice;
pub use args::UpArgs;
use background::Background;
use parts::Parts;

/// Partitions of a new log.
pub const PARTITIONS: u16 = 6;
/// How long a writer of an embedded log stays awake after news: about as long as a commit takes on a quick disk.
const LINGER: Duration = Duration::from_micros(500);
/// How often readiness is looked at while starting.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Runs until it is told to stop.
pub async fn run(args: UpArgs) -> anyhow::Result<()> {
    let stop = shutdown::signal_received()?;
    let metrics = telemetry::init(args.log_format, &args.log)?;
    projector::describe();
    index::describe();
    views::describe();
    query::describe();
    feed::describe();
    state::describe();
    let listener = TcpListener::bind(args.listen).with_context(|| format!("cannot listen on {}", args.listen))?;
    std::fs::create_dir_all(&args.data_dir)
        .with_context(|| format!("cannot use the data folder {}", args.data_dir.display()))?;
    let clock: SharedClock = Arc::new(SystemClock);
    let front = Front { listener, clock, metrics, stop: stop.boxed().shared() };
    match args.kafka.clone() {
        None => on_local_log(args, front).await,
        Some(choice) => on_kafka(args, choice, front).await,
    }
}

/// Resolves when the process is told to stop, for everybody who waits for it.
type Stop = Shared<BoxFuture<'static, ()>>;

/// What does not depend on the kind of log.
struct Front {
    listener: TcpListener,
    clock: SharedClock,
    metrics: PrometheusHandle,
    stop: Stop,
}

async fn on_local_log(args: UpArgs, front: Front) -> anyhow::Result<()> {
    anyhow::ensure!(args.state.kafka_state_topic.is_none(), "--kafka-state-topic needs --kafka");
    let folder = local::folder(&args.data_dir);
    std::fs::create_dir_all(&folder)?;
    let path = folder.join(local::LOG);
    let log = LocalLog::open(&path, PARTITIONS, front.clock.clone()).await?;
    let reference = LocalReference::open(folder.join(local::REFERENCE)).await?;
    say("log", format_args!("{} (embedded: for one machine; use Kafka beyond that)", path.display()));
    let mut parts = Parts::default();
    let Some(database) = unless_stopped(&front.stop, parts.database(&args, &folder)).await? else { return Ok(()) };
    let instance = command::instance_name(None, &folder)?;
    let name = WriterName(format!("local.segments.w.{instance}"));
    let writer = WriterConfig { linger: LINGER, ..writer_config(&instance, name, &folder) };
    let partitions = log.partitions();
    let never = std::future::pending();
    let logs = Logs { events: log, reference };
    let served = run_both(&args, front, logs, move || all_granted(partitions), writer, database, never).await;
    parts.stop().await;
    served
}

async fn on_kafka(args: UpArgs, choice: KafkaChoice, front: Front) -> anyhow::Result<()> {
    let folder = local::kafka_folder(&args.data_dir);
    std::fs::create_dir_all(&folder)?;
    let mut parts = Parts::default();
    let starting = async {
        let config = parts.kafka(&choice, &folder, args.state.kafka_state_topic.clone()).await?;
        let log = KafkaLog::connect(config.clone()).await?;
        let reference = KafkaReference::connect(config.clone()).await?;
        say("log", format_args!("Apache Kafka at {}, topic {}", config.brokers, config.topic));
        let database = parts.database(&args, &folder).await?;
        let state = KafkaState::connect(config.clone()).await?;
        let mut publishing = JoinSet::new();
        if let Some(state) = state {
            publishing.spawn(Publisher::new(log.clone(), state, &database)?.run());
        }
        anyhow::Ok((config, Logs { events: log, reference }, database, publishing))
    };
    let Some((config, logs, database, mut publishing)) = unless_stopped(&front.stop, starting).await? else {
        return Ok(());
    };
    let instance = command::instance_name(None, &folder)?;
    let name = WriterName(format!("{}.segments.w.{instance}", config.environment));
    let (join, membership) = Membership::prepare(logs.events.clone(), &instance);
    let hung = logs.events.hung();
    let writer = writer_config(&instance, name, &folder);
    let served = tokio::select! {
        served = run_both(&args, front, logs, join, writer, database, hung) => served,
        Some(ended) = publishing.join_next() => Err(anyhow::anyhow!("the publisher of the state has ended: {ended:?}")),
    };
    publishing.shutdown().await;
    membership.left().await;
    parts.stop().await;
    served
}

fn writer_config(instance: &str, name: WriterName, folder: &Path) -> WriterConfig {
    WriterConfig { snapshots: Some(Snapshots::new(local::snapshots(folder))), ..WriterConfig::new(instance, name) }
}

/// What is starting when it is told to stop is dropped, and its servers end with it.
async fn unless_stopped<T>(
    stop: &Stop,
    starting: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<Option<T>> {
    tokio::select! {
        started = starting => started.map(Some),
        () = stop.clone() => Ok(None),
    }
}

/// What is written and read.
struct Logs<L, R> {
    events: L,
    reference: R,
}

/// Both sides of the API, started.
struct Sides<W> {
    command: command::Service,
    /// The projector; it never ends by itself.
    work: W,
    /// Where it runs.
    background: Background,
    router: Router,
    readiness: health::Readiness,
}

async fn run_both<L: EventLog, R: ReferenceLog>(
    args: &UpArgs,
    front: Front,
    logs: Logs<L, R>,
    locks: impl FnOnce() -> LockEvents + 'static,
    writer: WriterConfig,
    database: Database,
    hung: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let Front { listener, clock, metrics, stop } = front;
    let starting = start_both(args, clock, metrics, logs, locks, writer, database);
    match unless_stopped(&stop, starting).await? {
        Some(sides) => serve_both(args, listener, sides, stop, hung).await,
        None => Ok(()),
    }
}

async fn start_both<L: EventLog, R: ReferenceLog>(
    args: &UpArgs,
    clock: SharedClock,
    metrics: PrometheusHandle,
    logs: Logs<L, R>,
    locks: impl FnOnce() -> LockEvents + 'static,
    writer: WriterConfig,
    database: Database,
) -> anyhow::Result<Sides<impl Future<Output = ()> + Send + 'static>> {
    let Logs { events: log, reference } = logs;
    let TrustedIssuer { auth, dev_issuer } = args.auth().set_up(clock.clone()).await?;
    let acknowledged = Acknowledged::default();
    let (settings, seen) = (command_http::Settings::default(), Some(acknowledged.clone()));
    let command =
        command::start(log.clone(), reference.clone(), locks, writer, settings.clone(), seen, clock.clone()).await?;
    say("writer", format_args!("log replayed, {} partitions", log.partitions()));
    let settings = query::Settings {
        database,
        projector: Some(projector::Options::default()),
        default_language: settings.default_language,
        enforce_validity: false,
        match_descendants: true,
        match_index: args.matching.match_index,
        match_shadow: args.matching.match_shadow,
        event_streams: args.events.event_streams as usize,
    };
    let background = Background::start()?;
    let query = query::open(log, reference, &settings, Some(acknowledged), clock, background.handle()).await;
    let query = query.context("the views cannot be opened")?;
    say("projector", format_args!("running"));

    let (writer, views, keys) = (command.writer.clone(), query.health.clone(), auth.clone());
    let readiness: health::Readiness = Arc::new(move || {
        let mut checks = command_http::checks(&writer, &keys);
        checks.push(views.now().check());
        checks
    });
    let dev_routes = dev_issuer.iter().flat_map(|issuer| issuer.routes());
    let router = query_http::routes(command_http::routes(Router::new(auth), &command.app), &query.app, &query.feed)
        .plain(health::routes(Arc::clone(&readiness), metrics))
        .plain(dev_routes);
    Ok(Sides { command, work: query.work, background, router, readiness })
}

/// Serves both sides on one port until it is time to stop.
async fn serve_both(
    args: &UpArgs,
    listener: TcpListener,
    sides: Sides<impl Future<Output = ()> + Send + 'static>,
    mut stop: Stop,
    hung: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let Sides { command, work, background, router, readiness } = sides;
    let url = format!("http://{}", listener.local_addr()?);
    let (close, closed) = oneshot::channel::<()>();
    // Dropping the other end means to stop.
    let closing = closed.map(drop);
    let mut work = background.handle().spawn(work);
    let mut server = tokio::spawn(serve(listener, router, ServerOptions::default(), closing));
    let mut ended = command.ended;
    let mut announced = std::pin::pin!(announce(args, &url, &readiness).fuse());

    let outcome = tokio::select! {
        () = &mut stop => Ok(()),
        served = &mut server => Err(anyhow::anyhow!("the server has ended: {served:?}")),
        end = &mut ended => Err(anyhow::anyhow!("the writer has ended: {end:?}")),
        () = hung => Err(anyhow::anyhow!("requests to Kafka do not return any more; a new start helps")),
        _ = &mut work => Err(anyhow::anyhow!("the projector has ended")),
        // After success there is nothing left to announce, and the other arms decide.
        Err(error) = &mut announced => Err(error),
    };
    // The order matters: requests under way may still write, and their readers may still wait for the views.
    drop(close);
    if !server.is_finished() {
        server.await.context("the server")??;
    }
    command.writer.shut_down().await;
    if !ended.is_finished() {
        let end = ended.await?;
        anyhow::ensure!(end == Ended::ShutDown, "the writer has ended: {end:?}");
    }
    work.abort();
    outcome
}

/// Waits until everything is there, says so, and fills the sample tenant if that is wanted.
async fn announce(args: &UpArgs, url: &str, readiness: &health::Readiness) -> anyhow::Result<()> {
    while !readiness().iter().all(|check| check.ready) {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    say("api", format_args!("{url}/customer-segment/{{tenant}}/segments"));
    if args.sample {
        let shown = sample::load(url).await.context("the sample tenant could not be written")?;
        println!("ready {url}");
        println!("{shown}");
    } else {
        println!("ready {url}");
    }
    Ok(())
}

/// One line for a part that has come up.
fn say(part: &str, what: std::fmt::Arguments<'_>) {
    println!("{part:<10} {what}");
}
