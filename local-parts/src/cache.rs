//! The cache of installed servers: each is installed once, by one process at a time, and appears whole or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::info;

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
    info!(chosen = %chosen.display(), used = %system.display(), "the server's account cannot read the cache folder, using another");
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
