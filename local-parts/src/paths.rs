//! Folders, programs and free ports.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::env;

/// A TCP port of 127.0.0.1 that was free a moment ago.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Creates a folder and its parents; what is new can be entered by everyone, whatever the umask says.
pub fn create_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        create_folder(parent)?;
    }
    match DirBuilder::new().mode(0o755).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other.and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o755))),
    }
}

/// A path, not used before, for a folder below the system's folder for temporary files.
pub fn temporary_folder(prefix: &str) -> io::Result<PathBuf> {
    Ok(std::env::temp_dir().join(format!("{prefix}-{}", crate::random::hex()?)))
}

/// Writes a file that only its owner can read.
pub fn write_secret(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Opens a fresh log file for a server; the log of the run before is kept beside it as `….1`.
pub fn fresh_log(path: &Path) -> io::Result<File> {
    if path.exists() {
        fs::rename(path, path.with_added_extension("1"))?;
    }
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// The last lines of a server's log, for error messages.
pub fn log_tail(path: &Path) -> String {
    let text = fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

/// The first program of this name on the `PATH`.
pub fn find_program(name: &str) -> Option<PathBuf> {
    env::program_folders().into_iter().map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Lets everyone read a folder and what it holds; execute bits spread from the owner.
pub fn make_readable(path: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_symlink() {
        return Ok(());
    }
    let mode = metadata.permissions().mode();
    let spread = if mode & 0o100 == 0 { 0o444 } else { 0o555 };
    fs::set_permissions(path, Permissions::from_mode(mode | spread))?;
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            make_readable(&entry?.path())?;
        }
    }
    Ok(())
}
