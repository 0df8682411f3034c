//! A claim on a data folder: at most one living process uses it, and a new one waits for the guard of a dead one.
//!
//! Two advisory locks, both released by the kernel when their holders die:
//! `owner.lock` is held by the process that claimed the folder; `guard.lock` by that process *and* by its guard
//! (see [`crate::guard`]), which keeps it until the server is gone. So a successor never meets a server that is
//! about to be stopped.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::paths;

/// A guard gives up after 30 s; see its script.
const GUARD_PATIENCE: Duration = Duration::from_secs(40);
/// For a moment after a fork, a child holds copies of our locks.
const OWNER_PATIENCE: Duration = Duration::from_millis(300);

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A living process uses it.
    #[error("the data folder {} is in use by process {pid}: stop that one first, or choose another folder", folder.display())]
    InUse {
        /// The data folder.
        folder: PathBuf,
        /// The process that claimed it, as it wrote it down.
        pid: String,
    },
    /// The guard of the process before still waits for its server to stop.
    #[error("the server that last used {} does not stop; end it and try again", folder.display())]
    StillStopping {
        /// The data folder.
        folder: PathBuf,
    },
    /// The folder cannot be made or locked.
    #[error("cannot use the data folder {}: {source}", folder.display())]
    Io {
        /// The data folder.
        folder: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// Holds a data folder until dropped.
#[derive(Debug)]
pub struct Claim {
    _owner: File,
    guard: File,
}

impl Claim {
    /// Claims a folder, which is made if it does not exist.
    pub async fn take(folder: &Path) -> Result<Self, Error> {
        let io = |source| Error::Io { folder: folder.to_owned(), source };
        paths::create_folder(folder).map_err(io)?;
        let owner_path = folder.join("owner.lock");
        let mut owner = open(&owner_path).map_err(io)?;
        if !lock(&owner, OWNER_PATIENCE).await.map_err(io)? {
            let pid = fs::read_to_string(&owner_path).map_err(io)?;
            return Err(Error::InUse { folder: folder.to_owned(), pid });
        }
        owner.set_len(0).and_then(|()| write!(owner, "{}", std::process::id())).map_err(io)?;
        let guard = open(&folder.join("guard.lock")).map_err(io)?;
        if !lock(&guard, GUARD_PATIENCE).await.map_err(io)? {
            return Err(Error::StillStopping { folder: folder.to_owned() });
        }
        Ok(Self { _owner: owner, guard })
    }

    /// A handle that keeps the guard's lock, to be inherited by the guard.
    pub fn for_guard(&self) -> io::Result<File> {
        self.guard.try_clone()
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// Takes a lock within a time; says whether it was had.
pub async fn lock(file: &File, patience: Duration) -> io::Result<bool> {
    let deadline = Instant::now() + patience;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => sleep(Duration::from_millis(20)).await,
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}
