//! Reading: from memory as long as the reader keeps up, else in pages from the file, read ahead by a blocking task.

use std::{collections::VecDeque, sync::Arc};

use futures::{Stream, StreamExt, stream};
use rusqlite::{Connection, OptionalExtension as _};
use tokio::sync::{mpsc, watch};

use super::{Shared, file, row};
use crate::log::{LogError, Offset, Partition, Record, recent::Found};

/// Records and bytes of a page, about; a read transaction lasts no longer than a page.
const PAGE_RECORDS: usize = 512;
const PAGE_BYTES: usize = 1024 * 1024;

/// How many pages are read ahead.
const PAGES_AHEAD: usize = 2;

struct Tail {
    shared: Arc<Shared>,
    /// Where to go on in each partition.
    positions: Vec<(Partition, Offset)>,
    ready: VecDeque<Record>,
    fresh: VecDeque<Arc<Record>>,
    pages: Option<mpsc::Receiver<Result<Page, LogError>>>,
    changed: watch::Receiver<Offset>,
    ended: bool,
}

/// What a stretch of the file holds of the partitions asked for.
struct Page {
    records: Vec<Record>,
    /// The end of the stretch.
    next: Offset,
}

pub(super) fn read(
    shared: Arc<Shared>,
    positions: Vec<(Partition, Offset)>,
) -> impl Stream<Item = Result<Record, LogError>> + Send + Unpin + 'static {
    let changed = shared.recent.changes(&positions);
    let (ready, fresh) = (VecDeque::new(), VecDeque::new());
    let tail = Tail { shared, positions, ready, fresh, pages: None, changed, ended: false };
    stream::unfold(tail, |mut tail| async move { tail.next().await.map(|item| (item, tail)) }).boxed()
}

impl Tail {
    async fn next(&mut self) -> Option<Result<Record, LogError>> {
        if self.ended {
            return None;
        }
        loop {
            if let Some(record) = self.ready.pop_front() {
                return Some(Ok(record));
            }
            if let Some(record) = self.fresh.pop_front() {
                return Some(Ok(Arc::unwrap_or_clone(record)));
            }
            if let Err(error) = self.gather().await {
                self.ended = true;
                return Some(Err(error));
            }
        }
    }

    async fn gather(&mut self) -> Result<(), LogError> {
        if let Some(pages) = &mut self.pages {
            match pages.recv().await.transpose()? {
                Some(page) => self.take(page),
                None => self.pages = None,
            }
            return Ok(());
        }
        self.changed.mark_unchanged();
        match self.shared.recent.after(&self.positions, PAGE_RECORDS) {
            Found::Behind => {
                let (send, receive) = mpsc::channel(PAGES_AHEAD);
                let scan = Scan { shared: self.shared.clone(), positions: self.positions.clone() };
                tokio::task::spawn_blocking(move || scan.run(&send));
                self.pages = Some(receive);
            }
            Found::Closed => return Err(closed()),
            Found::Records(records) if records.is_empty() => self.changed.changed().await.map_err(|_| closed())?,
            Found::Records(records) => {
                for record in &records {
                    self.advance(record.partition, record.offset + 1);
                }
                self.fresh.extend(records);
            }
        }
        Ok(())
    }

    fn take(&mut self, page: Page) {
        for (_, next) in &mut self.positions {
            *next = page.next.max(*next);
        }
        self.ready.extend(page.records);
    }

    fn advance(&mut self, partition: Partition, to: Offset) {
        for (_, next) in self.positions.iter_mut().filter(|(held, _)| *held == partition) {
            *next = to;
        }
    }
}

fn closed() -> LogError {
    LogError::Unavailable("the log is closed".to_owned())
}

/// Reads everything that was committed when it began.
struct Scan {
    shared: Arc<Shared>,
    positions: Vec<(Partition, Offset)>,
}

