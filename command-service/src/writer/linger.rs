//! Staying awake for a moment.
//!
//! Whoever writes one thing after another puts the writer to sleep twice a round: until the append is durable, and until the
//! next command. To wake a thread on a core that has gone idle takes longer than to decide a command. So after news the writer
//! looks for more a while before it sleeps, and between two looks leaves its core to whoever wants it. So does a caller that
//! waits for its answer. That pays where an append takes no longer than such a while, and while there are few callers: of many,
//! one has always just called.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// More callers at once than these find everybody awake.
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
        awake_until(self.until).await
    }
}

/// Those that wait for an answer of the writer.
#[derive(Debug)]
pub(super) struct Callers {
    moment: Duration,
    waiting: AtomicUsize,
}

impl Callers {
    /// Each lingers for so long; not at all if that is nothing.
    pub(super) fn new(moment: Duration) -> Arc<Self> {
        Arc::new(Self { moment, waiting: AtomicUsize::new(0) })
    }

    /// One more, until it is dropped.
    pub(super) fn enter(self: &Arc<Self>) -> Caller {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let now = Instant::now();
        Caller { until: if before < FEW { now + self.moment } else { now }, all: self.clone() }
    }
}

/// One of them.
#[derive(Debug)]
pub(super) struct Caller {
    until: Instant,
    all: Arc<Callers>,
}

impl Caller {
    /// Keeps its task awake until the moment is over. Never ends.
    pub(super) async fn awake(&self) -> Infallible {
        awake_until(self.until).await
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.all.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn awake_until(until: Instant) -> Infallible {
    while Instant::now() < until {
        std::thread::yield_now();
        tokio::task::yield_now().await;
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        sync::atomic::AtomicBool,
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
    async fn a_caller_lingers_for_a_moment_while_few_wait() {
        let callers = Callers::new(Duration::from_millis(1));
        let mut few: Vec<Caller> = (0..FEW).map(|_| callers.enter()).collect();
        let one_more = callers.enter();
        assert!(is_awake(few[FEW - 1].awake()).await);
        assert!(!is_awake(one_more.awake()).await, "of many");
        few.pop();
        drop(one_more);
        let after_one_has_left = callers.enter();
        assert!(is_awake(after_one_has_left.awake()).await);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!is_awake(after_one_has_left.awake()).await, "after the moment");
        let never = Callers::new(Duration::ZERO);
        assert!(!is_awake(never.enter().awake()).await, "where it does not pay");
    }
}
