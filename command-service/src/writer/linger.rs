//! Staying awake for a moment.
//!
//! To wake a thread on a core that has gone idle takes longer than to decide a command. So while there are few callers the writer
//! looks for more news a while before it sleeps, and between two looks leaves its core to whoever wants it. Callers sleep while
//! the disk works, and are woken when it is done: until their records are read back and answered they are awake. That pays where
//! an append takes no longer than such a while; of many callers, one has always just called.

use std::{convert::Infallible, future, sync::Arc, thread, time::Duration};

use tokio::{sync::Notify, time::Instant};

/// More commands in a round than these have callers enough that somebody is always awake.
pub(super) const FEW: usize = 4;

/// Of the writer.
#[derive(Debug)]
pub(super) struct Linger {
    moment: Duration,
    until: Instant,
}

impl Linger {
    /// Lingers for so long after each piece of news; not at all if that is nothing.
    pub(super) fn new(now: Instant, moment: Duration) -> Self {
        Self { moment, until: now }
    }

    /// There was news, and there are few callers or not.
    pub(super) fn news(&mut self, now: Instant, few_callers: bool) {
        self.until = if few_callers { now + self.moment } else { now };
    }

    /// Keeps its task awake until the moment is over. Never ends.
    pub(super) async fn awake(&self) -> Infallible {
        stay_awake(self.until).await;
        future::pending().await
    }
}

/// Those that wait for an answer of the writer.
#[derive(Debug)]
pub(super) struct Callers {
    moment: Duration,
    soon: Notify,
}

impl Callers {
    /// Each is awake for so long when it is roused.
    pub(super) fn new(moment: Duration) -> Arc<Self> {
        Arc::new(Self { moment, soon: Notify::new() })
    }

    /// Answers are about to come.
    pub(super) fn rouse(&self) {
        self.soon.notify_waiters();
    }

    /// Keeps its task awake whenever answers are about to come. Never ends.
    pub(super) async fn awake(&self) -> Infallible {
        loop {
            self.soon.notified().await;
            stay_awake(Instant::now() + self.moment).await;
        }
    }
}

async fn stay_awake(until: Instant) {
    while Instant::now() < until {
        thread::yield_now();
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        sync::atomic::{AtomicBool, Ordering},
        task::{Context, Wake, Waker},
    };

    use super::*;

    #[derive(Default)]
    struct Asked(AtomicBool);

    impl Wake for Asked {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// Whether its task is to be asked again at once.
    async fn is_awake(awake: impl Future<Output = Infallible>) -> bool {
        let asked = Arc::new(Asked::default());
        let is_pending = pin!(awake).poll(&mut Context::from_waker(&Waker::from(asked.clone()))).is_pending();
        assert!(is_pending, "it never ends");
        // What yields is woken once the others had their turn.
        tokio::task::yield_now().await;
        asked.0.load(Ordering::Relaxed)
    }

    #[tokio::test(start_paused = true)]
    async fn the_writer_lingers_for_a_moment_after_news_while_there_are_few_callers() {
        let moment = Duration::from_millis(1);
        let mut linger = Linger::new(Instant::now(), moment);
        assert!(!is_awake(linger.awake()).await, "without news");
        linger.news(Instant::now(), true);
        assert!(is_awake(linger.awake()).await, "after news");
        tokio::time::advance(moment).await;
        assert!(!is_awake(linger.awake()).await, "after the moment");
        linger.news(Instant::now(), false);
        assert!(!is_awake(linger.awake()).await, "with many callers");
        let mut never = Linger::new(Instant::now(), Duration::ZERO);
        never.news(Instant::now(), true);
        assert!(!is_awake(never.awake()).await, "where it does not pay");
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_is_awake_for_a_moment_whenever_answers_are_about_to_come() {
        let moment = Duration::from_millis(1);
        let callers = Callers::new(moment);
        let asked = Arc::new(Asked::default());
        let waker = Waker::from(asked.clone());
        let mut awake = pin!(callers.awake());
        let mut looks_again = async || {
            assert!(awake.as_mut().poll(&mut Context::from_waker(&waker)).is_pending(), "it never ends");
            tokio::task::yield_now().await;
            asked.0.swap(false, Ordering::Relaxed)
        };
        assert!(!looks_again().await, "while the disk works");
        for _ in 0..2 {
            callers.rouse();
            assert!(looks_again().await && looks_again().await);
            tokio::time::advance(moment).await;
            assert!(!looks_again().await, "after the moment");
        }
    }
}
