//! The projector's metrics, each labelled with the version of the views, and with its partition.

use std::time::Duration;

use shared::log::{Ignored, Partition};

use super::health::State;
use crate::views::Version;

/// Names for the exporter; call once, after the recorder is installed.
pub fn describe() {
    metrics::describe_gauge!("projection_lag_records", "Records of the log that the views do not show yet");
    metrics::describe_gauge!("projection_lag_seconds", "Age of the oldest record that the views do not show yet");
    metrics::describe_gauge!("projection_stopped", "1 when a record cannot be applied and the partition stopped");
    metrics::describe_counter!("projection_records_total", "Records applied");
    metrics::describe_counter!("projection_ignored_total", "Records that do not count, by reason");
    metrics::describe_counter!("reference_records_total", "Records of reference data that were read");
    metrics::describe_counter!("reference_refused_total", "Records of reference data that were refused, by reason");
    metrics::describe_histogram!("projection_batch_size", "Records in a batch");
    metrics::describe_histogram!("projection_apply_seconds", "Time to apply a batch");
}

/// A batch is committed.
pub fn applied(views: Version, partition: Partition, records: usize, took: Duration) {
    let labels = labels(views, partition);
    metrics::counter!("projection_records_total", &labels).increment(records as u64);
    metrics::histogram!("projection_batch_size", &labels).record(records as f64);
    metrics::histogram!("projection_apply_seconds", &labels).record(took.as_secs_f64());
}

/// Records did not count. With a transactional log only announcements that were overtaken are to be expected.
pub fn ignored(views: Version, partition: Partition, reasons: &[Ignored]) {
    for reason in reasons {
        let [views, partition] = labels(views, partition);
        let labels = [views, partition, ("reason", reason.as_str().to_owned())];
        metrics::counter!("projection_ignored_total", &labels).increment(1);
    }
}

/// A batch of reference data is committed, some of whose records were refused.
pub fn reference_applied(views: Version, records: usize, unreadable: u64, cycles: u64) {
    let views = views.to_string();
    metrics::counter!("reference_records_total", "views" => views.clone()).increment(records as u64);
    for (reason, count) in [("unreadable", unreadable), ("cycle", cycles)] {
        metrics::counter!("reference_refused_total", "views" => views.clone(), "reason" => reason).increment(count);
    }
}

/// A partition does something else now.
pub fn state(views: Version, partition: Partition, state: &State) {
    let stopped = f64::from(u8::from(matches!(state, State::Stopped(_))));
    metrics::gauge!("projection_stopped", &labels(views, partition)).set(stopped);
}

/// How far a partition is behind.
pub fn lag(views: Version, partition: Partition, records: i64, age: Duration) {
    let labels = labels(views, partition);
    metrics::gauge!("projection_lag_records", &labels).set(records as f64);
    metrics::gauge!("projection_lag_seconds", &labels).set(age.as_secs_f64());
}

fn labels(views: Version, partition: Partition) -> [(&'static str, String); 2] {
    [("views", views.to_string()), ("partition", partition.to_string())]
}
