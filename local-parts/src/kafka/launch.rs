//! Starting the broker's process, or taking over the one that a killed process left running.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::{Instant, sleep};
use tracing::{debug, info};

use crate::claim::Claim;
use crate::guard::Guarded;
use crate::paths;
use crate::server::{GLANCE, Server};

use super::folder::Folder;
use super::install::{self, Program};
use super::settings::{self, Ports};
use super::{Error, KafkaOptions, STOP_PATIENCE};

/// The line with which a broker says that it is ready.
const READY: &str = "Kafka Server started";
/// A broker that was killed checks its logs first; a loaded machine starts Java slowly.
const READY_PATIENCE: Duration = Duration::from_secs(120);
/// How often another free port is tried when ours was taken in between.
const PORT_TRIES: usize = 3;

/// Starts the broker and waits until it is ready; returns it and its port for clients.
pub async fn launch(
    program: &Program,
    folder: &Folder,
    options: &KafkaOptions,
    claim: &Claim,
) -> Result<(Guarded, u16), Error> {
    if let Some(port) = options.port {
        // Java would take seconds to say the same.
        let doing = || format!("listening on 127.0.0.1:{port}");
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|source| Error::Io { doing: doing(), source })?;
    }
    let mut tries = 1;
    loop {
        let ports = Ports { clients: options.port.map_or_else(paths::free_port, Ok)?, controller: paths::free_port()? };
        fs::write(folder.properties(), settings::properties(ports, &folder.logs()))?;
        if !folder.is_formatted() {
            let tool = program.format(&folder.cluster_id()?, &folder.properties());
            install::run(tool, "formatting Kafka's data folder").await?;
        }
        let mut running = guarded(spawn(program, folder)?, options, claim)?;
        let Err(error) = ready(&mut running.server, folder, ports).await else {
            return Ok((running, ports.clients));
        };
        running.server.end(Signal::TERM, STOP_PATIENCE).await;
        running.relieve();
        let output = fs::read_to_string(folder.output()).unwrap_or_default();
        let port_was_taken = output.contains("Address already in use");
        if !port_was_taken || tries == PORT_TRIES {
            return Err(error);
        }
        debug!(?ports, "a port of kafka was taken in between, trying others");
        tries += 1;
    }
}

/// The broker that still runs on a folder, if it is as we would start it; one that is not is stopped.
pub async fn left_running(
    program: &Program,
    folder: &Folder,
    options: &KafkaOptions,
    claim: &Claim,
) -> Result<Option<(Guarded, u16)>, Error> {
    let last = folder.last_pid().and_then(|pid| Server::adopt(pid, &folder.properties()));
    let Some(mut server) = last else { return Ok(None) };
    let is_wanted = |ports: &Ports| options.port.is_none_or(|port| port == ports.clients);
    if let Some(ports) = folder.last_ports().filter(is_wanted)
        && server.has_arguments(&program.arguments())
        && ready(&mut server, folder, ports).await.is_ok()
    {
        info!(pid = server.pid(), "adopting the kafka that a killed process left running");
        return Ok(Some((guarded(server, options, claim)?, ports.clients)));
    }
    info!(pid = server.pid(), "stopping the kafka that a killed process left running, to start it anew");
    server.end(Signal::TERM, STOP_PATIENCE).await;
    Ok(None)
}

/// Puts a guard on a broker. One whose data goes with it need not write it down first.
fn guarded(server: Server, options: &KafkaOptions, claim: &Claim) -> Result<Guarded, Error> {
    let (signal, rubbish) =
        if options.remove_at_end { ("KILL", vec![options.data_dir.clone()]) } else { ("TERM", Vec::new()) };
    Ok(Guarded::new(server, signal, claim, &rubbish)?)
}

fn spawn(program: &Program, folder: &Folder) -> Result<Server, Error> {
    let log = paths::fresh_log(&folder.output())?;
    let mut command = program.broker(&folder.properties());
    // Its own process group: Ctrl-C in a terminal is for us, who stop it in order.
    command.stdout(log.try_clone()?).stderr(log).current_dir(folder.path()).process_group(0);
    let child = command.spawn().map_err(|source| Error::Io { doing: "starting Kafka".to_owned(), source })?;
    let server = Server::started(child, &folder.properties());
    folder.write_pid(server.pid())?;
    Ok(server)
}

/// Waits until the broker says that it is ready, and a connection succeeds.
async fn ready(server: &mut Server, folder: &Folder, ports: Ports) -> Result<(), Error> {
    let deadline = Instant::now() + READY_PATIENCE;
    let not_ready = |reason: String| {
        let log = folder.output();
        let tail = paths::log_tail(&log);
        Err(Error::NotReady { reason, log, tail })
    };
    loop {
        let says_so = fs::read_to_string(folder.output()).is_ok_and(|text| text.contains(READY));
        if says_so && answers(ports.clients) {
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
