//! Assigning items in bulk, and what customers see of the segments that they are in.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use anyhow::Context as _;

use super::creating::{BULK, fill};
use crate::{
    Plan, content,
    load::closed_loop,
    pgbench,
    report::{Aim, Report},
    stack::{Stack, new_folder, segments_path},
    wire::{Connection, Request},
};

const SECTION: &str = "assigning";
const CONNECTIONS: usize = 16;
const CUSTOMER: &str = "bench-customer";
/// The segments that the customer is in.
const OWN: u64 = 50;
/// Coprime to every number of segments that is likely.
const STRIDE: u64 = 7_919;

/// See the module.
pub async fn measure(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let folder = new_folder(plan)?;
    let stack = Stack::start(plan, folder.path(), &[]).await?;
    fill(&stack, plan.segments).await?;
    let mut connection = Connection::open(stack.address()).await?;
    let customers = format!(r#"[{{"customerId":"{CUSTOMER}"}}]"#);
    for number in 0..OWN {
        let segment = content::segment_id(number * STRIDE % plan.segments);
        put(&stack, &mut connection, &format!("{}/{segment}/customers/bulk", segments_path()), &customers).await?;
    }

    let authorization = stack.authorization_of(CUSTOMER).await?;
    let headers = [("authorization", authorization.as_str())];
    let path = format!("{}?pageSize={OWN}", segments_path());
    let request = Request { method: "GET", path: &path, headers: &headers, body: "" };
    let until = Instant::now() + Duration::from_secs(10);
    while rows(connection.exchange(request).await?.expect(200)?.body)? < OWN as usize {
        anyhow::ensure!(Instant::now() < until, "the customer does not see all segments");
    }
    let own = closed_loop(stack.address(), CONNECTIONS, plan.times, async |connection| {
        let start = Instant::now();
        connection.exchange(request).await?.expect(200)?;
        Ok(start.elapsed())
    });
    let own = own.await?;
    let alone = pgbench::rate(stack.database_url()?, &own_segments(), CONNECTIONS, plan.times).await?;

    let turn = Cell::new(0_u64);
    let bulks = closed_loop(stack.address(), CONNECTIONS, plan.times, async |connection| {
        let turn = turn.replace(turn.get() + 1);
        let segment = content::segment_id(turn * STRIDE % plan.segments);
        let path = format!("{}/{segment}/items/PRODUCT/bulk", segments_path());
        put(&stack, connection, &path, &items(turn)).await
    });
    let bulks = bulks.await?;
    stack.stop().await?;

    let what = "own segments of a customer in 50, 16 connections";
    report.add_loop(SECTION, what, &own, Some(Aim::AtLeast(5_000.0)));
    if let Some(alone) = alone {
        report.add(SECTION, "floor: the statement by pgbench, 16 connections", alone, "/s");
        report.add(SECTION, "own segments / floor: rate", own.per_second() / alone, "x");
    }
    report.add_loop(SECTION, "bulk puts of 200 items, 16 connections", &bulks, None);
    let assignments = bulks.per_second() * BULK as f64;
    report.aimed(SECTION, "assignments accepted", assignments, "/s", Aim::AtLeast(20_000.0));
    Ok(())
}

async fn put(stack: &Stack, connection: &mut Connection, path: &str, body: &str) -> anyhow::Result<Duration> {
    let headers = [stack.authorization(), ("content-type", "application/json")];
    let start = Instant::now();
    let answer = connection.exchange(Request { method: "PUT", path, headers: &headers, body }).await?.expect(207)?;
    let took = start.elapsed();
    let text = std::str::from_utf8(answer.body)?;
    anyhow::ensure!(!text.contains(r#""code":4"#), "something was refused: {text}");
    Ok(took)
}

/// What the list of the customer asks of the database, as the owner of the tables: without the wall between tenants.
fn own_segments() -> String {
    let tenant = content::TENANT;
    format!(
        "select s.doc::text from segment s where s.tenant = '{tenant}' and s.segment_id = any (array( \
         select a.segment_id from live_customer_assignment a where a.tenant = '{tenant}' and a.customer_id = '{CUSTOMER}')) \
         and s.status = 'ACTIVE' order by s.segment_id limit {OWN};\n"
    )
}

/// As many items as one request takes, new ones in every turn.
fn items(turn: u64) -> String {
    let items: Vec<String> = (0..BULK).map(|place| format!(r#"{{"id":"product-{}"}}"#, turn * BULK + place)).collect();
    format!("[{}]", items.join(","))
}

fn rows(body: &[u8]) -> anyhow::Result<usize> {
    let body: serde_json::Value = serde_json::from_slice(body)?;
    Ok(body.as_array().context("no list")?.len())
}
