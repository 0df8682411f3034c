//! A request that was let in: authenticated, of the right tenant, with a scope for the operation.
//!
//! A handler gets it and asks it, in this order, for headers and parameters, and then for the body.

use std::{fmt, sync::Arc};

use actix_server::GracefulShutdownSignal;
use actix_web::{HttpRequest, web::Payload};
use serde_json::Value;

use super::{
    body,
    claims::Caller,
    error::{ApiError, Details},
    operation::Operation,
    path::PathParams,
    query::Query,
    server::Left,
};
use crate::ids::Tenant;

const PATCH_FORMAT: &str = "application/json-patch+json";

/// A request to execute.
pub struct Call {
    /// What is asked for.
    pub operation: Operation,
    /// Whose segments.
    pub tenant: Tenant,
    /// Who asks.
    pub caller: Arc<Caller>,
    /// The variable parts of the path.
    pub path: PathParams,
    query: Query,
    request: HttpRequest,
    payload: Option<Payload>,
}

impl Call {
    /// Puts the parts together; `payload` is not read yet.
    pub(super) fn new(
        (operation, tenant, caller, path): (Operation, Tenant, Arc<Caller>, PathParams),
        query: Query,
        request: HttpRequest,
        payload: Payload,
    ) -> Self {
        Self { operation, tenant, caller, path, query, request, payload: Some(payload) }
    }

    /// The parameters of the query.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// Path and query as they were sent.
    pub fn path_and_query(&self) -> &str {
        self.request.uri().path_and_query().map_or_else(|| self.request.uri().path(), |both| both.as_str())
    }

    /// Resolves when the server begins to stop: an answer that goes on for as long as somebody reads it ends then.
    pub fn stopping(&self) -> impl Future<Output = ()> + use<> {
        let signal = self.request.app_data::<GracefulShutdownSignal>().cloned();
        async move {
            match signal {
                Some(signal) => signal.notified().await,
                None => std::future::pending().await,
            }
        }
    }

    /// Resolves when the client has closed its side of the connection, and so reads no more.
    pub fn left(&self) -> impl Future<Output = ()> + use<> {
        let left = self.request.conn_data::<Left>().cloned();
        async move {
            match left {
                Some(left) => left.resolved().await,
                None => std::future::pending().await,
            }
        }
    }

    /// The value of a header that may be sent once; several lines of it are one list.
    ///
    /// # Errors
    /// 400 if it holds anything but visible ASCII characters and spaces.
    pub fn header(&self, name: &str) -> Result<Option<std::borrow::Cow<'_, str>>, ApiError> {
        let mut joined: Option<std::borrow::Cow<'_, str>> = None;
        for value in self.request.headers().get_all(name) {
            let text = value.to_str().map_err(|_| {
                ApiError::invalid_parameter(name, "character", "the header must hold visible ASCII characters only")
            })?;
            joined = Some(match joined {
                None => text.into(),
                Some(before) => format!("{before}, {text}").into(),
            });
        }
        Ok(joined)
    }

    /// The readable values of a header.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.request.headers().get_all(name).filter_map(|value| value.to_str().ok())
    }

    /// The body as JSON; nothing if there is none.
    ///
    /// # Errors
    /// 415 for other formats, 413 if it is too long, 400 if it is not JSON.
    pub async fn json(&mut self) -> Result<Option<Value>, ApiError> {
        let also = (self.operation == Operation::PatchSegment).then_some(PATCH_FORMAT);
        body::check_is_json(&self.request, also)?;
        let Some(payload) = self.payload.take() else { return Ok(None) };
        body::parse(&body::read(&self.request, payload).await?, self.operation.is_bulk())
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// As [`json`](Self::json), and 400 if there is none.
    pub async fn required_json(&mut self) -> Result<Value, ApiError> {
        self.json().await?.ok_or_else(|| ApiError::invalid_body(Details::new("required", "the request needs a body")))
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("operation", &self.operation).field("tenant", &self.tenant).finish_non_exhaustive()
    }
}