impl Scan {
    fn run(self, pages: &mpsc::Sender<Result<Page, LogError>>) {
        if let Err(error) = self.send_all(pages) {
            // Nobody may be there any more.
            drop(pages.blocking_send(Err(error)));
        }
    }

    fn send_all(&self, pages: &mpsc::Sender<Result<Page, LogError>>) -> Result<(), LogError> {
        let end = self.shared.recent.greatest_end();
        let connection = file::open_for_reading(&self.shared.path)?;
        let mut next = self.first(&connection, end)?;
        // What lies before is not wanted: who asked is to know, though there is nothing to show for it.
        if pages.blocking_send(Ok(Page { records: Vec::new(), next })).is_err() {
            return Ok(());
        }
        while next < end {
            let page = self.page(&connection, next, end)?;
            next = page.next;
            if pages.blocking_send(Ok(page)).is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Where the first record lies that is wanted. A partition that has long been quiet must not make it read all that others
    /// wrote since.
    fn first(&self, connection: &Connection, end: Offset) -> Result<Offset, LogError> {
        let sql = |error: rusqlite::Error| row::unreadable(&error);
        let ask = "SELECT position FROM record WHERE partition = ?1 AND position >= ?2 AND position < ?3 ORDER BY position LIMIT 1";
        let mut statement = connection.prepare(ask).map_err(sql)?;
        let mut first = end;
        for (partition, from) in &self.positions {
            let found = statement.query_row([i64::from(partition.number()), *from, first], |row| row.get(0)).optional();
            first = found.map_err(sql)?.unwrap_or(first);
        }
        Ok(first)
    }

    fn page(&self, connection: &Connection, next: Offset, end: Offset) -> Result<Page, LogError> {
        match self.positions.as_slice() {
            [(partition, _)] => page_of_one(connection, *partition, next, end),
            _ => self.page_of_many(connection, next, end),
        }
    }

    fn page_of_many(&self, connection: &Connection, next: Offset, end: Offset) -> Result<Page, LogError> {
        let mut page = Page { records: Vec::new(), next };
        let sql = |error: rusqlite::Error| row::unreadable(&error);
        let mut statement = connection
            .prepare_cached(
                "SELECT position, partition, appended_at, key, headers, value FROM record \
                 WHERE position >= ?1 AND position < ?2 ORDER BY position",
            )
            .map_err(sql)?;
        let mut rows = statement.query([next, end]).map_err(sql)?;
        let mut bytes = 0;
        while page.records.len() < PAGE_RECORDS && bytes < PAGE_BYTES && page.next < end {
            let Some(row) = rows.next().map_err(sql)? else { break };
            let (position, partition) = row::place(row).map_err(sql)?;
            if position != page.next {
                break;
            }
            page.next += 1;
            if self.positions.iter().any(|(wanted, from)| *wanted == partition && *from <= position) {
                let record = row::record(row)?;
                bytes += record.value.len();
                page.records.push(record);
            }
        }
        if page.next == next {
            return Err(LogError::Damaged(format!("record {next} is missing")));
        }
        Ok(page)
    }
}

fn page_of_one(connection: &Connection, partition: Partition, next: Offset, end: Offset) -> Result<Page, LogError> {
    let sql = |error: rusqlite::Error| row::unreadable(&error);
    let mut statement = connection
        .prepare_cached(
            "SELECT position, partition, appended_at, key, headers, value FROM record \
             WHERE partition = ?1 AND position >= ?2 AND position < ?3 ORDER BY position",
        )
        .map_err(sql)?;
    let mut rows = statement.query([i64::from(partition.number()), next, end]).map_err(sql)?;
    let (mut records, mut bytes) = (Vec::new(), 0);
    while records.len() < PAGE_RECORDS && bytes < PAGE_BYTES {
        let Some(row) = rows.next().map_err(sql)? else { return Ok(Page { records, next: end }) };
        let record = row::record(row)?;
        bytes += record.value.len();
        records.push(record);
    }
    let next = records.last().map_or(end, |last: &Record| last.offset + 1);
    Ok(Page { records, next })
}
