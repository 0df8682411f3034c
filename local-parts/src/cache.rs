//! The cache of installed servers: each is installed once, by one process at a time, and appears whole or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::debug;

use crate::account::Account;
use crate::{claim, env, paths};

/// Root's own cache is often closed to other accounts (`/root` is 0700); this one is not.
const SYSTEM_CACHE: &str = "/var/cache/segments";
/// An installation by another process takes seconds; on a slow line minutes.
const PATIENCE: Duration = Duration::from_secs(600);

/// The cache's folder, such that `reader` can read it.
pub fn folder(reader: Option<Account>) -> io::Result<PathBuf> {
    let chosen = env::cache_folder().unwrap_or_else(|| std::env::temp_dir().join("segments-cache"));
    paths::create_folder(&chosen)?;
    let chosen = fs::canonicalize(chosen)?;
    let Some(account) = reader else { return Ok(chosen) };
    if account.can_enter(&chosen) {
        return Ok(chosen);
    }
    let system = PathBuf::from(SYSTEM_CACHE);
    paths::create_folder(&system)?;
    debug!(chosen = %chosen.display(), used = %system.display(), "the server's account cannot read the cache folder");
    Ok(system)
}

/// The folder `name` of the cache, made by `make` if it is not there. `make` fills the empty folder it is given.
pub async fn install<E: From<io::Error>>(
    cache: &Path,
    name: &str,
    make: impl AsyncFnOnce(&Path) -> Result<(), E>,
) -> Result<PathBuf, E> {
    let target = cache.join(name);
    if target.is_dir() {
        return Ok(target);
    }
    let lock = File::create(cache.join(format!(".{name}.lock")))?;
    if !claim::lock(&lock, PATIENCE).await? {
        let reason = format!("another process has been installing {name} for {} minutes", PATIENCE.as_secs() / 60);
        return Err(io::Error::other(reason).into());
    }
    if target.is_dir() {
        return Ok(target);
    }
    let partial = cache.join(format!(".{name}.partial"));
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    paths::create_folder(&partial)?;
    make(&partial).await?;
    paths::make_readable(&partial)?;
    fs::rename(&partial, &target)?;
    Ok(target)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::time::sleep;

    use super::*;

    fn new_folder() -> PathBuf {
        let folder = paths::temporary_folder("segments-cache-test").expect("a name");
        paths::create_folder(&folder).expect("a folder");
        folder
    }

    #[tokio::test]
    async fn those_who_install_at_once_get_one_installation() {
        let cache = new_folder();
        let made = Cell::new(0);
        let make = async |folder: &Path| {
            made.set(made.get() + 1);
            sleep(Duration::from_millis(100)).await;
            fs::write(folder.join("server"), "whole")
        };
        let (one, other) = tokio::join!(install(&cache, "part", make), install(&cache, "part", make));
        assert_eq!(one.expect("installed"), other.expect("installed"));
        assert_eq!(made.get(), 1);
        assert_eq!(fs::read_to_string(cache.join("part/server")).expect("a file"), "whole");
        fs::remove_dir_all(cache).expect("removed");
    }

    #[tokio::test]
    async fn a_failed_installation_leaves_nothing_and_can_be_tried_again() {
        let cache = new_folder();
        let failing = async |folder: &Path| {
            fs::write(folder.join("half"), "")?;
            Err(io::Error::other("the line broke"))
        };
        assert!(install(&cache, "part", failing).await.is_err());
        assert!(!cache.join("part").exists());
        let installed = install(&cache, "part", async |folder| fs::write(folder.join("server"), "whole")).await;
        assert!(!installed.expect("installed").join("half").exists());
        fs::remove_dir_all(cache).expect("removed");
    }
}
