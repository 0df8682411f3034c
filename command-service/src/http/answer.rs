//! Answers to accepted writes: status, `Location`, `ETag`, consistency token.

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::header::{ETAG, LOCATION},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use shared::{
    consistency::{CONSISTENCY_TOKEN, Positions},
    http::Call,
};

use crate::{
    domain::Effect,
    writer::{Answer, Outcome},
};

/// Marks an answer that was given before, on an earlier request with the same key.
pub const IDEMPOTENCY_REPLAYED: &str = "Idempotency-Replayed";

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What the body of a 201 says.
#[derive(Debug, Serialize)]
pub struct CreatedBody<'a> {
    /// The id of what was created.
    pub id: &'a str,
}

/// Whether the command brought something into being.
pub fn has_created(answer: &Answer) -> bool {
    matches!(&answer.outcome, Outcome::Changed(receipt) if receipt.effect == Effect::Created)
}

/// 201 with a body, or 204.
pub fn created_or_changed(call: &Call, answer: &Answer, segment_id: &str) -> HttpResponse {
    if !has_created(answer) {
        return with_headers(HttpResponse::NoContent(), answer).finish();
    }
    let mut created = HttpResponse::Created();
    created.insert_header((LOCATION, location(call, &[segment_id])));
    with_headers(created, answer).json(CreatedBody { id: segment_id })
}

/// 201 or 204, both without a body: what the API answers for assignments.
pub fn assigned(call: &Call, answer: &Answer, parts: &[&str]) -> HttpResponse {
    if !has_created(answer) {
        return with_headers(HttpResponse::NoContent(), answer).finish();
    }
    let mut created = HttpResponse::Created();
    created.insert_header((LOCATION, location(call, parts)));
    with_headers(created, answer).finish()
}

/// 204.
pub fn no_content(answer: &Answer) -> HttpResponse {
    with_headers(HttpResponse::NoContent(), answer).finish()
}

/// Adds the position of a write, and whether it was done before.
pub fn mark(response: &mut HttpResponseBuilder, positions: &Positions, was_replayed: bool) {
    response.insert_header((CONSISTENCY_TOKEN, positions.to_string()));
    if was_replayed {
        response.insert_header((IDEMPOTENCY_REPLAYED, "true"));
    }
}

fn with_headers(mut response: HttpResponseBuilder, answer: &Answer) -> HttpResponseBuilder {
    let etag = match &answer.outcome {
        Outcome::Changed(receipt) => receipt.etag,
        Outcome::Unchanged { etag } => *etag,
    };
    if let Some(etag) = etag {
        response.insert_header((ETAG, format!("\"{etag}\"")));
    }
    mark(&mut response, &answer.positions(), answer.replayed);
    response
}

fn location(call: &Call, parts: &[&str]) -> String {
    let mut path = format!("/customer-segment/{}/segments", call.tenant);
    for part in parts {
        path.push('/');
        path.extend(utf8_percent_encode(part, RESERVED));
    }
    path
}
