//! Reading one's own writes: waiting for a consistency token, or for what this process has acknowledged.

use std::time::Duration;

use shared::{
    consistency::{CONSISTENCY_TOKEN, Place, Positions},
    http::{ApiError, Call, Operation, freshness::Freshness},
    ids::{SegmentId, SegmentKey},
    log::partition_of,
};
use tokio::time::Instant;

use super::App;

/// How long a read without a token waits for its tenant's own writes.
const COURTESY: Duration = Duration::from_millis(250);

/// What a read must have seen; parsed with the other headers, waited for after the body.
#[derive(Debug)]
pub struct Awaited(Freshness);

/// Whether the views show what was to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// They do, or nothing was asked for.
    Enough,
    /// They do not, and the client prefers an old answer to none.
    Stale,
}

impl Awaited {
    /// What the headers ask for.
    ///
    /// # Errors
    /// 400 for a token that nobody issued, or of another log.
    pub fn of(app: &App, call: &Call) -> Result<Self, ApiError> {
        let freshness = Freshness::of(call)?;
        if let Some(token) = &freshness.token {
            let checked = app.progress.check(token);
            checked.map_err(|error| ApiError::invalid_parameter(CONSISTENCY_TOKEN, "range", error.to_string()))?;
        }
        Ok(Self(freshness))
    }

    /// Waits. Without a token, for this process's own acknowledged writes: all of the tenant's, or of the one segment.
    ///
    /// # Errors
    /// 503 `stale-view` when the views do not get there in time; 503 `unavailable` without database.
    pub async fn wait(&self, app: &App, call: &Call, segment: Option<&SegmentId>) -> Result<Shown, ApiError> {
        let Some(token) = &self.0.token else {
            let own = acknowledged(app, call, segment);
            if !app.progress.reached(&own) {
                // Whatever comes of it, the answer is what the views then hold; if they cannot be read, that will tell.
                drop(app.progress.wait(&app.reader, &own, Instant::now() + COURTESY).await);
            }
            return Ok(Shown::Enough);
        };
        let deadline = Instant::now() + self.0.wait;
        if app.progress.wait(&app.reader, token, deadline).await.map_err(super::database)? {
            return Ok(Shown::Enough);
        }
        if self.0.is_lenient {
            return Ok(Shown::Stale);
        }
        Err(ApiError::unavailable("stale-view", "the view does not show the write of the consistency token yet", 1))
    }
}

/// What reads of this kind may show of the acknowledged writes.
fn acknowledged(app: &App, call: &Call, segment: Option<&SegmentId>) -> Positions {
    let Some(acknowledged) = &app.acknowledged else { return Positions::default() };
    let partition = segment.map(|segment| {
        let key = SegmentKey::new(call.tenant.clone(), segment.clone());
        partition_of(&key, app.progress.partitions())
    });
    let may_show = |place: Place| match place {
        Place::Event(other) => partition.is_none_or(|partition| other == partition),
        Place::Reference(_) => shows_reference_data(call.operation),
    };
    acknowledged.of(&call.tenant).iter().filter(|(place, _)| may_show(*place)).collect()
}

/// Names, trees and matches follow from reference data; segments know nothing of it.
fn shows_reference_data(operation: Operation) -> bool {
    use Operation::{
        DiffSegment, GetSegment, ListMySegments, ListSegmentHistory, ListSegments, SearchSegments, WatchEvents,
    };
    let of_segments =
        [ListSegments, ListMySegments, SearchSegments, GetSegment, ListSegmentHistory, DiffSegment, WatchEvents];
    !of_segments.contains(&operation)
}
