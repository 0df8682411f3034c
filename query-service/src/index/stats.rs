//! The metrics of match.

use std::time::Duration;

/// Who answered.
#[derive(Debug, Clone, Copy)]
pub enum By {
    /// The index.
    Index,
    /// The database.
    Sql,
}

/// Names for the exporter; call once, after the recorder is installed.
pub fn describe() {
    metrics::describe_gauge!("match_index_ready", "1 when matches are answered from memory");
    metrics::describe_gauge!("match_index_build_seconds", "Time to build the match index from the logs");
    metrics::describe_counter!("match_index_records_total", "Records of both logs that the match index has read");
    metrics::describe_counter!("match_index_stopped_total", "Times that the match index met a record it cannot apply");
    metrics::describe_counter!("match_answers_total", "Matches answered, by whom: index or sql");
    metrics::describe_counter!("match_shadow_total", "Matches of the index compared with SQL, by result");
}

/// Whether the index answers.
pub fn ready(is_ready: bool) {
    metrics::gauge!("match_index_ready").set(f64::from(u8::from(is_ready)));
}

/// The index has read everything that the logs held.
pub fn built(took: Duration) {
    metrics::gauge!("match_index_build_seconds").set(took.as_secs_f64());
}

/// It has read so many records more.
pub fn read(records: usize) {
    metrics::counter!("match_index_records_total").increment(records as u64);
}

/// It goes on no more.
pub fn stopped() {
    metrics::counter!("match_index_stopped_total").increment(1);
}

/// A match was answered.
pub fn answered(by: By) {
    let by = match by {
        By::Index => "index",
        By::Sql => "sql",
    };
    metrics::counter!("match_answers_total", "by" => by).increment(1);
}

/// An answer was compared, or was not.
pub fn compared(result: &'static str) {
    metrics::counter!("match_shadow_total", "result" => result).increment(1);
}
