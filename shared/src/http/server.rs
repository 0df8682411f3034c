//! The HTTP server: one listener, one router, a number of worker threads.

mod patience;
mod refusals;

use std::{future::Future, io, net::TcpListener, sync::Arc, time::Duration};

use actix_http::HttpService;
use actix_server::Server;
use actix_service::{IntoServiceFactory as _, ServiceFactoryExt as _, fn_service, map_config};
use actix_web::{App, HttpRequest, dev::AppConfig, rt::net::TcpStream, web};

use super::router::Router;
pub(super) use patience::Left;
use patience::{PATIENCE, Patience};
use refusals::Refusals;

/// An idle connection is kept this long: longer than gateways keep theirs (nginx: 60 s), so that they close first.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a refused body is still read, so that its sender sees the answer.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(3);

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

/// What `actix_web::HttpServer` does, with a layer between it and the socket.
fn start(
    listener: TcpListener,
    router: Router,
    options: ServerOptions,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<Server> {
    let router = Arc::new(router);
    let mut builder = Server::build().shutdown_timeout(options.drain.as_secs()).shutdown_signal(shutdown);
    if let Some(workers) = options.workers {
        builder = builder.workers(workers.max(1));
    }
    let stopping = builder.graceful_shutdown_signal();
    let service = move || {
        let router = Arc::clone(&router);
        let app = App::new().app_data(stopping.clone()).default_service(web::to(
            move |request: HttpRequest, payload: web::Payload| {
                let router = Arc::clone(&router);
                async move { router.answer(request, payload).await }
            },
        ));
        let stopping = stopping.clone();
        let http = HttpService::build()
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(HEAD_TIMEOUT)
            .client_disconnect_timeout(DISCONNECT_TIMEOUT)
            .on_connect_ext(|connection: &Refusals<Patience<TcpStream>>, data| {
                data.insert(connection.socket().left());
            })
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .h1(map_config(app.into_factory(), |()| AppConfig::default()));
        fn_service(async |stream: TcpStream| {
            // Without it, small answers may wait for the client's acknowledgement of the one before.
            stream.set_nodelay(true).map_err(actix_http::error::DispatchError::Io)?;
            let peer = stream.peer_addr().ok();
            Ok((Refusals::over(Patience::with(stream, PATIENCE)), peer))
        })
        .and_then(http)
    };
    Ok(builder.listen("http", listener, service)?.run())
}

#[cfg(test)]
mod tests;
