//! The HTTP server: one listener, one router, a number of worker threads.

use std::{future::Future, io, net::TcpListener, sync::Arc, time::Duration};

use actix_web::{App, HttpRequest, HttpServer, dev::Server, web};

use super::router::Router;

/// An idle connection is kept this long: longer than gateways keep theirs (nginx: 60 s), so that they close first.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a refused body is still read, so that its sender sees the answer.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const BACKLOG: u32 = 1024;

/// How a server runs.
#[derive(Debug, Clone, Copy)]
pub struct ServerOptions {
    /// Worker threads; as many as the machine has cores if not given.
    pub workers: Option<usize>,
    /// At a shutdown, how long requests under way may take.
    pub drain: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self { workers: None, drain: Duration::from_secs(8) }
    }
}

/// Serves until `shutdown` resolves; then takes no new connections, and ends with the last request under way.
///
/// # Errors
/// When the listener fails.
pub fn serve(
    listener: TcpListener,
    router: Router,
    options: ServerOptions,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> impl Future<Output = io::Result<()>> + Send {
    // Apart, because what builds the server cannot move between threads, and what runs it can.
    let server = start(listener, router, options, shutdown);
    async move { server?.await }
}

fn start(
    listener: TcpListener,
    router: Router,
    options: ServerOptions,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<Server> {
    let router = Arc::new(router);
    let mut server = HttpServer::new(move || {
        let router = Arc::clone(&router);
        App::new().default_service(web::to(move |request: HttpRequest, payload: web::Payload| {
            let router = Arc::clone(&router);
            async move { router.answer(request, payload).await }
        }))
    })
    .backlog(BACKLOG)
    .keep_alive(KEEP_ALIVE)
    .client_request_timeout(HEAD_TIMEOUT)
    .client_disconnect_timeout(DISCONNECT_TIMEOUT)
    .tcp_nodelay(true)
    .shutdown_timeout(options.drain.as_secs())
    .shutdown_signal(shutdown);
    if let Some(workers) = options.workers {
        server = server.workers(workers.max(1));
    }
    Ok(server.listen(listener)?.run())
}

#[cfg(test)]
mod tests;
