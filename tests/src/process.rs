//! A process that was started for tests and never outlives them.
//!
//! A small shell, the guard, reads from a pipe of ours. When we end in whatever way, the kernel closes the pipe and the
//! guard stops the process and removes what is left of it. Output goes to a file, so that no pipe can fill up.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::sleep;

const GUARD: &str = include_str!("guard.sh");
const GLANCE: Duration = Duration::from_millis(20);
/// How long a process may take until it is ready; the machine may be busy, and a server may have to be downloaded.
const PATIENCE: Duration = Duration::from_secs(180);

/// A running process. Dropping it stops it and waits for that.
#[derive(Debug)]
pub struct Process {
    child: Child,
    guard: Child,
    output: PathBuf,
}

impl Process {
    /// Starts a command. Its output goes to `<name>.log` in the folder of logs; `rubbish` is removed after it.
    pub fn start(name: &str, mut command: Command, rubbish: &[&Path]) -> Self {
        let output = logs().join(format!("{name}.log"));
        let file = File::create(&output).unwrap_or_else(|error| panic!("{}: {error}", output.display()));
        command.stdin(Stdio::null()).stdout(file.try_clone().expect("the log file is open")).stderr(file);
        // Its own process group: Ctrl-C in a terminal is for us, and the guard passes the news on.
        let child = command.process_group(0).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD, "e2e-guard", &child.id().to_string()]).args(rubbish);
        guard.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/").process_group(0);
        Self { child, guard: guard.spawn().expect("sh starts"), output }
    }

    /// Waits for a line of its output that begins so, and gives the rest of that line.
    pub async fn line(&mut self, prefix: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let output = fs::read_to_string(&self.output).unwrap_or_default();
            // A line that is still being written has no end yet.
            let mut complete = output.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
            if let Some(rest) = complete.find_map(|line| line.strip_prefix(prefix)) {
                return rest.trim().to_owned();
            }
            self.check(deadline);
            sleep(GLANCE).await;
        }
    }

    /// Waits until `/health/ready` at this address answers 200.
    pub async fn ready(&mut self, base: &str) {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = client.get(format!("{base}/health/ready")).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            self.check(deadline);
            sleep(GLANCE).await;
        }
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, signal).expect("the process is there until we reap it");
    }

    fn check(&mut self, deadline: Instant) {
        let ended = self.child.try_wait().expect("it is our child");
        if ended.is_none() && Instant::now() < deadline {
            return;
        }
        let output = fs::read_to_string(&self.output).unwrap_or_default();
        let lines: Vec<&str> = output.lines().collect();
        let end = lines[lines.len().saturating_sub(40)..].join("\n");
        panic!("not ready ({ended:?}); the end of {}:\n{end}", self.output.display());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            // Reaped just now; its number must not be used any more. The folders are left for whoever looks for the cause.
            drop(self.guard.stdin.take().map(|mut pipe| pipe.write_all(b"gone\n")));
        } else {
            drop(self.guard.stdin.take());
            drop(self.child.wait());
        }
        drop(self.guard.wait());
    }
}

/// The folder of the logs of the latest run.
fn logs() -> PathBuf {
    let folder = std::env::temp_dir().join("segments-e2e-logs");
    fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    folder
}

/// A new folder for the data of one process.
pub fn data_folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("segments-e2e-{}", uuid::Uuid::now_v7().simple()));
    fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    folder
}
