//! What clients asked, and what they were told.

use std::{fmt, sync::Arc};

use serde_json::{Value, json};
use shared::{
    consistency::Positions,
    ids::{InvalidId, SegmentId, SegmentKey, Tenant},
};

/// Names one attempt; it travels as `X-Correlation-ID` and comes back in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Marker {
    /// Which client.
    pub client: u32,
    /// Which of its commands.
    pub number: u32,
    /// Which attempt at it, from 0.
    pub attempt: u32,
}

impl Marker {
    /// The command without the attempt: what a body carries, and the idempotency key.
    pub fn command(self) -> String {
        format!("{}/{}", self.client, self.number)
    }

    /// The attempt with this name.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/').map(|part| part.parse().ok());
        let marker = Self { client: parts.next()??, number: parts.next()??, attempt: parts.next()?? };
        parts.next().is_none().then_some(marker)
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.client, self.number, self.attempt)
    }
}

/// What is to be done to a segment.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// `POST /segments`.
    Create,
    /// `PUT /segments/{id}`.
    Put {
        /// `metadata.version`.
        version: Option<u64>,
        /// `If-Match`.
        if_match: Option<String>,
    },
    /// `PATCH /segments/{id}`.
    Patch,
    /// `DELETE /segments/{id}`.
    Delete {
        /// `forceDelete`.
        force: bool,
    },
    /// `PUT /segments/{id}/{place}`, such as `items/PRODUCT/p1` or `customers/c1`.
    Assign(String),
    /// `DELETE /segments/{id}/{place}`, likewise.
    Unassign(String),
}

/// A command of a client.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The tenant.
    pub tenant: String,
    /// The segment; none where the service makes the id.
    pub id: Option<String>,
    /// What is to be done.
    pub kind: Kind,
    /// Whether it has an idempotency key.
    pub keyed: bool,
}

impl Ask {
    /// The segment, if its id is known before it exists.
    pub fn key(&self) -> Option<SegmentKey> {
        segment_key(&self.tenant, self.id.as_deref()?).ok()
    }

    /// Method, path behind the tenant, and body.
    pub fn request(&self, command: &str) -> (reqwest::Method, String, Option<Value>) {
        use reqwest::Method;
        let id = self.id.as_deref().unwrap_or_default();
        let document = json!({
            "name": { "en": command }, "siteCode": "main", "status": "ACTIVE", "mixins": { "faults": { "command": command } },
        });
        match &self.kind {
            Kind::Create => {
                let mut body = document;
                if let Some(id) = &self.id {
                    body["id"] = json!(id);
                }
                (Method::POST, "segments".to_owned(), Some(body))
            }
            Kind::Put { version, .. } => {
                let mut body = document;
                if let Some(version) = version {
                    body["metadata"] = json!({ "version": version });
                }
                (Method::PUT, format!("segments/{id}"), Some(body))
            }
            Kind::Patch => {
                let body = json!([{ "op": "replace", "path": "/name", "value": { "en": command } }]);
                (Method::PATCH, format!("segments/{id}"), Some(body))
            }
            Kind::Delete { force } => (Method::DELETE, format!("segments/{id}?forceDelete={force}"), None),
            Kind::Assign(place) => {
                let body = json!({ "mixins": { "faults": { "command": command } } });
                (Method::PUT, format!("segments/{id}/{place}"), Some(body))
            }
            Kind::Unassign(place) => (Method::DELETE, format!("segments/{id}/{place}"), None),
        }
    }
}

/// The name of a segment in the log.
pub fn segment_key(tenant: &str, id: &str) -> Result<SegmentKey, InvalidId> {
    Ok(SegmentKey::new(Tenant::parse(tenant)?, SegmentId::parse(id)?))
}

/// An answer of the service.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// `ETag`, with its quotes.
    pub etag: Option<String>,
    /// `X-Consistency-Token`.
    pub token: Option<Positions>,
    /// `Idempotency-Replayed: true`.
    pub replayed: bool,
    /// The body.
    pub body: String,
}

/// How an attempt ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// There was an answer.
    Answer(Answer),
    /// There was no connection to send it on.
    NotSent,
    /// The connection was lost, or the client has lost patience.
    Lost(String),
}

impl Outcome {
    /// The answer, if there is one.
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Answer(answer) => Some(answer),
            Self::NotSent | Self::Lost(_) => None,
        }
    }

    /// Whether it was 2xx.
    pub fn is_success(&self) -> bool {
        self.answer().is_some_and(|answer| (200..300).contains(&answer.status))
    }

    /// Whether the service has promised that this attempt did nothing and never will.
    pub fn is_not_executed(&self) -> bool {
        match self {
            Self::Answer(answer) => matches!(answer.status, 401 | 503),
            Self::NotSent => true,
            Self::Lost(_) => false,
        }
    }

    /// Whether nobody can tell.
    pub fn is_unknown(&self) -> bool {
        match self {
            Self::Answer(answer) => answer.status == 504,
            Self::NotSent => false,
            Self::Lost(_) => true,
        }
    }
}

/// One attempt at a command.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Its name.
    pub marker: Marker,
    /// The command.
    pub ask: Arc<Ask>,
    /// Where it was sent.
    pub origin: Arc<str>,
    /// When it was sent, in nanoseconds of the run.
    pub invoked: u64,
    /// When its end was known, likewise.
    pub answered: u64,
    /// How it ended.
    pub outcome: Outcome,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ask { tenant, id, kind, keyed } = self.ask.as_ref();
        let key = if *keyed { "with" } else { "without" };
        let id = id.as_deref().unwrap_or("(new)");
        write!(f, "attempt {} at {kind:?} of {tenant}/{id} {key} a key, sent to {} ", self.marker, self.origin)?;
        write!(f, "at {} and answered at {} ns: ", self.invoked, self.answered)?;
        match &self.outcome {
            Outcome::NotSent => f.write_str("no connection"),
            Outcome::Lost(why) => write!(f, "lost: {why}"),
            Outcome::Answer(answer) => {
                let Answer { status, etag, token, replayed, body } = answer;
                write!(f, "{status}, etag {etag:?}, token {token:?}, replayed {replayed}, {body:?}")
            }
        }
    }
}
