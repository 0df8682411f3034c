//! The broker's settings (`server.properties`), written anew at every start.
//!
//! To change one, edit the table here: a broker that runs with other settings is restarted instead of adopted.

use std::io;
use std::path::Path;

/// The ports of 127.0.0.1 that a broker listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// For clients.
    pub clients: u16,
    /// For the controller, which is the same process.
    pub controller: u16,
}

/// The version of Apache Kafka, as in `pom.xml`.
pub const VERSION: &str = "4.4.0";

/// One broker alone: every internal topic has one replica, and few partitions to start quickly.
pub const ALONE: [(&str, &str); 21] = [
    ("process.roles", "broker,controller"),
    ("node.id", "1"),
    ("controller.listener.names", "CONTROLLER"),
    ("inter.broker.listener.name", "PLAINTEXT"),
    ("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"),
    // Topics are made on purpose, with the settings the log needs.
    ("auto.create.topics.enable", "false"),
    ("default.replication.factor", "1"),
    ("min.insync.replicas", "1"),
    ("offsets.topic.num.partitions", "4"),
    ("offsets.topic.replication.factor", "1"),
    ("transaction.state.log.num.partitions", "4"),
    ("transaction.state.log.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
    ("share.coordinator.state.topic.num.partitions", "4"),
    ("share.coordinator.state.topic.replication.factor", "1"),
    ("share.coordinator.state.topic.min.isr", "1"),
    ("group.initial.rebalance.delay.ms", "0"),
    ("num.network.threads", "2"),
    ("num.io.threads", "4"),
    ("background.threads", "2"),
    // The default, 128 MiB, is a quarter of the heap and is taken whether anything is compacted or not.
    ("log.cleaner.dedupe.buffer.size", "16777216"),
];

/// The text of `server.properties`.
pub fn properties(ports: Ports, logs: &Path) -> String {
    let Ports { clients, controller } = ports;
    let listeners = format!("PLAINTEXT://127.0.0.1:{clients}");
    let mut lines = vec![
        format!("controller.quorum.voters=1@127.0.0.1:{controller}"),
        format!("listeners={listeners},CONTROLLER://127.0.0.1:{controller}"),
        format!("advertised.listeners={listeners}"),
        format!("log.dirs={}", logs.display()),
    ];
    lines.extend(ALONE.map(|(name, value)| format!("{name}={value}")));
    lines.join("\n") + "\n"
}

/// The ports in the text of `server.properties`.
pub fn ports(properties: &str) -> Option<Ports> {
    let listeners = properties.lines().find_map(|line| line.strip_prefix("listeners="))?;
    let mut ports = listeners.split(',').map(|listener| listener.rsplit(':').next()?.parse().ok());
    Some(Ports { clients: ports.next()??, controller: ports.next()?? })
}

/// Refuses a folder whose name would mean something else in `server.properties`.
pub fn check_folder(folder: &Path) -> io::Result<()> {
    let name = folder.to_str().unwrap_or(",");
    if name.contains([',', '\\', '\n']) || !name.is_ascii() {
        let reason = format!("the folder {} has characters that Kafka's configuration cannot hold", folder.display());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ports_are_found_again_in_the_properties() {
        let written = Ports { clients: 40001, controller: 40002 };
        assert_eq!(ports(&properties(written, Path::new("/data/logs"))), Some(written));
        assert_eq!(ports("listeners=PLAINTEXT://127.0.0.1:\n"), None);
        assert_eq!(ports(""), None);
    }

    #[test]
    fn a_folder_that_the_properties_cannot_hold_is_refused() {
        for (folder, is_fine) in [("/data/a b", true), ("/data/a,b", false), ("/data/a\\b", false), ("/däta", false)] {
            assert_eq!(check_folder(Path::new(folder)).is_ok(), is_fine, "{folder}");
        }
    }
}
