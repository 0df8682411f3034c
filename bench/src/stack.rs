//! The programs that are measured: started on fresh data, stopped at the end.

use std::{
    cell::Cell,
    net::SocketAddr,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use local_parts::Postgres;
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::{sleep, timeout},
};

use crate::{
    Plan, content,
    wire::{Connection, Request},
};

/// The names of the logs, as `segments up` has them.
pub const LOG: &str = "log.sqlite";
pub const REFERENCE: &str = "reference.sqlite";

/// Where `segments up` has what belongs to either kind of log, in its data folder.
const WORLDS: [&str; 2] = ["local", "kafka"];

const START_PATIENCE: Duration = Duration::from_secs(60);
const ASK_EVERY: Duration = Duration::from_millis(50);
const STOP_PATIENCE: Duration = Duration::from_secs(60);

/// A program that says `ready http://…` when it is.
#[derive(Debug)]
pub struct Program {
    child: Child,
    /// Where it answers.
    pub address: SocketAddr,
    /// Each line that it has said, and how long after its start.
    pub said: Vec<(Duration, String)>,
}

impl Program {
    /// Starts it, and waits for the word.
    ///
    /// # Errors
    /// When it ends instead.
    pub async fn start(mut command: Command) -> anyhow::Result<Self> {
        let start = Instant::now();
        let mut child = spawn(&mut command)?;
        let output = child.stdout.take().context("its output is ours")?;
        let mut lines = BufReader::new(output).lines();
        let mut said = Vec::new();
        while let Some(line) = lines.next_line().await? {
            let after = start.elapsed();
            let address = line.strip_prefix("ready http://").map(str::parse).transpose()?;
            said.push((after, line));
            if let Some(address) = address {
                return Ok(Self { child, address, said });
            }
        }
        let ended = child.wait().await?;
        anyhow::bail!("{command:?} did not become ready: {ended}, {said:?}")
    }

    /// Starts one that says nothing, and asks it at this address until it is ready.
    ///
    /// # Errors
    /// When it ends instead, or does not get ready.
    pub async fn start_at(mut command: Command, address: SocketAddr) -> anyhow::Result<Self> {
        let mut program = Self { child: spawn(&mut command)?, address, said: Vec::new() };
        let ready = async {
            while !is_ready(address).await {
                let ended = program.child.try_wait()?;
                anyhow::ensure!(ended.is_none(), "{command:?} did not become ready: {ended:?}");
                sleep(ASK_EVERY).await;
            }
            Ok(())
        };
        timeout(START_PATIENCE, ready).await.context("it does not get ready")??;
        Ok(program)
    }

    /// When it said a line that begins so.
    pub fn said_after(&self, prefix: &str) -> anyhow::Result<Duration> {
        let found = self.said.iter().find(|(_, line)| line.starts_with(prefix));
        found.map(|(after, _)| *after).with_context(|| format!("it never said {prefix}: {:?}", self.said))
    }

    /// The memory that it holds, in bytes.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn memory(&self) -> anyhow::Result<u64> {
        let pid = self.child.id().context("it has ended by itself")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kibibytes * 1024)
    }

    /// One of its metrics.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn metric(&self, name: &str) -> anyhow::Result<Option<f64>> {
        let mut connection = Connection::open(self.address).await?;
        let request = Request { method: "GET", path: "/metrics", headers: &[], body: "" };
        let answer = connection.exchange(request).await?.expect(200)?;
        let text = str::from_utf8(answer.body)?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(value.map(str::parse).transpose()?)
    }

    /// Stops it in order.
    ///
    /// # Errors
    /// When it does not stop.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        kill_process(pid.context("it has ended by itself")?, Signal::TERM)?;
        let ended = timeout(STOP_PATIENCE, self.child.wait()).await.context("it does not stop")??;
        anyhow::ensure!(ended.success(), "it stopped with {ended}");
        Ok(())
    }
}

fn spawn(command: &mut Command) -> anyhow::Result<Child> {
    // What the shell around us has set for a service must not reach this one.
    for variable in ["DATA_DIR", "DATABASE_URL", "JWKS_FILE", "JWKS_URL", "LISTEN", "MATCH_INDEX", "MATCH_SHADOW"] {
        command.env_remove(variable);
    }
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn();
    spawned.with_context(|| format!("cannot start {}", command.as_std().get_program().display()))
}

async fn is_ready(address: SocketAddr) -> bool {
    let Ok(mut connection) = Connection::open(address).await else { return false };
    let request = Request { method: "GET", path: "/health/ready", headers: &[], body: "" };
    connection.exchange(request).await.is_ok_and(|answer| answer.status == 200)
}

/// `segments up` with a token for it, or its command side alone.
#[derive(Debug)]
pub struct Stack {
    program: Program,
    /// Where its views are, if it has any.
    database_url: Option<String>,
    authorization: String,
    numbers: Cell<u64>,
}

