//! A stream as Server-Sent Events: each event is one message of its CloudEvent, under the id that goes on behind it.
//!
//! It is asked for more only when the client has taken what there was, so a client that is slow holds nothing but its place.

#[cfg(test)]
mod tests;

use std::{convert::Infallible, pin::Pin, time::Duration};

use actix_web::web::Bytes;
use futures::{FutureExt as _, Stream, stream};
use shared::{
    events::structured,
    log::{EventLog, Record},
};
use tokio::time::{self, Instant};

use super::{Filter, Reader, Slot, reader::Failure, stats};

/// After so long without a message a comment is sent: proxies close what is silent, and this is how a client that is gone is
/// noticed. It carries the present id, so that who resumes does not read again what the filter has held back.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long clients are told to wait before they come again, in milliseconds.
const RETRY_MILLIS: u64 = 2_000;

/// About as many bytes are sent at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// How long it rests when few records came: who wakes for every record takes the processor from those who write it.
const REST: Duration = Duration::from_millis(25);
const FEW: usize = 64;

/// The most records that are looked at before others may go on.
const AT_ONCE: usize = 1_024;

type Waiting = Pin<Box<dyn Future<Output = ()>>>;

/// What ends a stream from outside.
pub struct Ends {
    /// The service stops.
    pub stopping: Waiting,
    /// The token is accepted no more.
    pub expired: Waiting,
    /// The client is gone.
    pub left: Waiting,
}

/// See the module.
pub struct Body<L> {
    reading: Reading<L>,
    ends: Ends,
    phase: Phase,
    _slot: Slot,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Begun,
    Open,
    Over,
}

struct Reading<L> {
    reader: Reader<L>,
    filter: Filter,
    /// The id that the client was told last.
    told: String,
    /// When it must hear something again.
    due: Instant,
    /// How many records came when it last looked.
    came: usize,
    /// Why it cannot go on; told when what was before it has been sent.
    broken: Option<Failure>,
}

impl<L: EventLog> Body<L> {
    /// What this reader finds of what is wanted, until one of the ends.
    pub fn new(reader: Reader<L>, filter: Filter, ends: Ends, slot: Slot) -> Self {
        Self { reading: Reading::of(reader, filter), ends, phase: Phase::Begun, _slot: slot }
    }

    /// The bytes, as they can be sent.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        stream::unfold(self, |mut body| async move { body.next().await.map(|chunk| (Ok(chunk), body)) })
    }

    async fn next(&mut self) -> Option<Bytes> {
        let over = match self.phase {
            Phase::Begun => {
                self.phase = Phase::Open;
                return Some(format!("retry: {RETRY_MILLIS}\nid: {}\n\n", self.reading.told).into());
            }
            Phase::Open => tokio::select! {
                biased;
                () = &mut self.ends.stopping => "the service stops",
                () = &mut self.ends.expired => "the token has expired",
                () = &mut self.ends.left => "nobody reads",
                chunk = self.reading.next() => match chunk {
                    Ok(chunk) => return Some(chunk.into()),
                    Err(failure) => {
                        tracing::error!(%failure, "a stream of events has ended");
                        "the events cannot be read on"
                    }
                },
            },
            Phase::Over => return None,
        };
        self.phase = Phase::Over;
        Some(format!(": {over}\n\n").into())
    }
}

impl<L: EventLog> Reading<L> {
    fn of(reader: Reader<L>, filter: Filter) -> Self {
        let told = reader.cursor().to_string();
        Self { reader, filter, told, due: Instant::now() + KEEP_ALIVE, came: FEW, broken: None }
    }

    /// Waits until there is something to say.
    async fn next(&mut self) -> Result<Vec<u8>, Failure> {
        if let Some(failure) = self.broken.take() {
            return Err(failure);
        }
        loop {
            if self.came < FEW {
                time::sleep(REST).await;
            }
            tokio::select! {
                biased;
                () = time::sleep_until(self.due) => {
                    self.due = Instant::now() + KEEP_ALIVE;
                    return Ok(self.keep_alive());
                }
                chunk = self.gather() => {
                    if !chunk.is_empty() {
                        self.due = Instant::now() + KEEP_ALIVE;
                        return Ok(chunk);
                    }
                    if let Some(failure) = self.broken.take() {
                        return Err(failure);
                    }
                }
            }
        }
    }

    /// Waits for a record, and takes what else is there. Only its first step waits, so that nothing is lost when it is left.
    async fn gather(&mut self) -> Vec<u8> {
        let mut next = Some(self.reader.next().await);
        let (mut chunk, mut events) = (Vec::new(), 0);
        self.came = 0;
        while let Some(came) = next {
            self.came += 1;
            match came.and_then(|record| self.message(record)) {
                Ok(None) => {}
                Ok(Some(message)) => {
                    chunk.extend(message);
                    events += 1;
                }
                Err(failure) => {
                    self.broken = Some(failure);
                    break;
                }
            }
            let is_full = chunk.len() >= CHUNK_BYTES || self.came >= AT_ONCE;
            next = if is_full { None } else { self.reader.next().now_or_never() };
        }
        stats::sent(events);
        chunk
    }

    /// The message of an event that is wanted.
    fn message(&mut self, record: Option<Record>) -> Result<Option<Vec<u8>>, Failure> {
        let Some(event) = record.filter(|record| self.filter.wants(record)) else { return Ok(None) };
        let text = structured(&event).map_err(|error| Failure::of_value(&event, error))?;
        self.told = self.reader.cursor().to_string();
        Ok(Some([b"id: ", self.told.as_bytes(), b"\ndata: ", &text, b"\n\n"].concat()))
    }

    fn keep_alive(&mut self) -> Vec<u8> {
        let id = self.reader.cursor().to_string();
        if id == self.told {
            return b":\n\n".to_vec();
        }
        self.told = id;
        format!(":\nid: {}\n\n", self.told).into_bytes()
    }
}
