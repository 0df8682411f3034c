//! The contract of the service, told by the service: `/openapi.json`, `/asyncapi.yaml` with the schemas that it names, and a
//! page for people at `/docs`. All of it lies in the program, so it is of the same version and needs no other server.
//!
//! A new operation needs its place in `schemas/openapi.json`, a new schema its line in [`DOCUMENTS`]; tests say so.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS},
};
use futures::FutureExt as _;
use shared::http::{ApiError, ApiResult, Method, PlainRoute, conditional::TagCondition};

#[cfg(test)]
mod tests;

/// Hexadecimal digits of a document's hash in its tag.
const TAG_HASH_DIGITS: usize = 32;
/// What the page may do: use what comes from here, and be nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";
const SCHEMA: &str = "application/schema+json";

/// What is served as it is.
struct Document {
    path: &'static str,
    media_type: &'static str,
    text: &'static str,
}

impl Document {
    const fn new(path: &'static str, media_type: &'static str, text: &'static str) -> Self {
        Self { path, media_type, text }
    }
}

macro_rules! schema {
    ($name:literal) => {
        Document::new(concat!("/schemas/", $name), SCHEMA, include_str!(concat!("../../../schemas/", $name)))
    };
}

const DOCUMENTS: [Document; 21] = [
    Document::new("/openapi.json", "application/json", include_str!("../../../schemas/openapi.json")),
    Document::new("/asyncapi.yaml", "application/yaml", include_str!("../../../schemas/asyncapi.yaml")),
    Document::new("/docs", "text/html; charset=utf-8", include_str!("docs/page.html")),
    Document::new("/docs/page.js", "text/javascript; charset=utf-8", include_str!("docs/page.js")),
    Document::new("/docs/page.css", "text/css; charset=utf-8", include_str!("docs/page.css")),
    schema!("events/customer-assigned.v1.json"),
    schema!("events/customer-unassigned.v1.json"),
    schema!("events/item-assigned.v1.json"),
    schema!("events/item-unassigned.v1.json"),
    schema!("events/segment-created.v1.json"),
    schema!("events/segment-deleted.v1.json"),
    schema!("events/segment-patched.v1.json"),
    schema!("events/segment-replaced.v1.json"),
    schema!("events/writer-started.v1.json"),
    schema!("events/writer-stopped.v1.json"),
    schema!("reference/category.v1.json"),
    schema!("reference/customer.v1.json"),
    schema!("reference/legalEntity.v1.json"),
    schema!("reference/product.v1.json"),
    schema!("reference/productCategory.v1.json"),
    schema!("state/segment-state.v1.json"),
];

/// A path for each document.
pub fn routes() -> impl Iterator<Item = PlainRoute> {
    DOCUMENTS.into_iter().map(|document| {
        let tag: Arc<str> = blake3::hash(document.text.as_bytes()).to_hex()[..TAG_HASH_DIGITS].into();
        let path = document.path;
        let document = Arc::new(document);
        PlainRoute::new(Method::Get, path, move |request, _| {
            let (document, tag) = (Arc::clone(&document), Arc::clone(&tag));
            async move { answer(&request, &document, &tag) }.boxed_local()
        })
    })
}

/// 200 with the document, or 304 when the client has it.
fn answer(request: &HttpRequest, document: &Document, tag: &str) -> ApiResult {
    let is_known = match request.headers().get(IF_NONE_MATCH) {
        None => false,
        Some(value) => {
            let value = value.to_str().map_err(|_| {
                ApiError::invalid_parameter("If-None-Match", "character", "the header must hold visible ASCII only")
            })?;
            TagCondition::parse("If-None-Match", value)?.matches_weakly(tag)
        }
    };
    let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    // To be asked for again each time, so that nobody reads the contract of the version before.
    response.insert_header((ETAG, format!("\"{tag}\""))).insert_header((CACHE_CONTROL, "no-cache"));
    if is_known {
        return Ok(response.finish());
    }
    response.insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff")).insert_header((CONTENT_SECURITY_POLICY, POLICY));
    Ok(response.insert_header((CONTENT_TYPE, document.media_type)).body(document.text))
}
