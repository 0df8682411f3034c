//! From a request to its handler, in the order that decides which error wins: sizes, path, method, token, tenant, scope,
//! headers; then the handler takes over with parameters and body.
//!
//! A service makes its table with [`Router::on`], one line for each operation; a process that serves both sides puts both
//! tables into one router.

use std::{collections::HashMap, fmt, future::Future, panic::AssertUnwindSafe, sync::Arc, time::Instant};

use actix_web::{
    HttpRequest, HttpResponse, ResponseError as _,
    http::{StatusCode, header::HeaderMap},
    web::Payload,
};
use futures::{FutureExt as _, future::LocalBoxFuture};
use metrics::Histogram;

use super::{
    auth::Auth,
    body,
    call::Call,
    claims::Caller,
    error::{ApiError, ApiResult, Details, Fault},
    operation::{Method, Operation},
    path::match_path,
    query::Query,
    scope::{Scope, Scopes},
};
use crate::ids::Tenant;

/// The longest path and query, in bytes.
pub const MAX_URL_BYTES: usize = 10 * 1024;
/// The longest headers of a request, names and separators included, in bytes.
pub const MAX_HEADER_BYTES: usize = 60 * 1024;
/// The parameter of a token, where one may stand in the query (RFC 6750, section 2.3).
const ACCESS_TOKEN: &str = "access_token";

type Handler = Arc<dyn Fn(Call) -> LocalBoxFuture<'static, ApiResult> + Send + Sync>;
type PlainHandler = Arc<dyn Fn(HttpRequest, Payload) -> LocalBoxFuture<'static, ApiResult> + Send + Sync>;

/// A path outside the API that answers without a token, such as a health check.
#[derive(Clone)]
pub struct PlainRoute {
    method: Method,
    path: &'static str,
    handler: PlainHandler,
}

impl PlainRoute {
    /// The handler sees requests of exactly this method and path.
    pub fn new(
        method: Method,
        path: &'static str,
        handler: impl Fn(HttpRequest, Payload) -> LocalBoxFuture<'static, ApiResult> + Send + Sync + 'static,
    ) -> Self {
        Self { method, path, handler: Arc::new(handler) }
    }

    /// Its method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// Its path.
    pub fn path(&self) -> &'static str {
        self.path
    }
}

/// The handlers of a process.
#[derive(Clone)]
pub struct Router {
    auth: Auth,
    handlers: HashMap<Operation, (Handler, Histogram)>,
    plain: Vec<PlainRoute>,
}

impl Router {
    /// Without any handler yet.
    pub fn new(auth: Auth) -> Self {
        Self { auth, handlers: HashMap::new(), plain: Vec::new() }
    }

    /// Gives an operation its handler; `state` is handed to it with every call.
    #[must_use]
    pub fn on<S, F, A>(mut self, operation: Operation, state: &S, handler: F) -> Self
    where
        S: Clone + Send + Sync + 'static,
        F: Fn(S, Call) -> A + Send + Sync + 'static,
        A: Future<Output = ApiResult> + 'static,
    {
        let state = state.clone();
        let boxed: Handler = Arc::new(move |call| handler(state.clone(), call).boxed_local());
        let duration = metrics::histogram!("http_request_duration_seconds", "operation" => operation.spec().name);
        self.handlers.insert(operation, (boxed, duration));
        self
    }

    /// Adds paths outside the API.
    #[must_use]
    pub fn plain(mut self, routes: impl IntoIterator<Item = PlainRoute>) -> Self {
        self.plain.extend(routes);
        self
    }

    /// Answers a request, whatever it is.
    pub(super) async fn answer(&self, request: HttpRequest, payload: Payload) -> HttpResponse {
        let started = Instant::now();
        let mut operation = None;
        let result = AssertUnwindSafe(self.dispatch(request, payload, &mut operation)).catch_unwind().await;
        let response = match result {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => respond(&error, operation),
            // The panic hook has told what happened.
            Err(_) => respond(&ApiError::internal(), operation),
        };
        self.measure(operation, response.status(), started);
        response
    }

