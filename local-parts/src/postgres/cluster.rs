//! The database cluster: made once with `initdb`, with one user and one empty database.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::io::AsyncWriteExt;

use crate::account::{self, Account};
use crate::{paths, random};

use super::install::Binaries;
use super::{Error, PostgresOptions, socket};

/// The superuser's name, and the name of the database made for the views.
const NAME: &str = "segments";

/// A cluster and the programs that can open it.
#[derive(Debug)]
pub struct Cluster {
    data_dir: PathBuf,
    place: PathBuf,
    binaries: Binaries,
    account: Option<Account>,
    password: String,
}

impl Cluster {
    /// Opens the cluster of a place, and makes it if there is none.
    pub async fn open(
        place: PathBuf,
        binaries: Binaries,
        account: Option<Account>,
        options: &PostgresOptions,
    ) -> Result<Self, Error> {
        let password = password(&options.data_dir)?;
        let cluster = Self { data_dir: options.data_dir.clone(), place, binaries, account, password };
        let found = cluster.binaries.version;
        match version(&cluster.place) {
            None => cluster.make(options.durable).await?,
            Some(made_by) if made_by == found => {}
            Some(made_by) => return Err(Error::OtherVersion { folder: cluster.data(), made_by, found }),
        }
        Ok(cluster)
    }

    /// The cluster's own folder (`PGDATA`).
    pub fn data(&self) -> PathBuf {
        data(&self.place)
    }

    /// Where the server's output goes.
    pub fn log(&self) -> PathBuf {
        self.data_dir.join("postgres.log")
    }

    /// Every folder that belongs to the cluster alone.
    pub fn folders(&self) -> Vec<PathBuf> {
        vec![self.place.clone(), self.data_dir.clone()]
    }

    pub fn version(&self) -> u32 {
        self.binaries.version
    }

    pub fn url(&self, port: u16) -> String {
        url(&self.data(), &self.password, port)
    }

    /// A command that runs one of the server's programs under the server's account.
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.binaries.folder.join(name));
        // The account may not be able to stay where we are.
        command.current_dir(&self.place).stdin(Stdio::null());
        account::run_as(&mut command, self.account);
        command
    }

    /// Makes the cluster beside its place and moves it there when it is complete.
    async fn make(&self, durable: bool) -> Result<(), Error> {
        let unfinished = self.place.join("postgres.unfinished");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        fs::create_dir(&unfinished)?;
        fs::set_permissions(&unfinished, Permissions::from_mode(0o700))?;
        account::give(&unfinished, self.account)?;
        self.initdb(&unfinished, durable).await?;
        self.create_database(&unfinished).await?;
        fs::rename(&unfinished, self.data())?;
        Ok(())
    }

    async fn initdb(&self, folder: &Path, durable: bool) -> Result<(), Error> {
        let password_file = self.place.join("password.initdb");
        paths::write_secret(&password_file, &self.password)?;
        account::give(&password_file, self.account)?;
        let mut command = self.program("initdb");
        command.arg("-D").arg(folder).arg(format!("--username={NAME}"));
        command.arg("--pwfile").arg(&password_file).args(["--auth=scram-sha-256", "--encoding=UTF8"]);
        command.args(locale(self.binaries.version));
        command.args(password_hashing(self.binaries.version));
        if !durable {
            command.arg("--no-sync");
        }
        let outcome = run(command, "").await;
        fs::remove_file(&password_file)?;
        outcome.map(drop)
    }

    /// Uses the server's single-user mode, so that no client is needed.
    async fn create_database(&self, folder: &Path) -> Result<(), Error> {
        let mut command = self.program("postgres");
        command.arg("--single").arg("-D").arg(folder).arg("postgres");
        let output = run(command, &format!("create database {NAME};\n")).await?;
        // This mode ends well whatever the statement did.
        if output.contains("ERROR:") {
            return Err(Error::Program { program: "postgres --single".to_owned(), output });
        }
        Ok(())
    }
}

/// As [`Cluster::url`], of a cluster that another process has opened.
pub fn url_of(data_dir: &Path, place: &Path, port: u16) -> Option<String> {
    Some(url(&data(place), &fs::read_to_string(password_file(data_dir)).ok()?, port))
}

/// A host that is a path is the folder of the socket, as in every URL for libpq.
fn url(data: &Path, password: &str, port: u16) -> String {
    let socket = socket::folder(data).map(|folder| utf8_percent_encode(folder, NON_ALPHANUMERIC).to_string());
    let host = socket.unwrap_or_else(|| "127.0.0.1".to_owned());
    format!("postgres://{NAME}:{password}@{host}:{port}/{NAME}")
}

/// The cluster's folder in a place.
pub fn data(place: &Path) -> PathBuf {
    place.join("postgres")
}

/// The major version that made the cluster of a place, if there is a cluster.
pub fn version(place: &Path) -> Option<u32> {
    fs::read_to_string(data(place).join("PG_VERSION")).ok()?.trim().parse().ok()
}

/// Unicode rules for letters, byte order for sorting, and nothing that depends on the system's locales if possible.
fn locale(version: u32) -> &'static [&'static str] {
    if version >= 17 {
        &["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    } else {
        &["--locale=C.UTF-8"]
    }
}

/// A password of 128 random bits cannot be guessed, so hashing it 4,096 times protects nothing and costs every new connection.
fn password_hashing(version: u32) -> &'static [&'static str] {
    if version >= 16 { &["--set=scram_iterations=1"] } else { &[] }
}

fn password_file(data_dir: &Path) -> PathBuf {
    data_dir.join("password")
}

/// The password of a data folder, chosen at its first use.
fn password(data_dir: &Path) -> io::Result<String> {
    let path = password_file(data_dir);
    match fs::read_to_string(&path) {
        Ok(password) if !password.is_empty() => Ok(password),
        Ok(_) => new_password(&path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => new_password(&path),
        Err(error) => Err(error),
    }
}

fn new_password(path: &Path) -> io::Result<String> {
    let password = random::hex()?;
    paths::write_secret(path, &password)?;
    Ok(password)
}

/// Runs a program to its end; what it prints is in the error if it fails.
async fn run(command: Command, input: &str) -> Result<String, Error> {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().display().to_string();
    let io = |source| Error::Io { doing: format!("running {program}"), source };
    let mut command = tokio::process::Command::from(command);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(io)?;
    if let Some(mut pipe) = child.stdin.take() {
        // A program that ended early says why on its standard error.
        let _ = pipe.write_all(input.as_bytes()).await;
    }
    let output = child.wait_with_output().await.map_err(io)?;
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(text) } else { Err(Error::Program { program, output: text.trim().to_owned() }) }
}
