//! A program under test: started, killed, stopped, continued and started again on the same port.

use std::{
    fs::File,
    net::TcpListener,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use rand::Rng as _;
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::{Child, Command},
    time::{sleep, timeout},
};

/// Below the ports that systems give to clients, so that no connection takes the port while the program is down.
const PORTS: std::ops::Range<u16> = 20_000..30_000;
const GLANCE: Duration = Duration::from_millis(20);
/// How long a start may take: a server may have to be downloaded first.
const READY_WITHIN: Duration = Duration::from_secs(180);
const STOPPED_WITHIN: Duration = Duration::from_secs(40);

/// See the module. It is killed when this is dropped.
pub struct Program {
    name: &'static str,
    path: PathBuf,
    arguments: Vec<String>,
    address: String,
    log: PathBuf,
    child: Option<Child>,
    client: reqwest::Client,
}

impl Program {
    /// A program beside this one, with a port of its own; its output is appended to the log.
    pub fn new(binary: &str, name: &'static str, log: PathBuf) -> anyhow::Result<Self> {
        let own = std::env::current_exe()?;
        let path = own.parent().context("this program lies in a folder")?.join(binary);
        ensure!(path.exists(), "{} is missing; build it in the same profile as this program", path.display());
        let address = format!("127.0.0.1:{}", free_port()?);
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()?;
        Ok(Self { name, path, arguments: Vec::new(), address, log, child: None, client })
    }

    /// Further arguments.
    pub fn args<A: AsRef<str>>(&mut self, more: impl IntoIterator<Item = A>) -> &mut Self {
        self.arguments.extend(more.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Where it answers.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Starts it and waits until it is ready; tells how long that took.
    pub async fn start(&mut self) -> anyhow::Result<Duration> {
        let began = Instant::now();
        self.launch()?;
        self.ready().await?;
        Ok(began.elapsed())
    }

    /// Starts it, and does not wait.
    pub fn launch(&mut self) -> anyhow::Result<()> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(&self.path);
        command
            .args(&self.arguments)
            .args(["--listen", &self.address])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        // What a shell around us has set for a service must not reach this one.
        for variable in ["LISTEN", "DATABASE_URL", "KAFKA_BROKERS", "JWKS_URL", "DEV_ISSUER", "DATA_DIR", "INSTANCE"] {
            command.env_remove(variable);
        }
        self.child = Some(command.spawn().with_context(|| format!("{} cannot be started", self.path.display()))?);
        Ok(())
    }

    /// Waits until it says that it is ready.
    pub async fn ready(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        let url = format!("{}/health/ready", self.origin());
        loop {
            if self.client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if let Some(status) = self.ended()? {
                bail!("{} has ended with {status}; see {}", self.name, self.log.display());
            }
            ensure!(Instant::now() < deadline, "{} is not ready in time; see {}", self.name, self.log.display());
            sleep(GLANCE).await;
        }
    }

    /// Ends it without warning.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.ended()? {
            bail!("{} had ended by itself with {status}; see {}", self.name, self.log.display());
        }
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// Asks it to end, and waits until it has.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        self.signal(Signal::TERM)?;
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let status =
            timeout(STOPPED_WITHIN, child.wait()).await.with_context(|| format!("{} does not end", self.name))??;
        ensure!(status.success(), "{} ended with {status}; see {}", self.name, self.log.display());
        Ok(())
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = self.child.as_ref().and_then(Child::id).and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        kill_process(pid.with_context(|| format!("{} does not run", self.name))?, signal)?;
        Ok(())
    }

    fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.as_mut().map(Child::try_wait).transpose()?.flatten())
    }
}

fn free_port() -> anyhow::Result<u16> {
    for _ in 0..1000 {
        let port = rand::rng().random_range(PORTS);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port is free")
}
