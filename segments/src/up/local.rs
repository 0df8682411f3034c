//! Where an embedded log lies in a data folder.

use std::path::{Path, PathBuf};

/// The file of the events in [`folder`].
pub const LOG: &str = "log.sqlite";
/// The file of the reference data in [`folder`].
pub const REFERENCE: &str = "reference.sqlite";

/// The folder of a private PostgreSQL, in [`folder`] or in [`kafka_folder`].
pub const POSTGRES: &str = "postgres";

/// The folder of everything that was made from a log in Kafka.
pub fn kafka_folder(data_dir: &Path) -> PathBuf {
    data_dir.join("kafka")
}

/// The folder of the embedded log, and of everything that was made from it.
pub fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join("local")
}

/// The folder of the writer's snapshots, in the folder of a log of either kind.
pub fn snapshots(folder: &Path) -> PathBuf {
    folder.join("snapshots")
}
