//! The error bodies of the API: the `Error` object, and the `fault` object of 401.
//!
//! Messages are the published texts, word for word; what is particular to a request goes into `details`.
//! A new kind of error: a constructor of [`ApiError`] here, and nothing else.

use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError,
    http::{
        StatusCode,
        header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE},
    },
};
use serde::Serialize;

/// What handlers answer.
pub type ApiResult = Result<HttpResponse, ApiError>;

/// An answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// 401, as a `fault`.
    #[error("{}", .0.faultstring)]
    Fault(Fault),
    /// Anything else.
    #[error("{} {}", .0.code, .0.message)]
    Error(Box<ErrorBody>),
}

/// Why a bearer token was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    faultstring: &'static str,
    errorcode: &'static str,
}

impl Fault {
    /// No token, or one that nobody here can vouch for.
    pub const INVALID: Self = Self { faultstring: "Invalid access token", errorcode: "oauth.v2.InvalidAccessToken" };
    /// A token whose time is over.
    pub const EXPIRED: Self =
        Self { faultstring: "Access Token expired", errorcode: "keymanagement.service.access_token_expired" };
}

/// The `Error` object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorBody {
    /// The HTTP status.
    pub code: u16,
    /// The reason phrase of the status.
    pub status: &'static str,
    /// The published text.
    pub message: String,
    /// What the error is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<String>,
    /// What is particular to this request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
    #[serde(skip)]
    retry_after: Option<u64>,
    #[serde(skip)]
    allow: Option<String>,
}

/// The particulars of an error.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Details {
    /// The path in the body, or the name of the parameter or header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// A word for programs, such as `required`, `enum`, `range`, `syntax`, `limit`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// A sentence for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Details {
    /// A word for programs and a sentence for people.
    pub fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self { field: None, kind: Some(kind), message: Some(message.into()) }
    }

    /// Names the member, parameter or header.
    pub fn of(self, field: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..self }
    }
}

/// The published text of 400.
pub const INVALID_BODY: &str = "Validation problem with request body.";
/// The published text of 409 where the id is taken, also of bulk items.
pub const ALREADY_EXISTS: &str = "The resource already exists.";
/// The published text of 409 where the version is another, also of bulk items, and of 412.
pub const HAS_CHANGED: &str = "The resource you are attempting to access has changed.";
const FORBIDDEN: &str = "The access to the requested resource has been forbidden by the server.";

impl ApiError {
    /// Any status with any message. Prefer the constructors that know the published texts.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self::Error(Box::new(ErrorBody {
            code: status.as_u16(),
            status: status.canonical_reason().unwrap_or("Unknown"),
            message: message.into(),
            resource_id: None,
            details: None,
            retry_after: None,
            allow: None,
        }))
    }

    /// 400: the body is not what it must be.
    pub fn invalid_body(details: Details) -> Self {
        Self::new(StatusCode::BAD_REQUEST, INVALID_BODY).with_details(details)
    }

    /// 400: a parameter or header is not what it must be.
    pub fn invalid_parameter(name: &str, kind: &'static str, message: impl Into<String>) -> Self {
        let details = Details::new(kind, message).of(name);
        Self::new(StatusCode::BAD_REQUEST, format!("Invalid value of {name}.")).with_details(details)
    }

    /// 401: not authenticated.
    pub fn unauthorized(fault: Fault) -> Self {
        Self::Fault(fault)
    }

    /// 403, with the reason.
    pub fn forbidden(details: Details) -> Self {
        Self::new(StatusCode::FORBIDDEN, FORBIDDEN).with_details(details)
    }

    /// 404: there is no such resource.
    pub fn not_found(id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("The resource with id {id} has not been found.")).with_resource(id)
    }

    /// 404: there is no such path.
    pub fn unknown_path() -> Self {
        Self::new(StatusCode::NOT_FOUND, "The requested path does not exist.")
    }

    /// 405; `allow` lists the methods that the path has.
    pub fn method_not_allowed(allow: String) -> Self {
        let mut error = Self::new(StatusCode::METHOD_NOT_ALLOWED, "The path does not support this method.");
        if let Self::Error(body) = &mut error {
            body.allow = Some(allow);
        }
        error
    }

    /// 409: the id is taken.
    pub fn already_exists(id: &str) -> Self {
        Self::new(StatusCode::CONFLICT, ALREADY_EXISTS).with_resource(id)
    }

    /// 409: the version is another.
    pub fn has_changed(id: &str) -> Self {
        Self::new(StatusCode::CONFLICT, HAS_CHANGED).with_resource(id)
    }

    /// 412: `If-Match` or `If-None-Match` is not met.
    pub fn precondition_failed(id: &str) -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, HAS_CHANGED).with_resource(id)
    }

    /// 413, 414 and 431: something is longer than allowed.
    pub fn too_large(status: StatusCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::new(status, message.clone()).with_details(Details::new("limit", message))
    }

    /// 415: the body is not in a format that this operation takes.
    pub fn unsupported_media_type(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "The format of the request body is not supported.")
            .with_details(Details::new("syntax", message).of("Content-Type"))
    }

    /// 422: the idempotency key was sent before, with another request.
    pub fn key_reused() -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "The idempotency key was used for another request.")
            .with_details(Details::new("key-reused", "use a new key for a new request").of("Idempotency-Key"))
    }

    /// 500: a fault of ours; the cause is logged where it is known and never sent.
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "The request could not be processed.")
    }

    /// 503: nothing was executed. `kind` is `not-executed`, `stale-view` or `unavailable`; `retry_after` is in seconds.
    pub fn unavailable(kind: &'static str, message: impl Into<String>, retry_after: u64) -> Self {
        let message = message.into();
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "The service is temporarily unavailable.")
            .with_details(Details::new(kind, message));
        if let Self::Error(body) = &mut error {
            body.retry_after = Some(retry_after.max(1));
        }
        error
    }

    /// 504: it may have been executed, or not.
    pub fn outcome_unknown() -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "The outcome is unknown.").with_details(Details::new(
            "outcome-unknown",
            "the request may have been executed; send it again only with the same Idempotency-Key",
        ))
    }

    /// Adds the particulars.
    pub fn with_details(mut self, details: Details) -> Self {
        if let Self::Error(body) = &mut self {
            body.details = Some(details);
        }
        self
    }

    /// Names what the error is about.
    pub fn with_resource(mut self, id: &str) -> Self {
        if let Self::Error(body) = &mut self {
            body.resource_id = Some(id.to_owned());
        }
        self
    }
}

