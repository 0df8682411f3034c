//! What the feed tells operators.

use metrics::{counter, describe_counter, describe_gauge, gauge};

/// Names for the exporter; call once, after the recorder is installed.
pub fn describe() {
    describe_gauge!("event_streams", "Streams of the change feed that are open");
    describe_counter!("event_streams_refused_total", "Streams refused because too many were open");
    describe_counter!("event_stream_events_total", "Events sent by the change feed");
}

pub(super) fn opened() {
    gauge!("event_streams").increment(1.0);
}

pub(super) fn closed() {
    gauge!("event_streams").decrement(1.0);
}

pub(super) fn refused() {
    counter!("event_streams_refused_total").increment(1);
}

pub(super) fn sent(events: u64) {
    counter!("event_stream_events_total").increment(events);
}
