//! What a predecessor left: the file `postmaster.pid`, perhaps with a server that still runs.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::{Instant, sleep};
use tracing::info;

use crate::claim::Claim;
use crate::guard::Guarded;
use crate::server::{GLANCE, Server};

use super::cluster::{self, Cluster};
use super::{Error, PostgresOptions, STOP_PATIENCE, launch, settings};

/// A server that was not shut down replays its write-ahead log first.
const READY_PATIENCE: Duration = Duration::from_secs(120);

/// The file in which a postmaster says who and how it is.
#[derive(Debug)]
struct PidFile {
    pid: u32,
    port: u16,
    is_ready: bool,
}

/// The server that still runs in a place, and its port.
pub fn running(place: &Path) -> Option<(Server, u16)> {
    let data = cluster::data(place);
    let file = read(&data)?;
    Some((Server::adopt(file.pid, &data)?, file.port))
}

/// The port of the server that runs in a place and is ready.
pub fn ready_port(place: &Path) -> Option<u16> {
    let data = cluster::data(place);
    let file = read(&data).filter(|file| file.is_ready)?;
    Server::adopt(file.pid, &data).map(|_| file.port)
}

/// The server that still runs on a cluster, if it is as we would start it; one that is not is stopped.
pub async fn left_running(
    cluster: &Cluster,
    options: &PostgresOptions,
    claim: &Claim,
) -> Result<Option<(Guarded, u16)>, Error> {
    let data = cluster.data();
    let Some(file) = read(&data) else { return Ok(None) };
    let Some(mut server) = Server::adopt(file.pid, &data) else {
        // Its number may belong to someone else now, whom the server would take for itself.
        fs::remove_file(data.join("postmaster.pid"))?;
        return Ok(None);
    };
    let wanted = settings::arguments(&data, options.port.unwrap_or(file.port), options.durable);
    if server.has_arguments(&wanted) && ready(&mut server, cluster, file.port).await.is_ok() {
        info!(pid = server.pid(), "adopting the postgres that a killed process left running");
        return Ok(Some((launch::guarded(server, cluster, options, claim)?, file.port)));
    }
    info!(pid = server.pid(), "stopping the postgres that a killed process left running, to start it anew");
    server.end(Signal::INT, STOP_PATIENCE).await;
    Ok(None)
}

/// Waits until the server says that it is ready, and a connection succeeds.
pub async fn ready(server: &mut Server, cluster: &Cluster, port: u16) -> Result<(), Error> {
    let deadline = Instant::now() + READY_PATIENCE;
    let not_ready = |reason: String| {
        let log = cluster.log();
        let tail = crate::paths::log_tail(&log);
        Err(Error::NotReady { reason, log, tail })
    };
    loop {
        let says_so = read(&cluster.data()).is_some_and(|file| file.pid == server.pid() && file.is_ready);
        if says_so && answers(port) {
            return Ok(());
        }
        if !server.is_running() {
            return not_ready("it ended".to_owned());
        }
        if Instant::now() >= deadline {
            return not_ready(format!("it is not ready after {} s", READY_PATIENCE.as_secs()));
        }
        sleep(GLANCE).await;
    }
}

fn answers(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}

fn read(data: &Path) -> Option<PidFile> {
    parse(&fs::read_to_string(data.join("postmaster.pid")).ok()?)
}

/// Lines: pid, data folder, start time, port, socket folder, listen address, shared memory key, status
/// (PostgreSQL's `src/include/utils/pidfile.h`).
fn parse(text: &str) -> Option<PidFile> {
    let lines: Vec<_> = text.lines().collect();
    let is_ready = lines.get(7).is_some_and(|status| status.trim() == "ready");
    Some(PidFile { pid: lines.first()?.trim().parse().ok()?, port: lines.get(3)?.trim().parse().ok()?, is_ready })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_postmaster_is_ready_when_its_file_says_so() {
        for (status, expected) in [("ready   ", true), ("starting", false), ("stopping", false), ("", false)] {
            let text = format!("4711\n/data/postgres\n1700000000\n54321\n\n127.0.0.1\n  123456         7\n{status}\n");
            let file = parse(&text).expect("a complete file");
            assert_eq!((file.pid, file.port, file.is_ready), (4711, 54321, expected), "{status}");
        }
    }

    #[test]
    fn a_torn_file_tells_nothing() {
        for text in ["", "47", "4711\n/data/postgres\n1700000000\n", "x\n/data\n1\n5432\n"] {
            assert!(parse(text).is_none(), "{text:?}");
        }
    }
}