    async fn dispatch(&self, request: HttpRequest, payload: Payload, operation: &mut Option<Operation>) -> ApiResult {
        check_sizes(&request)?;
        let method = Method::parse(request.method().as_str());
        let Some((template, params)) = match_path(request.uri().path()) else {
            return self.dispatch_plain(method, request, payload).await;
        };
        let known = || Operation::on(template);
        let Some(wanted) = known().find(|known| Some(known.spec().method) == method) else {
            return Err(ApiError::method_not_allowed(allow(known())));
        };
        *operation = Some(wanted);
        let Some((handler, _)) = self.handlers.get(&wanted) else {
            // The API has this, another process executes it, and this request should not have come here.
            let here: Vec<_> = known().filter(|known| self.handlers.contains_key(known)).collect();
            let is_empty = here.is_empty();
            return Err(if is_empty { ApiError::unknown_path() } else { ApiError::method_not_allowed(allow(here)) });
        };
        // What cannot be read as a query holds no token.
        let query = Query::parse(request.uri().query().unwrap_or_default());
        let in_query = query.as_ref().ok().filter(|_| wanted.takes_token_in_query());
        let in_query = in_query.map(|query| query.get(ACCESS_TOKEN)).transpose();
        let in_query = in_query.map_err(|_| ApiError::unauthorized(Fault::INVALID))?.flatten();
        let caller = self.auth.authenticate(request.headers(), in_query).await?;
        let tenant = Tenant::parse(&params.tenant)
            .map_err(|error| ApiError::invalid_parameter("tenant", "pattern", error.to_string()))?;
        // A scope that is missing is told before what is wrong with the parameters, though it may depend on them.
        let scopes = query.as_ref().map_or(wanted.spec().scopes, |query| wanted.scopes(query));
        check_access(&caller, &tenant, scopes)?;
        check_tenant_header(request.headers(), &tenant)?;
        let query = query?;
        handler(Call::new((wanted, tenant, caller, params), query, request, payload)).await
    }

    async fn dispatch_plain(&self, method: Option<Method>, request: HttpRequest, payload: Payload) -> ApiResult {
        let path = request.uri().path();
        let on_path = || self.plain.iter().filter(|route| route.path == path);
        match on_path().find(|route| Some(route.method) == method) {
            Some(route) => (route.handler)(request, payload).await,
            None if on_path().next().is_some() => {
                let methods: Vec<&str> = on_path().map(|route| route.method.as_str()).collect();
                Err(ApiError::method_not_allowed(methods.join(", ")))
            }
            None => Err(ApiError::unknown_path()),
        }
    }

    fn measure(&self, operation: Option<Operation>, status: StatusCode, started: Instant) {
        let name = operation.map_or("none", |operation| operation.spec().name);
        if let Some((_, duration)) = operation.and_then(|operation| self.handlers.get(&operation)) {
            duration.record(started.elapsed());
        }
        let status = status.as_u16().to_string();
        metrics::counter!("http_requests_total", "operation" => name, "status" => status).increment(1);
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router").field("operations", &self.handlers.keys()).finish_non_exhaustive()
    }
}

/// The answer to a failed request, told in the log: once, and nothing of the request but its operation.
fn respond(error: &ApiError, operation: Option<Operation>) -> HttpResponse {
    let operation = operation.map_or("none", |operation| operation.spec().name);
    match error.status_code() {
        status if status == StatusCode::INTERNAL_SERVER_ERROR => {
            tracing::error!(operation, %error, "a request failed");
        }
        status if status.is_server_error() => tracing::warn!(operation, %error, "a request was not executed"),
        _ => tracing::debug!(operation, %error, "a request was refused"),
    }
    error.error_response()
}

fn check_sizes(request: &HttpRequest) -> Result<(), ApiError> {
    let url = request.uri().path_and_query().map_or(0, |both| both.as_str().len());
    if url > MAX_URL_BYTES {
        let message = format!("The URL is longer than {MAX_URL_BYTES} bytes.");
        return Err(ApiError::too_large(StatusCode::URI_TOO_LONG, message));
    }
    let line = |(name, value): (&actix_web::http::header::HeaderName, &actix_web::http::header::HeaderValue)| {
        name.as_str().len() + value.len() + ": \r\n".len()
    };
    if request.headers().iter().map(line).sum::<usize>() > MAX_HEADER_BYTES {
        let message = format!("The headers are longer than {MAX_HEADER_BYTES} bytes.");
        return Err(ApiError::too_large(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, message));
    }
    body::check_announced_length(request)
}

fn allow(operations: impl IntoIterator<Item = Operation>) -> String {
    let methods: Vec<&str> = operations.into_iter().map(|operation| operation.spec().method.as_str()).collect();
    methods.join(", ")
}

fn check_access(caller: &Caller, tenant: &Tenant, scopes: Scopes) -> Result<(), ApiError> {
    if caller.tenant.as_ref() != Some(tenant) {
        return Err(ApiError::forbidden(Details::new("tenant", "the token is not of this tenant")));
    }
    if !caller.scopes.intersects(scopes) {
        let names: Vec<&str> = scopes.iter().map(Scope::as_str).collect();
        return Err(ApiError::forbidden(Details::new("scope", format!("missing scope: {}", names.join(" or ")))));
    }
    Ok(())
}

/// Clients of the platform name the tenant in a header too; a different one is a mistake.
fn check_tenant_header(headers: &HeaderMap, tenant: &Tenant) -> Result<(), ApiError> {
    let differs = |value: &actix_web::http::header::HeaderValue| value.as_bytes() != tenant.as_str().as_bytes();
    if headers.get_all("Emporix-Tenant").any(differs) {
        let message = "the tenant of the header is not the one of the path";
        return Err(ApiError::invalid_parameter("Emporix-Tenant", "mismatch", message));
    }
    Ok(())
}
