//! The server's settings, given on its command line at every start.
//!
//! To change one, edit the table here: a server that runs with other settings is restarted instead of adopted.

use std::path::Path;

use super::socket;

/// Fit for views on a small machine: short transactions, an SSD, no replication, nothing that cannot be rebuilt.
const ALWAYS: [(&str, &str); 15] = [
    ("listen_addresses", "127.0.0.1"),
    ("max_connections", "100"),
    ("shared_buffers", "256MB"),
    ("effective_cache_size", "1GB"),
    ("work_mem", "16MB"),
    ("maintenance_work_mem", "128MB"),
    ("random_page_cost", "1.1"),
    // Compiling costs more than our short queries take.
    ("jit", "off"),
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
    ("max_wal_size", "2GB"),
    ("checkpoint_timeout", "15min"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("log_checkpoints", "off"),
];

/// A crash of the machine may damage the data; a crash of the server does not.
const NOT_DURABLE: [(&str, &str); 3] = [("fsync", "off"), ("synchronous_commit", "off"), ("full_page_writes", "off")];

/// The arguments of the program `postgres`.
pub fn arguments(data: &Path, port: u16, durable: bool) -> Vec<String> {
    let mut arguments = vec!["-D".to_owned(), data.display().to_string(), "-p".to_owned(), port.to_string()];
    let sometimes: &[(&str, &str)] = if durable { &[] } else { &NOT_DURABLE };
    let socket = ("unix_socket_directories", socket::folder(data).unwrap_or_default());
    for (name, value) in ALWAYS.iter().chain(sometimes).chain([&socket]) {
        arguments.extend(["-c".to_owned(), format!("{name}={value}")]);
    }
    arguments
}
