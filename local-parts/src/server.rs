//! A server process: the child we started, or one adopted from a predecessor that was killed.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

/// How often a state is looked at while waiting for it.
pub const GLANCE: Duration = Duration::from_millis(20);

/// A running (or just ended) server.
#[derive(Debug)]
pub struct Server {
    pid: u32,
    child: Option<Child>,
    /// An argument of its command line that no other process has: a path in its data folder.
    mark: String,
}

impl Server {
    /// A server that is our own child.
    pub fn started(child: Child, mark: &Path) -> Self {
        Self { pid: child.id(), child: Some(child), mark: mark.display().to_string() }
    }

    /// The process `pid` if it is a server with this mark; a number alone may belong to anyone by now.
    pub fn adopt(pid: u32, mark: &Path) -> Option<Self> {
        let server = Self { pid, child: None, mark: mark.display().to_string() };
        has_argument(server.pid, &server.mark).then_some(server)
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    pub fn mark(&self) -> &str {
        &self.mark
    }

    /// Whether the server was started with all of these arguments.
    pub fn has_arguments(&self, arguments: &[String]) -> bool {
        arguments.iter().all(|argument| has_argument(self.pid, argument))
    }

    pub fn is_running(&mut self) -> bool {
        match &mut self.child {
            // Also reaps it. An error means that it is no longer our child to ask about.
            Some(child) => matches!(child.try_wait(), Ok(None)),
            None => has_argument(self.pid, &self.mark),
        }
    }

    /// Sends a signal, unless the server is gone.
    pub fn signal(&mut self, signal: Signal) {
        if !self.is_running() {
            return;
        }
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        // It may end between the look and the signal; then there is nothing left to do.
        let _ = pid.map(|pid| kill_process(pid, signal));
    }

    /// Waits until the server is gone; says whether it is.
    pub async fn ended_within(&mut self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while self.is_running() {
            if Instant::now() >= deadline {
                return false;
            }
            sleep(GLANCE).await;
        }
        true
    }

    /// Asks the server to end, makes it end if it does not within `patience`, and says whether it went by itself.
    pub async fn end(&mut self, gentle: Signal, patience: Duration) -> bool {
        self.signal(gentle);
        if self.ended_within(patience).await {
            return true;
        }
        self.signal(Signal::KILL);
        self.ended_within(Duration::from_secs(10)).await;
        false
    }
}

/// Whether a process lives and has this argument. A zombie has no arguments.
fn has_argument(pid: u32, argument: &str) -> bool {
    if Path::new("/proc/self").exists() {
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        return arguments.split(|byte| *byte == 0).any(|each| each == argument.as_bytes());
    }
    let listing = Command::new("ps").args(["-o", "args=", "-p", &pid.to_string()]).output();
    listing.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(argument))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_recognised_by_an_argument_and_not_by_its_number() {
        let child = Command::new("sleep").arg("61.25").spawn().expect("sleep starts");
        let pid = child.id();
        let mut server = Server::started(child, Path::new("61.25"));
        assert!(server.is_running());
        // For a moment after its birth a process has no arguments yet.
        while Server::adopt(pid, Path::new("61.25")).is_none() {
            std::thread::sleep(GLANCE);
        }
        assert!(Server::adopt(pid, Path::new("61.2")).is_none());
        server.signal(Signal::KILL);
        while server.is_running() {
            std::thread::sleep(GLANCE);
        }
        assert!(Server::adopt(pid, Path::new("61.25")).is_none());
    }
}
