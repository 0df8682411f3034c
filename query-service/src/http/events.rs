//! The change feed: `GET /customer-segment/{tenant}/events`.

use std::time::Duration;

use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
};
use shared::{
    events::EventType,
    http::{ApiError, ApiResult, Call},
    ids::SegmentId,
    log::{EventLog, LogError},
};
use tokio::time;

use super::{App, fresh::Awaited};
use crate::{
    feed::{Body, Cursor, Ends, Feed, Filter, OpenError, Start},
    present::Present,
};

/// What a browser sends of the last event it got, when it comes again.
const LAST_EVENT_ID: &str = "Last-Event-ID";
/// Where to begin; the header goes before it.
const FROM: &str = "from";

/// `GET /customer-segment/{tenant}/events`: the tenant's events as they come, as Server-Sent Events.
pub async fn watch<L: EventLog>((app, feed): (Present<App>, Feed<L>), call: Call) -> ApiResult {
    let app = app.now();
    let (start, named) = start(&call)?;
    let filter = filter(&call)?;
    let awaited = Awaited::of(&app, &call)?;
    let slot = feed.slot().map_err(|error| refusal(error, named))?;
    if start == Start::Now {
        awaited.wait(&app, &call, filter.segment.as_ref()).await?;
    }
    let reader = feed.open(&start, &app.reader).await.map_err(|error| refusal(error, named))?;
    let accepted_for = call.caller.until.unix_millis() - app.clock.now().unix_millis();
    let accepted_for = Duration::from_millis(u64::try_from(accepted_for).unwrap_or(0));
    let (expired, left) = (Box::pin(time::sleep(accepted_for)), Box::pin(call.left()));
    let ends = Ends { stopping: Box::pin(call.stopping()), expired, left };
    let mut answer = HttpResponse::Ok();
    // The address may hold a token. The last is for gateways, which must pass on what comes as it comes.
    answer.insert_header((CACHE_CONTROL, "no-store")).insert_header((CONTENT_TYPE, "text/event-stream"));
    answer.insert_header(("X-Accel-Buffering", "no"));
    Ok(answer.streaming(Body::new(reader, filter, ends, slot).into_stream()))
}

/// Where to begin, and what says so.
fn start(call: &Call) -> Result<(Start, &'static str), ApiError> {
    let header = call.header(LAST_EVENT_ID)?;
    let (text, named) = match header.as_deref().filter(|id| !id.trim().is_empty()) {
        Some(id) => (id, LAST_EVENT_ID),
        None => (call.query().get_text(FROM)?.unwrap_or("now"), FROM),
    };
    let start = match text {
        "now" if named == FROM => Start::Now,
        "beginning" if named == FROM => Start::Beginning,
        id => {
            let message =
                if named == FROM { "now, beginning or the id of an event is wanted" } else { "not the id of an event" };
            let cursor = id.parse::<Cursor>();
            Start::After(cursor.map_err(|_| ApiError::invalid_parameter(named, "syntax", message))?)
        }
    };
    Ok((start, named))
}

fn filter(call: &Call) -> Result<Filter, ApiError> {
    let kind = |name: &str| {
        EventType::named(name.trim()).ok_or_else(|| {
            let known = EventType::ALL.map(EventType::short_name).join(", ");
            ApiError::invalid_parameter("type", "enum", format!("the types are {known}; several with commas"))
        })
    };
    let types = call.query().get_text("type")?.map(|names| names.split(',').map(kind).collect());
    let segment = call.query().get_text("segmentId")?.map(SegmentId::parse).transpose();
    let segment = segment.map_err(|error| ApiError::invalid_parameter("segmentId", "syntax", error.to_string()))?;
    Ok(Filter { tenant: call.tenant.clone(), types: types.transpose()?.unwrap_or_default(), segment })
}

fn refusal(error: OpenError, named: &str) -> ApiError {
    match error {
        OpenError::Unknown => {
            let message = "no event of this log has this id; begin anew, and read what there is";
            ApiError::invalid_parameter(named, "unknown", message)
        }
        OpenError::Full => ApiError::unavailable("too-many-streams", "as many streams are open as there may be", 5),
        OpenError::Late | OpenError::Log(LogError::Unavailable(_)) => {
            tracing::debug!(%error, "a stream cannot begin");
            ApiError::unavailable("unavailable", "the events cannot be read at present", 1)
        }
        OpenError::Log(LogError::Damaged(_)) => {
            tracing::error!(%error, "a stream cannot begin");
            ApiError::internal()
        }
        OpenError::Views(error) => super::database(error),
    }
}
