//! A request that was let in: authenticated, of the right tenant, with a scope for the operation.
//!
//! A handler gets it and asks it, in this order, for headers and parameters, and then for the body.

use std::{fmt, sync::Arc};

use actix_server::GracefulShutdownSignal;
use actix_web::{
    HttpRequest,
    web::{Bytes, Payload},
};
use serde::Deserialize;
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

/// A body that was read and not yet parsed.
#[derive(Debug)]
pub struct Body {
    text: Bytes,
    /// Whether each item of it answers for itself.
    judges_items: bool,
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
        self.body().await?.json()
    }

    /// The body, to be parsed; nothing may be in it.
    ///
    /// # Errors
    /// 415 for other formats than JSON, 413 if it is too long.
    pub async fn body(&mut self) -> Result<Body, ApiError> {
        let also = (self.operation == Operation::PatchSegment).then_some(PATCH_FORMAT);
        body::check_is_json(&self.request, also)?;
        let judges_items = self.operation.is_bulk();
        let text = match self.payload.take() {
            Some(payload) => body::read(&self.request, payload).await?,
            None => Bytes::new(),
        };
        Ok(Body { text, judges_items })
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// As [`json`](Self::json), and 400 if there is none.
    pub async fn required_json(&mut self) -> Result<Value, ApiError> {
        self.body().await?.required_json()
    }
}

impl Body {
    /// As it would be read, for tests.
    pub fn of(text: impl Into<Bytes>) -> Self {
        Self { text: text.into(), judges_items: false }
    }

    /// As it was sent.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// What is wanted of the body, without a tree in between. None is no verdict: it may be an unusual way to say the same, or
    /// wrong, and [`required_json`](Self::required_json) knows which.
    pub fn usual<'b, T: Deserialize<'b>>(&'b self) -> Option<T> {
        body::parse_usual(&self.text)
    }

    /// As [`Call::json`].
    ///
    /// # Errors
    /// 400 if it is not JSON.
    pub fn json(&self) -> Result<Option<Value>, ApiError> {
        body::parse(&self.text, self.judges_items)
    }

    /// As [`Call::required_json`].
    ///
    /// # Errors
    /// 400 if it is not JSON, or nothing.
    pub fn required_json(&self) -> Result<Value, ApiError> {
        self.json()?.ok_or_else(|| ApiError::invalid_body(Details::new("required", "the request needs a body")))
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("operation", &self.operation).field("tenant", &self.tenant).finish_non_exhaustive()
    }
}
