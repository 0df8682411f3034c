//! `segments views rebuild` over a long log, indexes and comparison included, beside a bare COPY of the same rows; and what a client
//! who writes meanwhile sees of it.

use std::{
    path::Path,
    process::Stdio,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tokio::{
    fs::File,
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::Command,
};

use crate::{
    Plan, history,
    report::{Aim, Report},
    stack::{Stack, new_folder},
    wire::Connection,
};

const SECTION: &str = "rebuild";

/// The tables that events fill.
const TABLES: [&str; 6] = [
    "segment",
    "segment_history",
    "item_assignment",
    "past_item_assignment",
    "customer_assignment",
    "past_customer_assignment",
];

/// See the module.
pub async fn measure(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let folder = new_folder(plan)?;
    let log = folder.path().join("local");
    std::fs::create_dir_all(&log)?;
    history::write(&log.join("log.sqlite"), plan.events, plan.products).await?;
    let stack = Stack::start(plan, folder.path(), &["--match-index", "off"]).await?;
    let url = stack.database_url()?;

    let steps = rebuild(plan, folder.path(), url).await?;
    let alone = steps.iter().map(|(_, took)| *took).sum();
    let (copied, indexed) = copy(folder.path(), url).await?;
    let what = |what: &str| format!("{} events, {} products a segment: {what}", plan.events, plan.products);
    let rate = |took: Duration| plan.events as f64 / took.as_secs_f64();
    report.aimed(SECTION, what("rebuilt"), rate(alone), "/s", Aim::AtLeast(60_000.0));
    for (step, took) in &steps {
        report.add(SECTION, format!("of which {step}"), took.as_secs_f64(), "s");
    }
    report.add(SECTION, what("their rows by a bare COPY"), rate(copied), "/s");
    report.add(SECTION, what("and their indexes, two at once"), indexed.as_secs_f64(), "s");
    report.aimed(SECTION, what("of the bare COPY"), copied.as_secs_f64() / alone.as_secs_f64(), "", Aim::AtLeast(0.5));

    stack.number_from(plan.events);
    // Beside a client that writes one segment after the other.
    let deadline = Instant::now() + plan.times.measured;
    let before = latencies(&stack, async || Instant::now() < deadline).await?;
    let mut rebuilding = command(plan, folder.path(), url).spawn()?;
    let during = latencies(&stack, async || matches!(rebuilding.try_wait(), Ok(None))).await?;
    ensure!(rebuilding.wait().await?.success(), "the rebuild under load failed");
    let [before, during] = [before, during].map(|latencies| p99(latencies).as_secs_f64() * 1000.0);
    report.add(SECTION, "p99 of a write before", before, "ms");
    report.add(SECTION, "p99 of a write during a rebuild", during, "ms");
    report.aimed(SECTION, "of that before", during / before, "", Aim::AtMost(2.0));
    stack.stop().await
}

fn command(plan: &Plan, folder: &Path, url: &str) -> Command {
    let mut command = Command::new(&plan.program);
    command.args(["views", "rebuild", "--keep", "0", "--database-url", url, "--data-dir"]).arg(folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    command
}

/// How long each of its steps took, from the first to the last.
async fn rebuild(plan: &Plan, folder: &Path, url: &str) -> anyhow::Result<Vec<(String, Duration)>> {
    let mut began = Instant::now();
    let mut rebuilding = command(plan, folder, url).stdout(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(rebuilding.stdout.take().context("its output is ours")?).lines();
    let (mut step, mut steps) = ("starting".to_owned(), Vec::new());
    while let Some(line) = lines.next_line().await? {
        let next = line.split(' ').next().unwrap_or_default().to_owned();
        let now = Instant::now();
        steps.push((std::mem::replace(&mut step, next), now - began));
        began = now;
    }
    ensure!(rebuilding.wait().await?.success(), "the rebuild failed");
    steps.push((step, began.elapsed()));
    Ok(steps)
}

/// The rows of the version that is read, into tables without any index; and then the indexes. How long either took.
async fn copy(folder: &Path, url: &str) -> anyhow::Result<(Duration, Duration)> {
    let mut connection = PgConnection::connect(url).await?;
    let version: i16 = sqlx::query_scalar("select version from segments_registry.view where state = 'active'")
        .fetch_one(&mut connection)
        .await?;
    connection.execute("create schema bare").await?;
    let mut took = Duration::ZERO;
    for table in TABLES {
        let path = folder.join(table);
        let like = format!("create table bare.{table} as select * from v{version}.{table} limit 0");
        connection.execute(AssertSqlSafe(like)).await?;
        let mut file = File::create(&path).await?;
        let mut rows = connection.copy_out_raw(&format!("copy (select * from v{version}.{table}) to stdout")).await?;
        while let Some(some) = futures::TryStreamExt::try_next(&mut rows).await? {
            file.write_all(&some).await?;
        }
        drop(rows);
        file.flush().await?;
        let start = Instant::now();
        let mut copying = connection.copy_in_raw(&format!("copy bare.{table} from stdin")).await?;
        copying.read_from(File::open(&path).await?).await?;
        copying.finish().await?;
        took += start.elapsed();
    }
    let start = Instant::now();
    index(&mut connection, url, version).await?;
    let indexed = start.elapsed();
    connection.execute("drop schema bare cascade").await?;
    connection.close().await?;
    Ok((took, indexed))
}

/// Makes the indexes of these tables as the version has them, as a rebuild does.
async fn index(connection: &mut PgConnection, url: &str, version: i16) -> anyhow::Result<()> {
    let definitions = "select replace(indexdef, format(' ON v%s.', $1), ' ON bare.') from pg_indexes
                       where schemaname = 'v' || $1 and tablename = any ($2) order by indexdef like '% USING gin %', tablename";
    let definitions: Vec<String> =
        sqlx::query_scalar(definitions).bind(version).bind(TABLES).fetch_all(connection).await?;
    let waiting = Mutex::new(definitions);
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let make_some = async || {
        let mut connection = PgConnection::connect(url).await?;
        connection.execute("set maintenance_work_mem = '256MB'; set max_parallel_maintenance_workers = 0").await?;
        while let Some(definition) = next() {
            connection.execute(AssertSqlSafe(definition)).await?;
        }
        connection.close().await
    };
    futures::future::try_join(make_some(), make_some()).await?;
    Ok(())
}

/// Of writes, one after the other, for as long as it goes on.
async fn latencies(stack: &Stack, mut goes_on: impl AsyncFnMut() -> bool) -> anyhow::Result<Vec<Duration>> {
    let mut connection = Connection::open(stack.address()).await?;
    let mut latencies = Vec::new();
    while goes_on().await {
        latencies.push(stack.create(&mut connection).await?.1);
    }
    Ok(latencies)
}

fn p99(mut latencies: Vec<Duration>) -> Duration {
    latencies.sort_unstable();
    latencies.get(latencies.len() * 99 / 100).copied().unwrap_or_default()
}
