//! The read side of the API: segments and their past, what is assigned to them, category trees, match; and what the service says of itself.
//!
//! A handler parses headers and parameters, then the body, waits for the views if it must, asks [`crate::views`] and answers.
//! A new operation: its line in [`routes`], a handler in the file of its resource.

mod answer;
mod customers;
mod docs;
mod events;
mod fresh;
mod history;
mod items;
mod listing;
mod matching;
mod segments;
mod shape;
mod sight;
mod trees;

use shared::{
    Timestamp,
    clock::SharedClock,
    consistency::Acknowledged,
    http::{ApiError, Call, Details, Operation, Router},
    log::EventLog,
};
use sqlx::postgres::{PgDatabaseError, PgSeverity};

use crate::{
    feed::Feed,
    index::{Index, Shadow},
    present::Present,
    progress::Progress,
    views::Reader,
};

/// What handlers need.
#[derive(Debug, Clone)]
pub struct App {
    /// The views.
    pub reader: Reader,
    /// How far they are.
    pub progress: Progress,
    /// What this process has acknowledged, when it takes writes too.
    pub acknowledged: Option<Acknowledged>,
    /// The time, for the lag.
    pub clock: SharedClock,
    /// The language of texts that are not there in the one asked for.
    pub default_language: String,
    /// Whether segments outside their validity are hidden from their customers, and match nothing.
    pub enforce_validity: bool,
    /// Whether products match through categories above their own.
    pub match_descendants: bool,
    /// What answers matches once it is ready, if it is to.
    pub index: Option<Index>,
    /// Compares its answers.
    pub shadow: Shadow,
}

impl App {
    /// The time at which segments must be valid, if they must.
    fn valid_at(&self) -> Option<Timestamp> {
        self.enforce_validity.then(|| self.clock.now())
    }
}

/// Adds the read side to a router, and the documents that describe both sides.
#[must_use]
pub fn routes<L: EventLog>(router: Router, app: &Present<App>, feed: &Feed<L>) -> Router {
    router
        .on(Operation::ListSegments, app, now(segments::list))
        .on(Operation::ListMySegments, app, now(segments::list_own))
        .on(Operation::SearchSegments, app, now(segments::search))
        .on(Operation::GetSegment, app, now(segments::get))
        .on(Operation::ListSegmentHistory, app, now(history::list))
        .on(Operation::DiffSegment, app, now(history::diff))
        .on(Operation::MatchItems, app, now(matching::products))
        .on(Operation::ListItems, app, now(items::list))
        .on(Operation::ListCategoryTrees, app, now(trees::list))
        .on(Operation::ListSegmentItems, app, now(items::list_of_segment))
        .on(Operation::SearchSegmentItems, app, now(items::search_of_segment))
        .on(Operation::GetItem, app, now(items::get))
        .on(Operation::ListSegmentCustomers, app, now(customers::list))
        .on(Operation::SearchSegmentCustomers, app, now(customers::search))
        .on(Operation::GetCustomer, app, now(customers::get))
        .on(Operation::GetCustomerOfLegalEntity, app, now(customers::get))
        .on(Operation::WatchEvents, &(app.clone(), feed.clone()), events::watch)
        .plain(docs::routes())
}

/// A request goes on with the views that it began with.
fn now<A>(handler: impl Fn(App, Call) -> A) -> impl Fn(Present<App>, Call) -> A {
    move |app, call| handler(app.now(), call)
}

/// The one place where the database's errors become answers. Every value is bound and every statement is ours, so what the
/// database finds wrong with a value is the client's filter; that it is not there, or has no tables yet, passes.
pub(crate) fn database(error: sqlx::Error) -> ApiError {
    // What ends a session, or admits none, has nothing to do with what was asked in it.
    if error.as_database_error().and_then(|error| error.try_downcast_ref()).is_some_and(ends_the_session) {
        return unavailable(&error);
    }
    let code = error.as_database_error().and_then(|error| error.code()).unwrap_or_default();
    let class = code.get(..2).unwrap_or_default();
    match (&error, class) {
        (sqlx::Error::Database(_), "22" | "54") => {
            tracing::warn!(%error, "the database refused a filter");
            ApiError::invalid_parameter(
                "q",
                "limit",
                "the filter or the order is beyond what the database can evaluate",
            )
        }
        (sqlx::Error::Database(_), "57") if code == "57014" => {
            ApiError::unavailable("unavailable", "the query took too long", 1)
        }
        // Connection, resources, operator intervention, system; no tables yet.
        (sqlx::Error::Database(_), "08" | "25" | "40" | "53" | "55" | "57" | "58" | "XX") => unavailable(&error),
        // No tables yet, no database, no way in, no rights any more.
        (sqlx::Error::Database(_), _)
            if matches!(&*code, "42P01" | "3F000" | "3D000" | "28P01" | "28000" | "42501") =>
        {
            unavailable(&error)
        }
        (
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed,
            _,
        ) => unavailable(&error),
        _ => {
            tracing::error!(%error, "a read failed");
            ApiError::internal()
        }
    }
}

fn ends_the_session(error: &PgDatabaseError) -> bool {
    matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic)
}

fn unavailable(error: &sqlx::Error) -> ApiError {
    tracing::debug!(%error, "the views cannot be read");
    ApiError::unavailable("unavailable", "the views cannot be read at present", 1)
}

/// 400 for a member of the body.
fn invalid_member(field: impl Into<String>, kind: &'static str, message: impl Into<String>) -> ApiError {
    ApiError::invalid_body(Details::new(kind, message).of(field))
}
