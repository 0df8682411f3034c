//! Bulk writes: the single commands, queued in the order of the request, then awaited, each with a result of its own.

use actix_web::{HttpResponse, ResponseError as _, http::StatusCode};
use futures::future::join_all;
use serde::Serialize;
use serde_json::Value;
use shared::{
    consistency::Positions,
    http::{ApiError, Call, Details},
    ids::SegmentId,
};

use super::{App, answer, error, headers::CanonicalBody};
use crate::{
    domain::Rejection,
    writer::{Answer, Failure, Request},
};

/// The most items of a bulk.
pub const MAX_ITEMS: usize = 200;

/// The items of a bulk as they were sent.
#[derive(Debug)]
pub struct Bulk(Vec<Value>);

/// One item, ready to be submitted, or refused already.
#[derive(Debug)]
pub struct Item {
    ids: Ids,
    request: Result<Request, ApiError>,
}

/// The ids that the result of an item may show.
#[derive(Debug, Default)]
struct Ids {
    /// What is or was there.
    of_success: Option<String>,
    /// What the client asked for.
    of_failure: Option<String>,
}

impl Bulk {
    /// Reads the list.
    ///
    /// # Errors
    /// 400 if it is not a list or too long: then nothing is executed.
    pub async fn read(call: &mut Call) -> Result<Self, ApiError> {
        let Value::Array(items) = call.required_json().await? else {
            return Err(ApiError::invalid_body(Details::new("type", "the body must be a list")));
        };
        if items.len() > MAX_ITEMS {
            let message = format!("the list has {} entries; at most {MAX_ITEMS} are allowed", items.len());
            return Err(ApiError::invalid_body(Details::new("limit", message)));
        }
        Ok(Self(items))
    }

    /// The entries.
    pub fn into_entries(self) -> Vec<Value> {
        self.0
    }

    /// Makes an item of each entry, given its place from 0 and its canonical form.
    pub fn items(self, make: impl Fn(usize, Value, CanonicalBody) -> Item) -> Vec<Item> {
        let entries = self.0.into_iter().enumerate();
        let made = entries.map(|(index, mut entry)| {
            let canonical = CanonicalBody::of(&mut entry);
            make(index, entry, canonical)
        });
        made.collect()
    }
}

impl Item {
    /// An item that is about a segment; `asked_for` is the id that the entry carries, if it is a usable one.
    pub fn of_segment(asked_for: Option<SegmentId>, request: Result<Request, ApiError>) -> Self {
        // A generated id is shown only if there is something under it.
        let ids = Ids {
            of_success: request.as_ref().ok().map(|request| request.command.key.id.as_str().to_owned()),
            of_failure: asked_for.map(|id| id.as_str().to_owned()),
        };
        Self { ids, request }
    }

    /// An item that is about an assignment, whose results show no id.
    pub fn of_assignment(request: Result<Request, ApiError>) -> Self {
        Self { ids: Ids::default(), request }
    }
}

/// What became of the items of a bulk.
#[derive(Debug)]
pub struct Results {
    entries: Vec<Entry>,
    positions: Positions,
}

#[derive(Debug)]
struct Entry {
    ids: Ids,
    result: Result<Answer, Refused>,
}

#[derive(Debug)]
enum Refused {
    AtTheDoor(ApiError),
    ByTheWriter(Failure),
}

/// Submits all items, in order and without a pause, so that they usually share a round of the writer; then waits.
///
/// # Errors
/// 503 if none of them could be executed for now.
pub async fn execute(app: &App, call: &Call, items: Vec<Item>) -> Result<Results, ApiError> {
    let submitted: Vec<_> = items
        .into_iter()
        .map(|Item { ids, request }| (ids, request.map(|request| app.execute(call, request))))
        .collect();
    let entries = join_all(submitted.into_iter().map(async |(ids, submitted)| {
        let result = match submitted {
            Ok(answer) => answer.await.map_err(Refused::ByTheWriter),
            Err(refused) => Err(Refused::AtTheDoor(refused)),
        };
        Entry { ids, result }
    }))
    .await;
    let mut results = Results { entries, positions: Positions::default() };
    for answer in results.entries.iter().filter_map(|entry| entry.result.as_ref().ok()) {
        results.positions.merge(&answer.positions());
    }
    results.or_unavailable()
}

impl Results {
    /// The whole bulk as one 503 when the writer took no item at all.
    fn or_unavailable(self) -> Result<Self, ApiError> {
        let mut pause = None;
        for entry in &self.entries {
            match &entry.result {
                Err(Refused::AtTheDoor(_)) => {}
                Err(Refused::ByTheWriter(Failure::NotExecuted { retry_after })) => pause = Some(*retry_after),
                Ok(_) | Err(Refused::ByTheWriter(_)) => return Ok(self),
            }
        }
        pause.map_or(Ok(self), |retry_after| Err(error::not_executed(retry_after)))
    }

    /// Whether every item, and there is one, was refused because there is no such segment.
    pub fn lack_segment(&self) -> bool {
        let is_missing = |entry: &Entry| {
            matches!(entry.result, Err(Refused::ByTheWriter(Failure::Rejected(Rejection::SegmentMissing))))
        };
        !self.entries.is_empty() && self.entries.iter().all(is_missing)
    }

    /// 207 with a result for each item.
    pub fn response(self, app: &App) -> HttpResponse {
        let mut answers = self.entries.iter().filter_map(|entry| entry.result.as_ref().ok()).peekable();
        let was_replayed = answers.peek().is_some() && answers.all(|answer| answer.replayed);
        let mut response = HttpResponse::build(StatusCode::MULTI_STATUS);
        answer::mark(&mut response, &self.positions, was_replayed);
        let entries = self.entries.into_iter().zip(app.settings.index_base..);
        response.json(entries.map(|(entry, index)| entry.result(index)).collect::<Vec<_>>())
    }
}

/// The result of one item.
#[derive(Debug, Serialize)]
pub struct ItemResult {
    index: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    code: u16,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

impl Entry {
    fn result(self, index: u64) -> ItemResult {
        let Self { ids: Ids { of_success, of_failure }, result } = self;
        match result {
            Ok(answer) if answer::has_created(&answer) => {
                ItemResult { index, id: of_success, code: 201, status: "Created", message: None }
            }
            Ok(_) => ItemResult::done(index, of_success),
            Err(Refused::AtTheDoor(error)) => ItemResult::refused(index, of_failure, &error),
            Err(Refused::ByTheWriter(failure)) => {
                ItemResult::refused(index, of_failure, &error::of_item_failure(failure))
            }
        }
    }
}

impl ItemResult {
    /// It was done, and there is nothing to say of it. The platform's documents pair 204 with this word.
    pub fn done(index: u64, id: Option<String>) -> Self {
        Self { index, id, code: 204, status: "OK", message: None }
    }

    /// It was not done.
    pub fn refused(index: u64, id: Option<String>, error: &ApiError) -> Self {
        let code = error.status_code();
        let status = code.canonical_reason().unwrap_or("Unknown");
        let message = match error {
            ApiError::Error(body) => body.message.clone(),
            ApiError::Fault(_) => error.to_string(),
        };
        Self { index, id, code: code.as_u16(), status, message: Some(message) }
    }
}
