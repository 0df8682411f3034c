//! Reading request bodies: their format, their size, their JSON.

use std::time::Duration;

use actix_web::{
    HttpRequest,
    error::PayloadError,
    http::{
        StatusCode,
        header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING},
    },
    web::{Bytes, BytesMut, Payload},
};
use futures::StreamExt as _;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::timeout;

use super::error::{ApiError, Details};

/// The longest body, in bytes.
pub const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;
/// How deeply arrays and objects may lie in one another.
pub const MAX_JSON_DEPTH: usize = 64;
/// The longest time that a client may take to send a body.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// 413 for a body that announces itself as too long. One that does not is stopped while it is read.
pub(super) fn check_announced_length(request: &HttpRequest) -> Result<(), ApiError> {
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > MAX_BODY_BYTES as u64) { Err(too_long()) } else { Ok(()) }
}

/// Reads the whole body; empty if there is none.
///
/// # Errors
/// 413 if it is too long, 408 if it takes too long, 400 if it ends early.
pub(super) async fn read(request: &HttpRequest, payload: Payload) -> Result<Bytes, ApiError> {
    if !is_announced(request) {
        return Ok(Bytes::new());
    }
    timeout(READ_TIMEOUT, collect(payload))
        .await
        .unwrap_or_else(|_| Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "The request body did not arrive in time.")))
}

async fn collect(mut payload: Payload) -> Result<Bytes, ApiError> {
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(broken)?;
        if rest.len() + first.as_ref().map_or(0, Bytes::len) + chunk.len() > MAX_BODY_BYTES {
            return Err(too_long());
        }
        // Most bodies are one chunk, which then need not be copied.
        match first.take() {
            None if rest.is_empty() => first = Some(chunk),
            None => rest.extend_from_slice(&chunk),
            Some(start) => {
                rest.extend_from_slice(&start);
                rest.extend_from_slice(&chunk);
            }
        }
    }
    Ok(first.unwrap_or_else(|| rest.freeze()))
}

fn broken(error: PayloadError) -> ApiError {
    match error {
        PayloadError::Overflow => too_long(),
        _ => ApiError::invalid_body(Details::new("syntax", "the body ended early or is not encoded as announced")),
    }
}

fn too_long() -> ApiError {
    ApiError::too_large(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("The request body is longer than {MAX_BODY_BYTES} bytes."),
    )
}

/// Whether the request comes with a body.
fn is_announced(request: &HttpRequest) -> bool {
    let headers = request.headers();
    headers.contains_key(TRANSFER_ENCODING) || headers.get(CONTENT_LENGTH).is_some_and(|length| length != "0")
}

/// 415 unless the body, if there is one, is JSON; no `Content-Type` counts as JSON. `also` is one more media type.
pub(super) fn check_is_json(request: &HttpRequest, also: Option<&str>) -> Result<(), ApiError> {
    if !is_announced(request) {
        return Ok(());
    }
    let text =
        |name| request.headers().get(name).map(|value| value.to_str().unwrap_or("?").trim().to_ascii_lowercase());
    if text(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity" && !encoding.is_empty()) {
        return Err(ApiError::unsupported_media_type("an encoded body is not supported"));
    }
    let Some(content_type) = text(CONTENT_TYPE) else { return Ok(()) };
    let mut parts = content_type.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    let is_utf8 =
        parts.filter_map(|part| part.strip_prefix("charset=")).all(|charset| charset.trim_matches('"') == "utf-8");
    if (media_type == "application/json" || Some(media_type) == also) && is_utf8 {
        return Ok(());
    }
    Err(ApiError::unsupported_media_type("the body must be application/json in UTF-8"))
}

/// Parses JSON; nothing if the body is empty. Of members with the same name the last one counts.
///
/// # Errors
/// 400 if it is not JSON (which ends at 127 deep), lies too deep, or holds U+0000, which no view can store. In a bulk
/// (`judges_items`) the last two are for each item to answer for.
pub(super) fn parse(body: &[u8], judges_items: bool) -> Result<Option<Value>, ApiError> {
    if body.is_empty() {
        return Ok(None);
    }
    if !judges_items && !is_shallow(body) {
        let message = format!("arrays and objects must not lie in one another more than {MAX_JSON_DEPTH} deep");
        return Err(ApiError::invalid_body(Details::new("limit", message)));
    }
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| ApiError::invalid_body(Details::new("syntax", format!("the body is not JSON: {error}"))))?;
    // Only an escape can bring it in, so most bodies need not be searched.
    if !judges_items && !is_free_of_escapes(body) && holds_nul(&value) {
        return Err(ApiError::invalid_body(Details::new("character", "texts and names must not contain U+0000")));
    }
    Ok(Some(value))
}

