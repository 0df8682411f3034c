//! Starting the server's process, again where the reason it failed passes.

use std::os::unix::process::CommandExt;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::debug;

use crate::paths;
use crate::server::Server;

use super::cluster::Cluster;
use super::{Error, PostgresOptions, adopt, settings};

/// The backends of a killed postmaster notice it within a moment; until then its successor refuses to start.
const PATIENCE: Duration = Duration::from_secs(15);

/// Starts the server and waits until it is ready; returns it and its port.
pub async fn launch(cluster: &Cluster, options: &PostgresOptions) -> Result<(Server, u16), Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let port = options.port.map_or_else(paths::free_port, Ok)?;
        let mut server = spawn(cluster, port, options.durable)?;
        match adopt::ready(&mut server, cluster, port).await {
            Ok(()) => return Ok((server, port)),
            Err(Error::NotReady { tail, .. }) if passes(&tail, options) && Instant::now() < deadline => {
                debug!(port, "postgres cannot start yet, trying again");
                sleep(Duration::from_millis(200)).await;
            }
            Err(error) => {
                server.end(rustix::process::Signal::INT, super::STOP_PATIENCE).await;
                return Err(error);
            }
        }
    }
}

fn spawn(cluster: &Cluster, port: u16, durable: bool) -> Result<Server, Error> {
    let data = cluster.data();
    let log = paths::fresh_log(&cluster.log())?;
    let mut command = cluster.program("postgres");
    command.args(settings::arguments(&data, port, durable));
    // Its own process group: Ctrl-C in a terminal is for us, who stop it in order.
    command.stdout(log.try_clone()?).stderr(log).process_group(0);
    let child = command.spawn().map_err(|source| Error::Io { doing: "starting postgres".to_owned(), source })?;
    Ok(Server::started(child, &data))
}

/// Whether the reason may be gone at the next try: a killed predecessor's backends, or a free port just taken.
fn passes(log_tail: &str, options: &PostgresOptions) -> bool {
    let has_predecessor = log_tail.contains("pre-existing shared memory block");
    let port_was_taken = options.port.is_none() && log_tail.contains("Address already in use");
    has_predecessor || port_was_taken
}
