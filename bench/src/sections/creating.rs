//! Creating segments: alike on every log.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use anyhow::Context as _;

use crate::{
    content,
    load::{Measured, Times, closed_loop},
    stack::{Stack, segments_path},
    wire::{Connection, Request},
};

/// How often a write is followed until it is visible.
const SAMPLE_EVERY: Duration = Duration::from_millis(100);

/// Creates over so many connections.
pub async fn creates(stack: &Stack, connections: usize, times: Times) -> anyhow::Result<Measured> {
    closed_loop(stack.address(), connections, times, async |connection| Ok(stack.create(connection).await?.1)).await
}

/// The longest that a write took to be visible, and the greatest lag that an answer admitted.
#[derive(Debug, Default)]
pub struct Behind {
    pub visible_after: Duration,
    pub lag: Duration,
}

/// The same, with a look at the views now and then.
pub async fn creates_watched(stack: &Stack, connections: usize, times: Times) -> anyhow::Result<(Measured, Behind)> {
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
