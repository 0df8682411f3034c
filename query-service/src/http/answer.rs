//! What the answers of all reads have in common: JSON, the lag of the views, entity tags, the total.

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH},
};
use shared::http::{ApiError, ApiResult, Call, conditional::TagCondition, paging::TOTAL_COUNT};

use super::{App, fresh::Shown, shape::Shape};
use crate::views::{PageOf, Tagged};

/// Milliseconds that the views are behind.
const VIEW_LAG: &str = "X-View-Lag-Ms";
/// Hexadecimal digits of a body's hash in its tag.
const TAG_HASH_DIGITS: usize = 16;
/// `stale` when the answer does not show the write of the token.
const CONSISTENCY: &str = "X-Consistency";

/// The condition of a GET, to be parsed with the other headers.
///
/// # Errors
/// 400 if it is malformed.
pub fn if_none_match(call: &Call) -> Result<Option<TagCondition>, ApiError> {
    let header = call.header(IF_NONE_MATCH.as_str())?;
    header.map(|value| TagCondition::parse(IF_NONE_MATCH.as_str(), &value)).transpose()
}

/// 200 with what is shown of the document, or 304 when the client has it.
///
/// Incarnation and version make the tag, the same that writes answer. Where an address shows more than one body of a version,
/// in another language or with other names, a hash of the body is a third part of it; writes ignore that part.
///
/// # Errors
/// When the document cannot be reduced.
pub fn one(app: &App, shown: Shown, found: Tagged, condition: Option<TagCondition>, shape: &Shape) -> ApiResult {
    let mut tag = format!("{}.{}", found.incarnation, found.version);
    let doc = shape.reduce(found.doc)?;
    if found.shows_names || shape.chooses_language() {
        tag.extend([".", &hash(&doc)]);
    }
    Ok(tagged(app, shown, doc, &tag, condition))
}

/// The same for a document as it was. Its tag is a hash of the body, which no write takes for that of the present document.
///
/// # Errors
/// When the document cannot be reduced.
pub fn one_past(app: &App, shown: Shown, doc: String, condition: Option<TagCondition>, shape: &Shape) -> ApiResult {
    let doc = shape.reduce(doc)?;
    let tag = hash(&doc);
    Ok(tagged(app, shown, doc, &tag, condition))
}

fn tagged(app: &App, shown: Shown, doc: String, tag: &str, condition: Option<TagCondition>) -> HttpResponse {
    let quoted = format!("\"{tag}\"");
    if condition.is_some_and(|condition| condition.matches_weakly(tag)) {
        return headed(app, shown, HttpResponse::NotModified()).insert_header((ETAG, quoted)).finish();
    }
    headed(app, shown, HttpResponse::Ok()).insert_header((ETAG, quoted)).insert_header(JSON).body(doc)
}

fn hash(doc: &str) -> String {
    blake3::hash(doc.as_bytes()).to_hex()[..TAG_HASH_DIGITS].to_owned()
}

/// 200 with a JSON Patch.
pub fn patch(app: &App, shown: Shown, patch: &json_patch::Patch) -> HttpResponse {
    headed(app, shown, HttpResponse::Ok()).insert_header((CONTENT_TYPE, PATCH_FORMAT)).body(patch.to_string())
}

/// 200 with an array of the documents, and the total if it was asked for.
pub fn many(app: &App, shown: Shown, page: PageOf<String>) -> HttpResponse {
    let mut response = headed(app, shown, HttpResponse::Ok());
    if let Some(total) = page.total {
        response.insert_header((TOTAL_COUNT, total.to_string()));
    }
    let mut body = String::with_capacity(page.rows.iter().map(|row| row.len() + 1).sum::<usize>() + 2);
    body.push('[');
    for (place, row) in page.rows.iter().enumerate() {
        if place > 0 {
            body.push(',');
        }
        body.push_str(row);
    }
    body.push(']');
    response.insert_header(JSON).body(body)
}

const PATCH_FORMAT: &str = "application/json-patch+json";
const JSON: (actix_web::http::header::HeaderName, &str) = (CONTENT_TYPE, "application/json");

fn headed(app: &App, shown: Shown, mut response: HttpResponseBuilder) -> HttpResponseBuilder {
    let lag = app.progress.lag(app.clock.now());
    response.insert_header((VIEW_LAG, lag.as_millis().to_string()));
    if shown == Shown::Stale {
        response.insert_header((CONSISTENCY, "stale"));
    }
    response
}
