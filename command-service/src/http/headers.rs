//! What the headers of a write ask for, and the identity that they give to its commands.
//!
//! With an `Idempotency-Key` the id of a command, and the id of a segment that it creates without one, come from tenant,
//! client, key and place in the bulk: a retry names the same command and the same segment. Without a key both are fresh.

use serde_json::Value;
use shared::{
    events::CommandStamp,
    http::{ApiError, Call},
    ids::{InvalidId, SegmentId},
};
use uuid::Uuid;

use super::error;
use crate::{
    domain::{Command, Condition, ContentLanguage, IfMatch},
    writer::Request,
};

/// The longest `Idempotency-Key`, `X-Correlation-ID` and `X-Causation-ID`, in characters.
const MAX_HEADER_CHARS: usize = 255;
/// The longest `tracestate` that is carried on (W3C Trace Context, section 3.3.1.5), in characters.
const MAX_TRACE_STATE_CHARS: usize = 512;
/// What a command costs to keep while it waits, beside its body, in bytes.
const COMMAND_BYTES: usize = 512;

/// The namespace of command ids that come from keys. It never changes: retries must find what the log remembers.
const COMMAND_NAMESPACE: Uuid = Uuid::from_u128(0x9a3f_6f0e_52f1_4c07_8d2b_7a6c_1e94_b35d);

/// What the headers of a write ask for.
#[derive(Debug)]
pub struct WriteHeaders {
    /// The language of plain texts.
    pub language: ContentLanguage,
    /// What must hold for the document.
    pub condition: Condition,
    /// Tenant, client and key, if there is a key.
    keyed: Option<Vec<u8>>,
    /// Everything of the request but the body.
    fingerprint: Vec<u8>,
    correlation_id: Option<String>,
    causation_id: Option<String>,
    trace_parent: Option<String>,
    trace_state: Option<String>,
}

impl WriteHeaders {
    /// Reads the headers of a request.
    ///
    /// # Errors
    /// 400 for one that is malformed or too long.
    pub fn of(call: &Call, default_language: &str) -> Result<Self, ApiError> {
        let language = call.header("Content-Language")?;
        let if_match = call.header("If-Match")?;
        let if_none_match = call.header("If-None-Match")?;
        let key = bounded(call, "Idempotency-Key")?;
        if key.as_deref() == Some("") {
            return Err(ApiError::invalid_parameter("Idempotency-Key", "required", "the key must not be empty"));
        }
        let mut fingerprint = Vec::new();
        for part in [
            Some(call.operation.spec().method.as_str()),
            Some(call.path_and_query()),
            language.as_deref(),
            if_match.as_deref(),
            if_none_match.as_deref(),
        ] {
            // A header that is not there is not an empty one.
            fingerprint.push(u8::from(part.is_some()));
            append(&mut fingerprint, part.unwrap_or_default().as_bytes());
        }
        Ok(Self {
            language: ContentLanguage::parse(language.as_deref(), default_language).map_err(error::of_header)?,
            condition: condition(if_match.as_deref(), if_none_match.as_deref())?,
            keyed: key.map(|key| joined(&[call.tenant.as_str(), &call.caller.client, &key])),
            fingerprint,
            correlation_id: bounded(call, "X-Correlation-ID")?,
            causation_id: bounded(call, "X-Causation-ID")?,
            trace_parent: call.headers("traceparent").next().filter(|text| is_trace_parent(text)).map(str::to_owned),
            trace_state: trace_state(call),
        })
    }

    /// The request to the writer; `index` is the place in a bulk, from 0, and `body` that item's alone.
    pub fn request(&self, call: &Call, command: Command, body: &CanonicalBody, index: Option<usize>) -> Request {
        let mut fingerprint = self.fingerprint.clone();
        append(&mut fingerprint, &body.0);
        Request {
            command,
            stamp: CommandStamp { id: self.command_id(index), hash: blake3::hash(&fingerprint) },
            actor: call.caller.actor.clone(),
            correlation_id: self.correlation_id.clone(),
            causation_id: self.causation_id.clone(),
            trace_parent: self.trace_parent.clone(),
            trace_state: self.trace_state.clone(),
            size: body.0.len() + COMMAND_BYTES,
        }
    }