/// Reads JSON straight into what is wanted of it, if it is of the usual form: without escapes, and not too deep. None is no
/// verdict: [`parse`] then takes a closer look.
pub(super) fn parse_usual<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Option<T> {
    (is_free_of_escapes(body) && is_shallow(body)).then(|| serde_json::from_slice(body).ok())?
}

fn is_free_of_escapes(json: &[u8]) -> bool {
    !json.contains(&b'\\')
}

/// Whether arrays and objects lie in one another no deeper than they may. Where there are few, there is no need to look.
fn is_shallow(json: &[u8]) -> bool {
    let opened = json.iter().map(|byte| usize::from(matches!(byte, b'[' | b'{'))).sum::<usize>();
    opened <= MAX_JSON_DEPTH || depth(json) <= MAX_JSON_DEPTH
}

/// How deep the arrays and objects of a text lie, whether it is JSON or not.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let mut is_text = false;
    let mut is_escaped = false;
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b'[' | b'{' if !is_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !is_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(members) => members.iter().any(|(name, value)| name.contains('\0') || holds_nul(value)),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn bodies_are_json_of_bounded_depth_without_nul() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        for (case, body, is_good) in [
            ("an object", r#"{"a":[1,2,{"b":null}]}"#.to_owned(), true),
            ("64 deep", nested(64), true),
            ("65 deep", nested(65), false),
            ("very deep", nested(100_000), false),
            ("brackets in a text", format!(r#"["{}"]"#, "[".repeat(100)), true),
            ("a quote in a text", format!(r#"["\"{}"]"#, "[".repeat(100)), true),
            ("an escaped backslash", r#"["\\u0000"]"#.to_owned(), true),
            ("nul", r#"{"a":["\u0000"]}"#.to_owned(), false),
            ("nul in a name", r#"{"a\u0000":1}"#.to_owned(), false),
            ("half a text", r#"{"a"#.to_owned(), false),
            ("blank", " ".to_owned(), false),
            ("a number beyond floats", "[1e999]".to_owned(), false),
            ("half a surrogate", r#"["\ud800"]"#.to_owned(), false),
        ] {
            assert_eq!(parse(body.as_bytes(), false).is_ok(), is_good, "{case}");
        }
        for (case, body, is_good) in [
            ("a deep item", format!("[{}]", nested(65)), true),
            ("too deep an item for any reader", format!("[{}]", nested(127)), false),
            ("nul in an item", r#"["\u0000"]"#.to_owned(), true),
        ] {
            assert_eq!(parse(body.as_bytes(), true).is_ok(), is_good, "{case}");
        }
        assert_eq!(parse(b"", false), Ok(None));
        assert_eq!(parse(br#"{"a":1,"a":2}"#, false), Ok(Some(serde_json::json!({"a": 2}))));
    }

    #[test]
    fn only_json_in_utf_8_is_taken() {
        for (content_type, is_good) in [
            (None, true),
            (Some("application/json"), true),
            (Some("Application/JSON; charset=UTF-8"), true),
            (Some("application/json;charset=\"utf-8\""), true),
            (Some("application/json; charset=latin1"), false),
            (Some("application/json-patch+json"), true),
            (Some("text/plain"), false),
            (Some(""), false),
        ] {
            let mut request = TestRequest::default().insert_header((CONTENT_LENGTH, "5"));
            if let Some(content_type) = content_type {
                request = request.insert_header((CONTENT_TYPE, content_type));
            }
            let result = check_is_json(&request.to_http_request(), Some("application/json-patch+json"));
            assert_eq!(result.is_ok(), is_good, "{content_type:?}");
        }
        let without_body = TestRequest::default().insert_header((CONTENT_TYPE, "text/plain")).to_http_request();
        assert!(check_is_json(&without_body, None).is_ok());
    }
}
