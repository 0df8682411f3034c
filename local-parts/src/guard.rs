//! The guard: a small shell process that stops a server when we are gone.
//!
//! It reads from a pipe of ours. When we end in whatever way (return, panic, SIGKILL) the kernel closes the pipe, the
//! guard wakes, stops the server, and removes what was temporary. It holds the folder's guard lock all the while (as
//! its standard output), so that a successor waits for it (see [`crate::claim`]).

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::claim::Claim;
use crate::server::{GLANCE, Server};

const SCRIPT: &str = include_str!("guard.sh");

/// A server and its guard. Dropping it stops the server soon; [`Guarded::finish`] waits for that.
#[derive(Debug)]
pub struct Guarded {
    /// The server.
    pub server: Server,
    guard: Child,
}

impl Guarded {
    /// Puts a guard on a server. `signal` is the name of the one that makes it stop (`INT`, `TERM`); the folders `rubbish`
    /// are removed when the server is gone.
    pub fn new(server: Server, signal: &str, claim: &Claim, rubbish: &[PathBuf]) -> io::Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "segments-guard", &server.pid().to_string(), server.mark(), signal]).args(rubbish);
        command.stdin(Stdio::piped()).stdout(claim.for_guard()?).stderr(Stdio::null());
        // Its own process group: Ctrl-C in a terminal is for us, not for it.
        let guard = command.current_dir("/").process_group(0).spawn()?;
        Ok(Self { server, guard })
    }

    /// Lets the guard do its work now: stop the server if it still runs, remove the rubbish.
    pub async fn finish(mut self) {
        drop(self.guard.stdin.take());
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline && (self.server.is_running() || matches!(self.guard.try_wait(), Ok(None))) {
            sleep(GLANCE).await;
        }
    }

    /// Sends the guard home with nothing done, after the server ended.
    pub fn relieve(mut self) {
        // Whether it hears it or is gone already is the same to us.
        let _ = self.guard.stdin.take().map(|mut pipe| pipe.write_all(b"relieved\n"));
        let _ = self.guard.wait();
    }
}