    fn command_id(&self, index: Option<usize>) -> Uuid {
        match &self.keyed {
            Some(keyed) => Uuid::new_v5(&COMMAND_NAMESPACE, &placed(keyed, index)),
            None => Uuid::now_v7(),
        }
    }

    /// The id of a segment that is created without one: 24 lower-case hex digits. Fresh ones grow with time.
    pub fn generated_id(&self, index: Option<usize>) -> Result<SegmentId, InvalidId> {
        let mut bytes = [0; 12];
        match &self.keyed {
            Some(keyed) => bytes.copy_from_slice(&blake3::hash(&placed(keyed, index)).as_bytes()[..12]),
            None => {
                let fresh = Uuid::now_v7();
                // The time, and the random end.
                bytes[..6].copy_from_slice(&fresh.as_bytes()[..6]);
                bytes[6..].copy_from_slice(&fresh.as_bytes()[10..]);
            }
        }
        SegmentId::parse(&bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    }
}

/// A body with its member names sorted, so that two spellings of one document are one request.
#[derive(Debug)]
pub struct CanonicalBody(Vec<u8>);

impl CanonicalBody {
    /// Of a request without a body.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// Of a body, or of one item of a bulk.
    pub fn of(body: &mut Value) -> Self {
        body.sort_all_objects();
        Self(serde_json::to_vec(body).expect("a tree of JSON is JSON"))
    }
}

fn condition(if_match: Option<&str>, if_none_match: Option<&str>) -> Result<Condition, ApiError> {
    let if_match = if_match.map(IfMatch::parse).transpose().map_err(error::of_header)?;
    match if_none_match.map(str::trim) {
        None => Ok(Condition { if_match, if_none_match_any: false }),
        Some("*") => Ok(Condition { if_match, if_none_match_any: true }),
        Some(_) => Err(ApiError::invalid_parameter("If-None-Match", "syntax", "a write takes only *")),
    }
}

fn bounded(call: &Call, name: &'static str) -> Result<Option<String>, ApiError> {
    let Some(value) = call.header(name)? else { return Ok(None) };
    if value.len() > MAX_HEADER_CHARS {
        let message = format!("the header must not be longer than {MAX_HEADER_CHARS} characters");
        return Err(ApiError::invalid_parameter(name, "limit", message));
    }
    Ok(Some(value.into_owned()))
}

/// W3C Trace Context, section 3.2: a header that is not well-formed is ignored.
fn is_trace_parent(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [2, 32, 16, 2] && text.bytes().all(|byte| matches!(byte, b'-' | b'0'..=b'9' | b'a'..=b'f'))
}

fn trace_state(call: &Call) -> Option<String> {
    let lines: Vec<&str> = call.headers("tracestate").collect();
    let joined = lines.join(",");
    (!joined.is_empty() && joined.len() <= MAX_TRACE_STATE_CHARS).then_some(joined)
}

/// A part with its length before it, so that no two lists of parts are the same bytes.
fn append(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
    bytes.extend_from_slice(part);
}

fn joined(parts: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    parts.iter().for_each(|part| append(&mut bytes, part.as_bytes()));
    bytes
}

fn placed(keyed: &[u8], index: Option<usize>) -> Vec<u8> {
    let mut bytes = keyed.to_vec();
    if let Some(index) = index {
        bytes.extend_from_slice(&(index as u64).to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn trace_parents_are_well_formed_or_ignored() {
        for (text, is_good) in [
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true),
            ("00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331", false),
            ("", false),
        ] {
            assert_eq!(is_trace_parent(text), is_good, "{text}");
        }
    }

    #[test]
    fn the_parts_of_a_key_never_run_into_one_another() {
        assert_ne!(joined(&["a", "bc"]), joined(&["ab", "c"]));
        let keyed = joined(&["acme", "shop", "k"]);
        assert_ne!(placed(&keyed, None), placed(&keyed, Some(0)));
        assert_ne!(placed(&keyed, Some(1)), placed(&keyed, Some(0)));
    }

    #[test]
    fn two_spellings_of_a_document_are_one_request() {
        let one = CanonicalBody::of(&mut json!({"a": 1, "b": {"c": 2, "d": 3}}));
        let other = CanonicalBody::of(&mut serde_json::from_str(r#"{"b":{"d":3,"c":2}, "a":1}"#).expect("JSON"));
        assert_eq!(one.0, other.0);
    }
}