impl Stack {
    /// Starts it with its data in this folder; `more` are further arguments.
    ///
    /// # Errors
    /// When a part of it does not start.
    pub async fn start(plan: &Plan, folder: &Path, more: &[&str]) -> anyhow::Result<Self> {
        let mut command = up(plan, folder);
        command.args(more);
        let program = Program::start(command).await?;
        let authorization = authorization(program.address, None).await?;
        // Its own server, which the floor asks too.
        let database_url =
            WORLDS.iter().find_map(|world| Postgres::url_of_running(&folder.join(world).join("postgres")));
        Ok(Self { program, database_url, authorization, numbers: Cell::new(0) })
    }

    /// Starts the command service alone; nothing can be read. Segments are numbered from `first` on.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_writing(plan: &Plan, folder: &Path, brokers: &str, first: u64) -> anyhow::Result<Self> {
        // Free now, and taken by nobody else in the moment until the program has it.
        let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = Command::new(plan.program.with_file_name("command-service"));
        command.arg("--listen").arg(address.to_string()).args(["--kafka-brokers", brokers]);
        // What it logs would fill the pipe that nobody reads.
        command.args(["--log", "off"]).arg("--data-dir").arg(folder).arg("--dev-issuer").arg(folder.join("issuer"));
        let program = Program::start_at(command, address).await?;
        let authorization = authorization(address, None).await?;
        Ok(Self { program, database_url: None, authorization, numbers: Cell::new(first) })
    }

    /// Where it answers.
    pub fn address(&self) -> SocketAddr {
        self.program.address
    }

    /// The database of its views.
    ///
    /// # Errors
    /// When it has none.
    pub fn database_url(&self) -> anyhow::Result<&str> {
        self.database_url.as_deref().context("it has no views")
    }

    /// The memory of the program, without that of its database, in bytes.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn memory(&self) -> anyhow::Result<u64> {
        self.program.memory()
    }

    /// One of its metrics.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn metric(&self, name: &str) -> anyhow::Result<Option<f64>> {
        self.program.metric(name).await
    }

    /// The header that lets its bearer do everything.
    pub fn authorization(&self) -> (&str, &str) {
        ("authorization", &self.authorization)
    }

    /// What the header must hold for a customer to be its bearer.
    ///
    /// # Errors
    /// When the issuer gives no token.
    pub async fn authorization_of(&self, customer: &str) -> anyhow::Result<String> {
        authorization(self.address(), Some(customer)).await
    }

    /// Segments are numbered from `first` on.
    pub fn number_from(&self, first: u64) {
        self.numbers.set(first);
    }

    /// The number of a segment that was not there before.
    pub fn next_number(&self) -> u64 {
        self.numbers.replace(self.numbers.get() + 1)
    }

    /// Creates a segment; returns its number, how long that took, and the consistency token.
    ///
    /// # Errors
    /// When the answer is not 201.
    pub async fn create(&self, connection: &mut Connection) -> anyhow::Result<(u64, Duration, String)> {
        let number = self.next_number();
        let body = content::segment_json(number);
        let headers = [self.authorization(), ("content-type", "application/json")];
        let path = segments_path();
        let start = Instant::now();
        let answer =
            connection.exchange(Request { method: "POST", path: &path, headers: &headers, body: &body }).await?;
        let took = start.elapsed();
        let answer = answer.expect(201)?;
        let token = answer.header("x-consistency-token").context("no consistency token")?.to_owned();
        Ok((number, took, token))
    }

    /// Stops it.
    ///
    /// # Errors
    /// When it does not stop in order.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.program.stop().await
    }
}

/// `segments up` on a free port.
pub fn up(plan: &Plan, folder: &Path) -> Command {
    let mut command = Command::new(&plan.program);
    command.args(["up", "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder);
    command
}

/// A new folder for the data of one measurement; it vanishes when dropped.
pub fn new_folder(plan: &Plan) -> anyhow::Result<tempfile::TempDir> {
    let made = tempfile::Builder::new().prefix("bench-").tempdir_in(&plan.folder);
    made.with_context(|| format!("no folder can be made in {}", plan.folder.display()))
}

/// `/customer-segment/{tenant}/segments`.
pub fn segments_path() -> String {
    format!("/customer-segment/{}/segments", content::TENANT)
}

/// The header of who may do everything, or of a customer, from the issuer at this address.
///
/// # Errors
/// When it gives no token.
pub async fn authorization(address: SocketAddr, customer: Option<&str>) -> anyhow::Result<String> {
    let mut connection = Connection::open(address).await?;
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let customer = customer.map(|id| format!("&customer_id={id}")).unwrap_or_default();
    let body = format!("grant_type=client_credentials&client_id=dev&client_secret=dev{customer}");
    let request = Request { method: "POST", path: "/oauth/token", headers: &headers, body: &body };
    let answer = connection.exchange(request).await?;
    let body: serde_json::Value = serde_json::from_slice(answer.expect(200)?.body)?;
    let token = body["access_token"].as_str().context("the issuer gave no token")?;
    Ok(format!("Bearer {token}"))
}
