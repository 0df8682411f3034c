//! Matching products with segments: from memory, from the database, and the statement of the latter alone.
//!
//! Everything is in the logs before the program starts: segments with products and categories, products in categories, and a
//! tree of these. A match asks for 20 products and 5 segments; about half of the products are in one of them.

use std::{
    cell::Cell,
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use local_parts::{Postgres, PostgresOptions};
use serde_json::json;
use shared::{
    Clock as _, SystemClock,
    events::Event,
    ids::{ItemType, Tenant},
    log::local::LocalReference,
    reference::{Change, Entry, Kind, ReferenceLog as _},
};
use tokio::process::Command;

use crate::{
    Plan, content, history,
    load::{Measured, Times, closed_loop},
    pgbench,
    report::{Aim, Report},
    stack::{LOG, Program, REFERENCE, Stack, authorization, new_folder, segments_path},
    wire::{Connection, Request},
};

const SECTION: &str = "match";
const CONNECTIONS: usize = 16;
/// What each segment holds.
const PRODUCTS: u64 = 90;
const CATEGORIES: u64 = 10;
/// For each segment so many products are in a category.
const PAIRS: u64 = 60;
/// Below each category.
const CHILDREN: u64 = 8;
/// What a match asks for.
const ASKED_PRODUCTS: u64 = 20;
const ASKED_SEGMENTS: u64 = 5;
/// Different matches, asked in turn.
const QUESTIONS: u64 = 2_000;
/// Coprime to the numbers of segments that are likely.
const STRIDE: u64 = 7_919;
/// The reference log is written so many at a time.
const BATCH: usize = 5_000;
const LOOK_EVERY: Duration = Duration::from_millis(200);
const SQL: &str = include_str!("../../../query-service/src/views/matching.sql");

/// See the module.
pub async fn measure(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let segments = plan.match_segments;
    let folder = new_folder(plan)?;
    write_logs(&folder.path().join("local"), segments).await?;
    let questions: Vec<String> = (0..QUESTIONS).map(|turn| question(turn, segments)).collect();

    let stack = Stack::start(plan, folder.path(), &["--match-shadow", "0.001"]).await?;
    while stack.metric("match_index_ready").await? != Some(1.0) {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let of_stack = Asked { address: stack.address(), authorization: stack.authorization().1, questions: &questions };
    let by_index = of_stack.ask(plan.times).await?;
    let with_index = stack.memory()?;
    let built = stack.metric("match_index_build_seconds").await?.unwrap_or(f64::NAN);
    let shadowed = |result: &str| format!("match_shadow_total{{result=\"{result}\"}}");
    let equal = stack.metric(&shadowed("equal")).await?.unwrap_or(0.0);
    let different = stack.metric(&shadowed("different")).await?.unwrap_or(0.0);
    let bare = Program::start(serving(&["--serve-echoes"])?).await?;
    let echoed = Asked { address: bare.address, ..of_stack }.ask(plan.times).await?;
    bare.stop().await?;
    stack.stop().await?;

    let stack = Stack::start(plan, folder.path(), &["--match-index", "off"]).await?;
    let of_stack = Asked { address: stack.address(), authorization: stack.authorization().1, questions: &questions };
    let by_sql = of_stack.ask(plan.times).await?;
    let without_index = stack.memory()?;
    let alone = pgbench::rate(stack.database_url()?, &script(segments), CONNECTIONS, plan.times).await?;
    stack.stop().await?;

    let assignments = segments * (PRODUCTS + CATEGORIES);
    let rate = by_index.per_second();
    report.aimed(SECTION, "from memory, 16 connections: rate", rate, "/s", Aim::AtLeast(20_000.0));
    report.add(SECTION, "from memory, 16 connections: p50", by_index.millis(0.5), "ms");
    report.aimed(SECTION, "from memory, 16 connections: p99", by_index.millis(0.99), "ms", Aim::AtMost(5.0));
    report.add_loop(SECTION, "floor: bare handler without an index, 16 connections", &echoed, None);
    report.add(SECTION, "from memory / floor: rate", by_index.per_second() / echoed.per_second(), "x");
    report.add_loop(SECTION, "from the database, 16 connections", &by_sql, None);
    if let Some(alone) = alone {
        report.add(SECTION, "floor: the statement by pgbench, 16 connections", alone, "/s");
        let ratio = by_sql.per_second() / alone;
        report.aimed(SECTION, "from the database / floor: rate", ratio, "x", Aim::AtLeast(0.6));
    }
    let rate = assignments as f64 / built;
    report.aimed(SECTION, format!("{assignments} assignments: built"), rate, "/s", Aim::AtLeast(500_000.0));
    let each = (with_index as f64 - without_index as f64) / assignments as f64;
    report.add(SECTION, "memory for each assignment, catalogue included", each, "B");
    report.add(SECTION, "compared with the database: equal", equal, "");
    report.aimed(SECTION, "compared with the database: different", different, "", Aim::AtMost(0.0));
    drop(folder);
    if plan.match_tenfold { measure_tenfold(plan, report).await } else { Ok(()) }
}

/// What is asked, where and as whom.
#[derive(Clone, Copy)]
struct Asked<'a> {
    address: SocketAddr,
    authorization: &'a str,
    questions: &'a [String],
}

impl Asked<'_> {
    async fn ask(self, times: Times) -> anyhow::Result<Measured> {
        let Self { address, authorization, questions } = self;
        let path = format!("{}/match", segments_path());
        let headers = [("authorization", authorization), ("content-type", "application/json")];
        let turn = Cell::new(0_usize);
        let step = async |connection: &mut Connection| {
            let body = &questions[turn.replace(turn.get() + 1) % questions.len()];
            let start = Instant::now();
            let answer = connection.exchange(Request { method: "POST", path: &path, headers: &headers, body }).await?;
            anyhow::ensure!(answer.expect(200)?.body.len() > 2, "nothing matches");
            Ok(start.elapsed())
        };
        closed_loop(address, CONNECTIONS, times, step).await
    }
}

