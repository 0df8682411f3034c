//! Reads of the embedded stack, and a bare handler over the same database.

use std::{
    cell::Cell,
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::process::Command;

use super::creating::{fill, fill_versions, visible_after};
use crate::{
    Plan, content,
    load::{Measured, Times, closed_loop},
    report::{Aim, Report},
    stack::{Program, Stack, new_folder, segments_path},
    wire::{Connection, Request},
};

const SECTION: &str = "reads";
const CONNECTIONS: usize = 16;
/// Those who write and read their writes: few, since the question is how long it takes and not how many can.
const TOKEN_READERS: usize = 4;
/// Of the segment whose history is read.
const VERSIONS: u64 = 10_000;
/// Coprime to every number of segments that is likely, so that reads go through all of them in no order.
const STRIDE: u64 = 7_919;

/// Where and as whom to read.
struct Reader<'a> {
    address: SocketAddr,
    base: String,
    headers: Vec<(&'a str, &'a str)>,
}

/// See the module.
pub async fn measure(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let folder = new_folder(plan)?;
    let stack = Stack::start(plan, folder.path(), &[]).await?;
    fill(&stack, plan.segments).await?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--serve-reads", stack.database_url()?]);
    let floor = Program::start(command).await?;

    let service = Reader { address: stack.address(), base: segments_path(), headers: vec![stack.authorization()] };
    let base = format!("/{}/segments", content::TENANT);
    let bare = Reader { address: floor.address, base, headers: Vec::new() };
    let one = service.read_one(plan.segments, plan.times).await?;
    let bare_one = bare.read_one(plan.segments, plan.times).await?;
    let list = service.list(plan.times).await?;
    let bare_list = bare.list(plan.times).await?;
    let tokens = closed_loop(stack.address(), TOKEN_READERS, plan.times, async |connection| {
        Ok(visible_after(&stack, connection).await?.0)
    });
    let tokens = tokens.await?;
    floor.stop().await?;
    let long = fill_versions(&stack, VERSIONS).await?;
    let present = service.one_client(&content::segment_id(long), plan.times).await?;
    let history = service.one_client(&format!("{}/history", content::segment_id(long)), plan.times).await?;
    stack.stop().await?;

    report.add_loop(SECTION, "one segment, 16 connections", &one, Some(Aim::AtLeast(12_000.0)));
    report.add_loop(SECTION, "floor: bare handler, one segment", &bare_one, None);
    let ratio = one.per_second() / bare_one.per_second();
    report.aimed(SECTION, "one segment / floor: rate", ratio, "x", Aim::AtLeast(0.8));
    report.add_loop(SECTION, "list of 60, 16 connections", &list, Some(Aim::AtLeast(4_000.0)));
    report.add_loop(SECTION, "floor: bare handler, list of 60", &bare_list, None);
    report.add(SECTION, "list of 60 / floor: rate", list.per_second() / bare_list.per_second(), "x");
    report.add(SECTION, "one segment, 1 connection: p50", present.millis(0.5), "ms");
    let what = format!("history of {VERSIONS} versions, first page, 1 connection: p50");
    report.add(SECTION, what, history.millis(0.5), "ms");
    let ratio = history.millis(0.5) / present.millis(0.5);
    report.aimed(SECTION, "history, first page / one segment: time", ratio, "x", Aim::AtMost(2.0));
    let (half, nearly_all) = (tokens.millis(0.5), tokens.millis(0.99));
    report.add(SECTION, "a write visible to a token read, 4 connections: p50", half, "ms");
    let what = "a write visible to a token read, 4 connections: p99";
    report.aimed(SECTION, what, nearly_all, "ms", Aim::AtMost(50.0));
    Ok(())
}

impl Reader<'_> {
    async fn read_one(&self, segments: u64, times: Times) -> anyhow::Result<Measured> {
        let turn = Cell::new(0_u64);
        let step = async |connection: &mut Connection| {
            let number = turn.replace(turn.get() + 1) * STRIDE % segments;
            self.get(connection, &format!("{}/{}", self.base, content::segment_id(number))).await
        };
        closed_loop(self.address, CONNECTIONS, times, step).await
    }

    async fn list(&self, times: Times) -> anyhow::Result<Measured> {
        let path = format!("{}?pageSize=60", self.base);
        let step = async |connection: &mut Connection| self.get(connection, &path).await;
        closed_loop(self.address, CONNECTIONS, times, step).await
    }

    /// How long one client waits for what is at a path below the segments.
    async fn one_client(&self, path: &str, times: Times) -> anyhow::Result<Measured> {
        let path = format!("{}/{path}", self.base);
        closed_loop(self.address, 1, times, async |connection| self.get(connection, &path).await).await
    }

    async fn get(&self, connection: &mut Connection, path: &str) -> anyhow::Result<Duration> {
        let start = Instant::now();
        let request = Request { method: "GET", path, headers: &self.headers, body: "" };
        connection.exchange(request).await?.expect(200)?;
        Ok(start.elapsed())
    }
}
