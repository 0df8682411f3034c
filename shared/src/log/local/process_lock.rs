//! One process a log: a locked file beside it, which also tells how the last process ended.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    path::Path,
};

use crate::log::LogError;

/// Held as long as the log is open. The file holds `<pid> <boot id>` meanwhile, and nothing after a clean end. The boot id is
/// that of the machine's run in which the log was last known to be whole.
pub(super) struct ProcessLock {
    file: File,
    machine_went_down: bool,
}

impl ProcessLock {
    /// Takes the lock of the log in this file; creates the folder.
    pub fn acquire(log: &Path) -> Result<Self, LogError> {
        let at = |error: io::Error| LogError::Unavailable(format!("cannot lock {}: {error}", log.display()));
        if let Some(folder) = log.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(at)?;
        }
        let path = log.with_added_extension("lock");
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = options.map_err(at)?;
        let locked = file.try_lock();
        let mut left = String::new();
        // What is there may not be text if the machine went down while it was written.
        drop(file.read_to_string(&mut left));
        let (holder, boot) = left.trim().split_once(' ').unwrap_or((left.trim(), ""));
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = if holder.is_empty() { "another process".to_owned() } else { format!("process {holder}") };
                return Err(LogError::Unavailable(format!("{} is in use by {holder}", log.display())));
            }
            Err(TryLockError::Error(error)) => return Err(at(error)),
        }
        let boot_now = boot_id();
        let machine_went_down = !left.is_empty() && boot_now.as_deref() != Some(boot);
        let mut lock = Self { file, machine_went_down };
        let boot = if machine_went_down { boot.to_owned() } else { boot_now.unwrap_or_default() };
        lock.write(&held(&boot)).map_err(at)?;
        Ok(lock)
    }

    /// Whether the log was open when the machine went down: then, and only then, may a disk have lost what it had confirmed.
    pub fn machine_went_down(&self) -> bool {
        self.machine_went_down
    }

    /// Notes that the log was checked and is whole.
    pub fn note_whole(&mut self) {
        if self.machine_went_down {
            self.note(&held(&boot_id().unwrap_or_default()));
        }
    }

    /// Notes that the log was closed as it should be.
    pub fn note_clean_end(&mut self) {
        self.note("");
    }

    /// What cannot be noted costs a check at the next start, and no more.
    fn note(&mut self, text: &str) {
        if let Err(error) = self.write(text) {
            tracing::warn!(%error, "could not note the state of the log");
        }
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(text.as_bytes())?;
        self.file.sync_all()
    }
}

impl Drop for ProcessLock {
    /// A process that is just being started shares the locked file until it becomes another program, so closing the file does
    /// not free it at once.
    fn drop(&mut self) {
        if let Err(error) = self.file.unlock() {
            tracing::warn!(%error, "could not free the log");
        }
    }
}

fn held(boot: &str) -> String {
    format!("{} {boot}\n", std::process::id())
}

/// What changes with every start of the machine; none where the system does not say.
fn boot_id() -> Option<String> {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_was_given_up_is_free_although_a_process_that_starts_has_its_file_too() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("events.db");
        let lock = ProcessLock::acquire(&log).expect("it is free");
        let shared = lock.file.try_clone().expect("as a fork has it");
        drop(lock);
        ProcessLock::acquire(&log).expect("it is free again");
        drop(shared);
    }
}