/// This program as a server.
fn serving(arguments: &[&str]) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments);
    Ok(command)
}

/// From memory alone, with as many segments and with ten times as many.
async fn measure_tenfold(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let mut rates = Vec::new();
    for segments in [plan.match_segments, plan.match_segments * 10] {
        let folder = new_folder(plan)?;
        write_logs(folder.path(), segments).await?;
        let questions: Vec<String> = (0..QUESTIONS).map(|turn| question(turn, segments)).collect();
        let postgres = Postgres::start(PostgresOptions::new(folder.path().join("postgres"))).await?;
        let path = folder.path().to_str().context("the folder has no name that is text")?;
        let program = Program::start(serving(&["--serve-matches", path, &postgres.url()])?).await?;
        let empty = program.memory()?;
        while program.metric("match_index_ready").await? != Some(1.0) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let authorization = authorization(program.address, None).await?;
        let asked = Asked { address: program.address, authorization: &authorization, questions: &questions };
        let measured = asked.ask(plan.times).await?;
        let built = program.metric("match_index_build_seconds").await?.unwrap_or(f64::NAN);
        let held = program.memory()?.saturating_sub(empty);
        program.stop().await?;
        postgres.stop().await;

        let assignments = segments * (PRODUCTS + CATEGORIES);
        let what = |what: &str| format!("alone, {assignments} assignments: {what}");
        report.add_loop(SECTION, &what("from memory, 16 connections"), &measured, None);
        report.add(SECTION, what("built"), assignments as f64 / built, "/s");
        report.add(SECTION, what("memory for each"), held as f64 / assignments as f64, "B");
        rates.push(measured.per_second());
    }
    if let [once, tenfold] = rates[..] {
        report.aimed(SECTION, "ten times the data / once: rate", tenfold / once, "x", Aim::AtLeast(0.7));
    }
    Ok(())
}

