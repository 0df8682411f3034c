//! From what went wrong to the answer: the one place where a rejection gets its status.

use std::time::Duration;

use actix_web::http::StatusCode;
use shared::http::{ApiError, Details};

use crate::{
    domain::{Fault, Rejection},
    writer::Failure,
};

/// What a bulk says of a segment that cannot be deleted.
const HAS_ASSIGNMENTS: &str = "The segment has assignments; forceDelete=true deletes it with them.";

/// 400 for a fault in the body.
pub fn of_body(fault: Fault) -> ApiError {
    let details = Details::new(fault.kind.as_str(), fault.message);
    ApiError::invalid_body(if fault.field.is_empty() { details } else { details.of(fault.field) })
}

/// 400 for a fault in a header, which the fault names.
pub fn of_header(fault: Fault) -> ApiError {
    ApiError::invalid_parameter(&fault.field, fault.kind.as_str(), fault.message)
}

/// 400 for an id in the path that cannot be one.
pub fn of_path(name: &str, why: impl std::fmt::Display) -> ApiError {
    ApiError::invalid_parameter(name, "pattern", why.to_string())
}

/// The answer to a failed command on this resource.
pub fn of_failure(failure: Failure, resource: &str) -> ApiError {
    match failure {
        Failure::Rejected(rejection) => of_rejection(rejection, resource),
        Failure::KeyReused => ApiError::key_reused(),
        Failure::NotExecuted { retry_after } => not_executed(retry_after),
        Failure::OutcomeUnknown { .. } => ApiError::outcome_unknown(),
        Failure::TooLarge { size, limit } => ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "The resource is too large.")
            .with_details(Details::new("limit", format!("its event would have {size} bytes, more than {limit}"))),
        Failure::Panicked => ApiError::internal(),
    }
}

/// The same for an item of a bulk, which has its own words, and no place for what the error is about.
pub fn of_item_failure(failure: Failure) -> ApiError {
    match failure {
        Failure::Rejected(Rejection::HasAssignments) => ApiError::new(StatusCode::BAD_REQUEST, HAS_ASSIGNMENTS),
        Failure::TooLarge { size, limit } => ApiError::invalid_body(Details::new(
            "limit",
            format!("the event would have {size} bytes, more than {limit}"),
        )),
        other => of_failure(other, ""),
    }
}

fn of_rejection(rejection: Rejection, resource: &str) -> ApiError {
    match rejection {
        Rejection::PreconditionFailed => ApiError::precondition_failed(resource),
        Rejection::NotFound => ApiError::not_found(resource),
        Rejection::SegmentMissing => segment_missing(),
        Rejection::HasAssignments => ApiError::invalid_body(Details::new("hasAssignments", HAS_ASSIGNMENTS)),
        Rejection::Invalid(fault) => of_body(fault),
        Rejection::StaleVersion { .. } => ApiError::has_changed(resource),
        Rejection::AlreadyExists => ApiError::already_exists(resource),
    }
}

/// 400: there is nothing to assign to.
pub fn segment_missing() -> ApiError {
    ApiError::invalid_body(Details::new("reference", "the segment does not exist").of("segmentId"))
}

/// 503: the same request may be sent again.
pub fn not_executed(retry_after: Duration) -> ApiError {
    ApiError::unavailable("not-executed", "nothing was executed; the request may be sent again", retry_after.as_secs())
}
