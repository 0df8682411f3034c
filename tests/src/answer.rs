//! An answer, read to its end, and what every answer of the API must look like.

use reqwest::header::HeaderMap;
use serde_json::{Value, json};

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Method and URL of the request, for messages.
    pub asked: String,
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
}

impl Answer {
    /// This status and no other.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {}", self.asked, self.text);
        self
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        let content_type = self.header("content-type").unwrap_or_default();
        assert!(content_type.starts_with("application/json"), "{}: content type {content_type:?}", self.asked);
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{}: {error}: {}", self.asked, self.text))
    }

    /// The elements of the body, which is an array.
    #[track_caller]
    pub fn rows(&self) -> Vec<Value> {
        let Value::Array(rows) = self.json() else { panic!("{}: no array: {}", self.asked, self.text) };
        rows
    }

    /// The ids of the elements of the body.
    #[track_caller]
    pub fn ids(&self) -> Vec<String> {
        self.rows().iter().map(|row| row["id"].as_str().expect("every row has an id").to_owned()).collect()
    }

    /// A member of each element of the body.
    #[track_caller]
    pub fn column(&self, name: &str) -> Vec<Value> {
        self.rows().iter().map(|row| row[name].clone()).collect()
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("headers are text"))
    }

    /// The entity tag, which must be there.
    #[track_caller]
    pub fn etag(&self) -> String {
        self.header("etag").unwrap_or_else(|| panic!("{}: no ETag", self.asked)).to_owned()
    }

    /// An answer without a body.
    #[track_caller]
    pub fn empty(self, status: u16) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.text, "", "{}", answer.asked);
        answer
    }

    /// An `Error` object with this status; gives it.
    #[track_caller]
    pub fn error(self, status: u16) -> Value {
        let answer = self.expect(status);
        let body = answer.json();
        let members = body.as_object().unwrap_or_else(|| panic!("{}: {body}", answer.asked));
        let known = ["code", "status", "message", "resourceId", "details"];
        assert!(members.keys().all(|name| known.contains(&name.as_str())), "{}: {body}", answer.asked);
        assert_eq!(body["code"], status, "{}: {body}", answer.asked);
        let reason = reqwest::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        // HTTP was revised; the older words are as good.
        let older = match status {
            413 => Some("Request Entity Too Large"),
            414 => Some("Request-URI Too Large"),
            _ => None,
        };
        let given = body["status"].as_str();
        assert!(given.is_some() && (given == reason || given == older), "{}: {body}", answer.asked);
        assert!(body["message"].as_str().is_some_and(|text| !text.is_empty()), "{}: {body}", answer.asked);
        assert!(body.get("details").is_none_or(Value::is_object), "{}: {body}", answer.asked);
        body
    }

    /// The `fault` object of 401 with this error code.
    #[track_caller]
    pub fn fault(self, message: &str, code: &str) {
        let answer = self.expect(401);
        let expected = json!({ "fault": { "faultstring": message, "detail": { "errorcode": code } } });
        assert_eq!(answer.json(), expected, "{}", answer.asked);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{}", answer.asked);
    }
}
