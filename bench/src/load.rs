//! Closed loops: each connection asks again as soon as it was answered.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures::future::try_join_all;
use hdrhistogram::Histogram;

use crate::wire::Connection;

/// Ten minutes; what takes longer counts as this.
const LONGEST_NANOS: u64 = 600_000_000_000;

/// How long to measure.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// Load that is not counted.
    pub warm_up: Duration,
    /// Load that is.
    pub measured: Duration,
}

impl Times {
    /// One of so many equal parts.
    pub fn part(self, of: u32) -> Self {
        Self { warm_up: self.warm_up / of, measured: self.measured / of }
    }
}

/// What a loop has seen.
#[derive(Debug)]
pub struct Measured {
    latencies: Histogram<u64>,
    lasted: Duration,
}

/// A measurement under way.
#[derive(Debug)]
pub struct Stopwatch {
    counts_from: Instant,
    until: Instant,
    latencies: Histogram<u64>,
}

impl Stopwatch {
    /// Starts now.
    pub fn start(times: Times) -> Self {
        let counts_from = Instant::now() + times.warm_up;
        let latencies = Histogram::new_with_max(LONGEST_NANOS, 3).expect("the bounds are good");
        Self { counts_from, until: counts_from + times.measured, latencies }
    }

    /// Whether it goes on.
    pub fn is_running(&self) -> bool {
        Instant::now() < self.until
    }

    /// Counts what has just ended and took so long.
    pub fn record(&mut self, took: Duration) {
        let now = Instant::now();
        if now >= self.counts_from && now < self.until {
            self.latencies.saturating_record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        }
    }

    /// The end.
    pub fn stop(self) -> Measured {
        Measured { latencies: self.latencies, lasted: self.until - self.counts_from }
    }
}

impl Measured {
    /// Nothing yet.
    pub fn nothing() -> Self {
        Stopwatch::start(Times { warm_up: Duration::ZERO, measured: Duration::ZERO }).stop()
    }

    /// What was seen at another time.
    ///
    /// # Errors
    /// Never: all histograms have the same bounds.
    pub fn then(&mut self, later: &Self) -> anyhow::Result<()> {
        self.latencies.add(&later.latencies)?;
        self.lasted += later.lasted;
        Ok(())
    }

    /// How many ended in a second.
    pub fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.lasted.as_secs_f64()
    }

    /// Milliseconds that this part of them did not exceed.
    pub fn millis(&self, quantile: f64) -> f64 {
        self.latencies.value_at_quantile(quantile) as f64 / 1e6
    }
}

/// Loads a server over so many connections. A step asks what it wants and says how long the part took that matters.
///
/// # Errors
/// The first error of a step.
pub async fn closed_loop(
    host: SocketAddr,
    connections: usize,
    times: Times,
    step: impl AsyncFn(&mut Connection) -> anyhow::Result<Duration>,
) -> anyhow::Result<Measured> {
    let opened = try_join_all((0..connections).map(|_| Connection::open(host))).await?;
    let step = &step;
    let each = opened.into_iter().map(|mut connection| async move {
        let mut stopwatch = Stopwatch::start(times);
        while stopwatch.is_running() {
            let took = step(&mut connection).await?;
            stopwatch.record(took);
        }
        anyhow::Ok(stopwatch.stop())
    });
    let mut all = Stopwatch::start(times).stop();
    for measured in try_join_all(each).await? {
        all.latencies.add(&measured.latencies)?;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_ends_within_the_measured_time_is_counted() {
        let second = Duration::from_secs(1);
        let mut warming_up = Stopwatch::start(Times { warm_up: second * 60, measured: second });
        warming_up.record(second);
        assert_eq!(warming_up.stop().per_second(), 0.0);
        let mut running = Stopwatch::start(Times { warm_up: Duration::ZERO, measured: second * 60 });
        running.record(second);
        let measured = running.stop();
        assert_eq!(measured.per_second(), 1.0 / 60.0);
        assert!((measured.millis(0.5) - 1000.0).abs() < 1.0);
    }
}
