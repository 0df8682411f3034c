//! The broker's data folder: what lies where in it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::random;

use super::settings::{self, Ports};

/// A data folder.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// A folder that exists; its path must be absolute, as it is what a running broker is recognised by.
    pub fn open(path: &Path) -> io::Result<Self> {
        settings::check_folder(path)?;
        Ok(Self { path: path.to_owned() })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The configuration; its path also is the argument by which a running broker is recognised.
    pub fn properties(&self) -> PathBuf {
        self.path.join("server.properties")
    }

    /// The topics' logs.
    pub fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// The broker's own output.
    pub fn output(&self) -> PathBuf {
        self.path.join("kafka.log")
    }

    pub fn is_formatted(&self) -> bool {
        self.logs().join("meta.properties").is_file()
    }

    /// The cluster's id, chosen at the first use.
    pub fn cluster_id(&self) -> io::Result<String> {
        let path = self.path.join("cluster-id");
        match fs::read_to_string(&path) {
            Ok(id) if !id.is_empty() => return Ok(id),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let id = new_cluster_id()?;
        fs::write(&path, &id)?;
        Ok(id)
    }

    pub fn write_pid(&self, pid: u32) -> io::Result<()> {
        fs::write(self.pid_file(), pid.to_string())
    }

    /// The pid of the broker that was started last.
    pub fn last_pid(&self) -> Option<u32> {
        fs::read_to_string(self.pid_file()).ok()?.parse().ok()
    }

    /// The ports of the broker that was started last, if its settings are those that we would choose.
    pub fn last_ports(&self) -> Option<Ports> {
        let text = fs::read_to_string(self.properties()).ok()?;
        let ports = settings::ports(&text)?;
        (text == settings::properties(ports, &self.logs())).then_some(ports)
    }

    fn pid_file(&self) -> PathBuf {
        self.path.join("kafka.pid")
    }
}

/// 16 random bytes in base64; not with a dash in front, which the tool would take for an option.
fn new_cluster_id() -> io::Result<String> {
    loop {
        let id = URL_SAFE_NO_PAD.encode(random::bytes()?);
        if !id.starts_with('-') {
            return Ok(id);
        }
    }
}
