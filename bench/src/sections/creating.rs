//! Creating segments: alike on every log.

use std::{
    cell::Cell,
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use shared::log::EventLog;

use crate::{
    content,
    floor::{
        appending,
        log::{Rounds, measure as rounds},
    },
    load::{Measured, Times, closed_loop},
    stack::{Stack, segments_path},
    wire::{Connection, Request},
};

/// A shared machine is quick in one second and slow in the next: in so many turns the service and its floor are measured one
/// after the other.
const TURNS: u32 = 8;

/// The service and the log alone, with one client and with many.
#[derive(Debug)]
pub struct Compared {
    pub one: Measured,
    pub many: Measured,
    pub behind: Behind,
    pub raw_one: Measured,
    pub raw_many: Measured,
}

/// The most that one request takes.
pub const BULK: u64 = 200;

/// The many.
pub const MANY: usize = 64;

/// Measures creates, and in turn rounds of a log on the same disk or broker. `read_back`: see [`Rounds`].
pub async fn compare<L: EventLog>(stack: &Stack, log: &L, read_back: bool, times: Times) -> anyhow::Result<Compared> {
    let nothing = Measured::nothing;
    let (one, many, raw_one, raw_many) = (nothing(), nothing(), nothing(), nothing());
    let mut all = Compared { one, many, behind: Behind::default(), raw_one, raw_many };
    let times = times.part(TURNS);
    for _ in 0..TURNS {
        all.one.then(&creates(stack, 1, times).await?)?;
        all.raw_one.then(&rounds(log, Rounds { clients: 1, read_back }, times).await?)?;
    }
    for _ in 0..TURNS {
        let (many, behind) = creates_watched(stack, MANY, times).await?;
        all.many.then(&many)?;
        all.behind = all.behind.or_worse(&behind);
        all.raw_many.then(&rounds(log, Rounds { clients: MANY as u64, read_back }, times).await?)?;
    }
    Ok(all)
}

/// Creates of many connections at a command side alone, and in turn rounds of a log at the same broker.
pub async fn compare_writing<L: EventLog>(
    stack: &Stack,
    log: &L,
    times: Times,
) -> anyhow::Result<(Measured, Measured)> {
    let (mut service, mut floor) = (Measured::nothing(), Measured::nothing());
    let times = times.part(TURNS);
    for _ in 0..TURNS {
        service.then(&creates(stack, MANY, times).await?)?;
        floor.then(&rounds(log, Rounds { clients: MANY as u64, read_back: true }, times).await?)?;
    }
    Ok((service, floor))
}

/// Creates, and in turn bare requests of the same size that this server appends to a log of its own.
pub async fn compare_http(
    stack: &Stack,
    bare: SocketAddr,
    connections: usize,
    times: Times,
) -> anyhow::Result<(Measured, Measured)> {
    let (mut service, mut floor) = (Measured::nothing(), Measured::nothing());
    let times = times.part(TURNS);
    let body = content::segment_json(0);
    let headers = [stack.authorization(), ("content-type", "application/json")];
    let request = Request { method: "POST", path: appending::PATH, headers: &headers, body: &body };
    for _ in 0..TURNS {
        service.then(&creates(stack, connections, times).await?)?;
        let bare = closed_loop(bare, connections, times, async |connection| {
            let start = Instant::now();
            connection.exchange(request).await?.expect(201)?;
            Ok(start.elapsed())
        });
        floor.then(&bare.await?)?;
    }
    Ok((service, floor))
}

/// How often a write is followed until it is visible.
const SAMPLE_EVERY: Duration = Duration::from_millis(100);

/// Creates over so many connections.
async fn creates(stack: &Stack, connections: usize, times: Times) -> anyhow::Result<Measured> {
    closed_loop(stack.address(), connections, times, async |connection| Ok(stack.create(connection).await?.1)).await
}

/// The longest that a write took to be visible, and the greatest lag that an answer admitted.
#[derive(Debug, Default)]
pub struct Behind {
    pub visible_after: Duration,
    pub lag: Duration,
}

impl Behind {
    fn or_worse(&self, other: &Self) -> Self {
        Self { visible_after: self.visible_after.max(other.visible_after), lag: self.lag.max(other.lag) }
    }
}

/// The same, with a look at the views now and then.
async fn creates_watched(stack: &Stack, connections: usize, times: Times) -> anyhow::Result<(Measured, Behind)> {
    let is_over = Cell::new(false);
    let load = async {
        let measured = creates(stack, connections, times).await;
        is_over.set(true);
        measured
    };
    let watch = async {
        let mut behind = Behind::default();
        let mut connection = Connection::open(stack.address()).await?;
        while !is_over.get() {
            let (visible_after, lag) = visible_after(stack, &mut connection).await?;
            behind.visible_after = behind.visible_after.max(visible_after);
            behind.lag = behind.lag.max(lag);
            tokio::time::sleep(SAMPLE_EVERY).await;
        }
        anyhow::Ok(behind)
    };
    tokio::try_join!(load, watch)
}

/// Creates a segment, and reads it with the token of its creation: how long after the answer it was there, and the lag that
/// the answer admits.
pub async fn visible_after(stack: &Stack, connection: &mut Connection) -> anyhow::Result<(Duration, Duration)> {
    let (number, _, token) = stack.create(connection).await?;
    let path = format!("{}/{}", segments_path(), content::segment_id(number));
    let headers = [stack.authorization(), ("x-consistency-token", &token), ("prefer", "wait=10")];
    let start = Instant::now();
    let answer = connection.exchange(Request { method: "GET", path: &path, headers: &headers, body: "" }).await?;
    let took = start.elapsed();
    let answer = answer.expect(200)?;
    let lag = answer.header("x-view-lag-ms").context("no lag")?.parse().map(Duration::from_millis)?;
    Ok((took, lag))
}

/// Writes segments in bulk; all of them can be read when this returns.
pub async fn fill(stack: &Stack, segments: u64) -> anyhow::Result<()> {
    put_all(stack, (0..segments).map(|_| stack.next_number())).await
}

/// Writes a segment so many times that it has these versions.
pub async fn fill_versions(stack: &Stack, versions: u64) -> anyhow::Result<u64> {
    let number = stack.next_number();
    put_all(stack, (0..versions).map(|_| number)).await?;
    Ok(number)
}

async fn put_all(stack: &Stack, numbers: impl Iterator<Item = u64>) -> anyhow::Result<()> {
    let mut connection = Connection::open(stack.address()).await?;
    let path = format!("{}/bulk", segments_path());
    let headers = [stack.authorization(), ("content-type", "application/json")];
    let mut numbers = numbers.map(content::segment_json).peekable();
    while numbers.peek().is_some() {
        let rows: Vec<String> = numbers.by_ref().take(BULK as usize).collect();
        let body = format!("[{}]", rows.join(","));
        let answer =
            connection.exchange(Request { method: "PUT", path: &path, headers: &headers, body: &body }).await?;
        answer.expect(207)?;
    }
    // The token of one more write does not cover the other partitions, but their answers say how far behind they are.
    while visible_after(stack, &mut connection).await?.1 > Duration::ZERO {}
    Ok(())
}
