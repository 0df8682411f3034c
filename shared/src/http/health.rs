//! What operators ask: `/health/live`, `/health/ready` and `/metrics`.

use std::{fmt, sync::Arc};

use actix_web::{
    HttpResponse,
    http::{StatusCode, header::CONTENT_TYPE},
};
use futures::{FutureExt as _, future::LocalBoxFuture};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;

use super::{error::ApiResult, operation::Method, router::PlainRoute};

/// One thing that a process needs in order to serve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name, such as `writer`, `views`, `keys`.
    pub name: &'static str,
    /// Whether it is there.
    pub ready: bool,
    /// A word on its state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Check {
    /// Without a word.
    pub fn new(name: &'static str, ready: bool) -> Self {
        Self { name, ready, message: None }
    }

    /// With a word.
    pub fn with_message(self, message: impl fmt::Display) -> Self {
        Self { message: Some(message.to_string()), ..self }
    }
}

/// Looks whether everything is there; must be quick.
pub type Readiness = Arc<dyn Fn() -> Vec<Check> + Send + Sync>;

#[derive(Serialize)]
struct Report {
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checks: Vec<Check>,
}

/// The three paths. `/health/ready` answers 503 while a check fails.
pub fn routes(readiness: Readiness, metrics: PrometheusHandle) -> Vec<PlainRoute> {
    vec![
        PlainRoute::new(Method::Get, "/health/live", |_, _| {
            done(HttpResponse::Ok().json(Report { status: "UP", checks: Vec::new() }))
        }),
        PlainRoute::new(Method::Get, "/health/ready", move |_, _| done(ready(readiness()))),
        PlainRoute::new(Method::Get, "/metrics", move |_, _| {
            let text = metrics.render();
            done(
                HttpResponse::Ok().insert_header((CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")).body(text),
            )
        }),
    ]
}

fn done(response: HttpResponse) -> LocalBoxFuture<'static, ApiResult> {
    async move { Ok(response) }.boxed_local()
}

fn ready(checks: Vec<Check>) -> HttpResponse {
    let is_ready = checks.iter().all(|check| check.ready);
    let (code, status) = if is_ready { (StatusCode::OK, "UP") } else { (StatusCode::SERVICE_UNAVAILABLE, "DOWN") };
    HttpResponse::build(code).json(Report { status, checks })
}