#[derive(Serialize)]
struct FaultBody {
    fault: FaultObject,
}

#[derive(Serialize)]
struct FaultObject {
    faultstring: &'static str,
    detail: FaultDetail,
}

#[derive(Serialize)]
struct FaultDetail {
    errorcode: &'static str,
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Fault(_) => StatusCode::UNAUTHORIZED,
            Self::Error(body) => StatusCode::from_u16(body.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponseBuilder::new(self.status_code());
        match self {
            Self::Fault(Fault { faultstring, errorcode }) => {
                let fault = FaultObject { faultstring, detail: FaultDetail { errorcode } };
                response.insert_header((WWW_AUTHENTICATE, "Bearer")).json(FaultBody { fault })
            }
            Self::Error(body) => {
                if let Some(seconds) = body.retry_after {
                    response.insert_header((RETRY_AFTER, seconds));
                }
                if let Some(allow) = &body.allow {
                    response.insert_header((ALLOW, allow.as_str()));
                }
                response.json(body)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;

    use super::*;

    async fn body_of(error: ApiError) -> String {
        let bytes = to_bytes(error.error_response().into_body()).await.expect("a body in memory can be read");
        String::from_utf8(bytes.to_vec()).expect("JSON is UTF-8")
    }

    #[actix_web::test]
    async fn bodies_are_the_published_ones() {
        for (error, expected) in [
            (
                ApiError::unauthorized(Fault::INVALID),
                r#"{"fault":{"faultstring":"Invalid access token","detail":{"errorcode":"oauth.v2.InvalidAccessToken"}}}"#,
            ),
            (
                ApiError::unauthorized(Fault::EXPIRED),
                r#"{"fault":{"faultstring":"Access Token expired","detail":{"errorcode":"keymanagement.service.access_token_expired"}}}"#,
            ),
            (
                ApiError::not_found("nope"),
                r#"{"code":404,"status":"Not Found","message":"The resource with id nope has not been found.","resourceId":"nope"}"#,
            ),
            (
                ApiError::already_exists("g1"),
                r#"{"code":409,"status":"Conflict","message":"The resource already exists.","resourceId":"g1"}"#,
            ),
            (
                ApiError::invalid_body(Details::new("required", "name is missing").of("name")),
                r#"{"code":400,"status":"Bad Request","message":"Validation problem with request body.","details":{"field":"name","type":"required","message":"name is missing"}}"#,
            ),
        ] {
            assert_eq!(body_of(error).await, expected);
        }
    }

    #[test]
    fn answers_carry_the_headers_that_belong_to_their_status() {
        let header = |error: ApiError, name| {
            let response = error.error_response();
            response.headers().get(name).map(|value| value.to_str().expect("ASCII").to_owned())
        };
        assert_eq!(header(ApiError::unauthorized(Fault::INVALID), WWW_AUTHENTICATE).as_deref(), Some("Bearer"));
        assert_eq!(header(ApiError::method_not_allowed("GET, POST".into()), ALLOW).as_deref(), Some("GET, POST"));
        assert_eq!(header(ApiError::unavailable("stale-view", "behind", 1), RETRY_AFTER).as_deref(), Some("1"));
    }
}
