//! The tail of the log in memory.

use std::collections::VecDeque;

use futures::{Stream, StreamExt, stream};
use tokio::{sync::watch, time};

use super::MemLog;
use crate::log::{LogError, Offset, Partition, Record};

struct Reader {
    log: MemLog,
    positions: Vec<(Partition, Offset)>,
    handful: VecDeque<Record>,
    changed: watch::Receiver<()>,
    broken: bool,
}

pub(super) fn read(
    log: MemLog,
    positions: Vec<(Partition, Offset)>,
) -> impl Stream<Item = Result<Record, LogError>> + Send + Unpin + 'static {
    let changed = log.0.changed.subscribe();
    let reader = Reader { log, positions, handful: VecDeque::new(), changed, broken: false };
    stream::unfold(reader, |mut reader| async move { reader.next().await.map(|item| (item, reader)) }).boxed()
}

impl Reader {
    async fn next(&mut self) -> Option<Result<Record, LogError>> {
        if self.broken {
            return None;
        }
        while self.handful.is_empty() {
            self.changed.mark_unchanged();
            if !self.gather() {
                self.changed.changed().await.ok()?;
                continue;
            }
            let fate = self.log.state().chance.handful();
            if !fate.lag.is_zero() {
                time::sleep(fate.lag).await;
            }
            if fate.breaks {
                self.broken = true;
                return Some(Err(LogError::Unavailable("the tail broke by chance".to_owned())));
            }
        }
        self.handful.pop_front().map(Ok)
    }

    /// Takes some of what is visible of every partition.
    fn gather(&mut self) -> bool {
        let mut state = self.log.state();
        for (partition, next) in &mut self.positions {
            let size = state.chance.handful_size();
            let visible = state.store.visible(*partition, *next);
            self.handful.extend(visible.iter().take(size).cloned());
            if let Some(last) = self.handful.back().filter(|last| last.partition == *partition) {
                *next = last.offset + 1;
            }
        }
        !self.handful.is_empty()
    }
}