async fn write_logs(folder: &Path, segments: u64) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    history::write_all(&folder.join(LOG), (0..segments).flat_map(events)).await?;
    let reference = LocalReference::open(folder.join(REFERENCE)).await?;
    let tenant = Tenant::parse(content::TENANT)?;
    let mut batch = Vec::with_capacity(BATCH);
    for entry in (0..segments).map(category).chain((0..segments * PAIRS).map(|number| pair(number, segments))) {
        batch.push(Change::Put { tenant: tenant.clone(), entry: entry? });
        if batch.len() == BATCH {
            reference.write(std::mem::take(&mut batch)).await?;
        }
    }
    reference.write(batch).await?;
    Ok(())
}

/// A segment and what it holds, all of it its own: as many categories as there are segments, each in ten of them.
fn events(segment: u64) -> impl Iterator<Item = (Event, u64)> {
    let now = SystemClock.now();
    let products = (0..PRODUCTS).map(move |place| (ItemType::Product, product_id(segment * PRODUCTS + place)));
    let categories = (0..CATEGORIES).map(move |place| (ItemType::Category, category_id(segment + place)));
    let items = products.chain(categories).map(move |(kind, id)| content::item_assigned(segment, kind, &id, now));
    std::iter::once(content::segment_created_at_main(segment, now)).chain(items).zip(1..)
}

fn category(number: u64) -> anyhow::Result<Entry> {
    let parent = number.checked_sub(1).map(|before| category_id(before / CHILDREN));
    let mut value = json!({ "id": category_id(number) });
    if let Some(parent) = parent {
        value["parentId"] = json!(parent);
    }
    Ok(Entry::from_json(Kind::Category, value)?)
}

fn pair(number: u64, segments: u64) -> anyhow::Result<Entry> {
    let value = json!({ "productId": product_id(number), "categoryId": category_id(number * STRIDE % segments) });
    Ok(Entry::from_json(Kind::ProductCategory, value)?)
}

fn product_id(number: u64) -> String {
    format!("product-{number}")
}

fn category_id(number: u64) -> String {
    format!("category-{number}")
}

/// Products of the segments that are asked for and others, in turn.
fn question(turn: u64, segments: u64) -> String {
    let asked = |place: u64| (turn * STRIDE + place * 13) % segments;
    let ids: Vec<String> = (0..ASKED_SEGMENTS).map(|place| content::segment_id(asked(place))).collect();
    let products = (0..ASKED_PRODUCTS).map(|place| {
        let of = if place % 2 == 0 { asked(place % ASKED_SEGMENTS) } else { (asked(0) + place * STRIDE) % segments };
        json!({ "id": product_id(of * PRODUCTS + (turn + place) % PRODUCTS) })
    });
    json!({ "items": products.collect::<Vec<_>>(), "segmentIds": ids, "site": "main" }).to_string()
}

/// The same questions for pgbench. It only knows numbers, so the ids are made of them in the statement.
fn script(segments: u64) -> String {
    let ids: Vec<String> = (0..ASKED_SEGMENTS)
        .map(|place| format!("'bench-segment-' || lpad(((:s + {}) % {segments})::text, 12, '0')", place * 13))
        .collect();
    let products: Vec<String> = (0..ASKED_PRODUCTS)
        .map(|place| {
            let of = if place % 2 == 0 { place % ASKED_SEGMENTS * 13 } else { place * STRIDE };
            format!("'product-' || (((:s + {of}) % {segments}) * {PRODUCTS} + (:p + {place}) % {PRODUCTS})::text")
        })
        .collect();
    let parameters = [
        ("$1", format!("'{}'", content::TENANT)),
        ("$2", format!("array[{}]", ids.join(", "))),
        ("$3", "'main'".to_owned()),
        ("$4", format!("array[{}]", products.join(", "))),
        ("$5", "null".to_owned()),
        ("$6", "true".to_owned()),
    ];
    let statement: Vec<&str> = SQL.lines().filter(|line| !line.starts_with("--")).collect();
    let statement = parameters.iter().fold(statement.join("\n"), |text, (name, value)| text.replace(name, value));
    let last = segments - 1;
    format!("\\set s random(0, {last})\n\\set p random(0, {PRODUCTS})\n{statement};\n")
}
