//! Starting the server's process, again where the reason it failed passes.

use std::os::unix::process::CommandExt;
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::{Instant, sleep};
use tracing::debug;

use crate::claim::Claim;
use crate::guard::Guarded;
use crate::paths;
use crate::server::Server;

use super::cluster::Cluster;
use super::{Error, PostgresOptions, STOP_PATIENCE, adopt, settings, socket};

/// The backends of a killed postmaster notice it within a moment; until then its successor refuses to start.
const PATIENCE: Duration = Duration::from_secs(15);

/// Starts the server and waits until it is ready; returns it and its port.
pub async fn launch(cluster: &Cluster, options: &PostgresOptions, claim: &Claim) -> Result<(Guarded, u16), Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let port = options.port.map_or_else(paths::free_port, Ok)?;
        let mut running = guarded(spawn(cluster, port, options.durable)?, cluster, options, claim)?;
        let Err(error) = adopt::ready(&mut running.server, cluster, port).await else {
            return Ok((running, port));
        };
        running.server.end(Signal::INT, STOP_PATIENCE).await;
        running.relieve();
        if !passes(&error, options) || Instant::now() > deadline {
            return Err(error);
        }
        debug!(port, "postgres cannot start yet, trying again");
        sleep(Duration::from_millis(200)).await;
    }
}

/// Puts a guard on a server. One whose data goes with it need not write it down first.
pub fn guarded(server: Server, cluster: &Cluster, options: &PostgresOptions, claim: &Claim) -> Result<Guarded, Error> {
    let (signal, rubbish) = if options.remove_at_end { ("QUIT", cluster.folders()) } else { ("INT", Vec::new()) };
    Ok(Guarded::new(server, signal, claim, &rubbish)?)
}

fn spawn(cluster: &Cluster, port: u16, durable: bool) -> Result<Server, Error> {
    let data = cluster.data();
    socket::remove_left(&data)?;
    let log = paths::fresh_log(&cluster.log())?;
    let mut command = cluster.program("postgres");
    command.args(settings::arguments(&data, port, durable));
    // Its own process group: Ctrl-C in a terminal is for us, who stop it in order.
    command.stdout(log.try_clone()?).stderr(log).process_group(0);
    let child = command.spawn().map_err(|source| Error::Io { doing: "starting postgres".to_owned(), source })?;
    Ok(Server::started(child, &data))
}

/// Whether the reason may be gone at the next try: a killed predecessor's backends, or a free port just taken.
fn passes(error: &Error, options: &PostgresOptions) -> bool {
    let Error::NotReady { tail, .. } = error else { return false };
    let has_predecessor = tail.contains("pre-existing shared memory block");
    let port_was_taken = options.port.is_none() && tail.contains("Address already in use");
    has_predecessor || port_was_taken
}
