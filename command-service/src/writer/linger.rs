//! Staying awake for a moment.
//!
//! Whoever writes one thing after another puts the writer to sleep twice a round: until the append is durable, and until the
//! next command. To wake a thread on a core that has gone idle takes longer than to decide a command. So after news the writer
//! looks for more a while before it sleeps, and between two looks leaves its core to whoever wants it. That pays where an
//! append takes no longer than such a while, and while there are few callers: of many, one has always just called.

use std::{convert::Infallible, time::Duration};

use tokio::time::Instant;

/// See the module.
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
        while Instant::now() < self.until {
            std::thread::yield_now();
            tokio::task::yield_now().await;
        }
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
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
    async fn is_awake(linger: &Linger) -> bool {
        let asked = Arc::new(Asked::default());
        let is_pending = pin!(linger.awake()).poll(&mut Context::from_waker(&Waker::from(asked.clone()))).is_pending();
        assert!(is_pending, "it never ends");
        // What yields is woken once the others had their turn.
        tokio::task::yield_now().await;
        asked.0.load(Ordering::Relaxed)
    }

    #[tokio::test(start_paused = true)]
    async fn the_writer_lingers_for_a_moment_after_news_while_there_are_few_callers() {
        let moment = Duration::from_millis(1);
        let mut linger = Linger::new(Instant::now(), moment);
        assert!(!is_awake(&linger).await, "without news");
        linger.news(Instant::now(), true);
        assert!(is_awake(&linger).await, "after news");
        tokio::time::advance(moment).await;
        assert!(!is_awake(&linger).await, "after the moment");
        linger.news(Instant::now(), false);
        assert!(!is_awake(&linger).await, "with many callers");
        let mut never = Linger::new(Instant::now(), Duration::ZERO);
        never.news(Instant::now(), true);
        assert!(!is_awake(&never).await, "where it does not pay");
    }
}
