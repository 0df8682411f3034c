//! Sessions that give way to others of this machine.

use std::{fs, io};

use rustix::process::{Pid, getsid, setpriority_process};

/// Lets the process of a session of this machine's server have less of a busy processor, down to the niceness `to`. `process`
/// is what `pg_backend_pid()` says there.
///
/// Linux divides a processor between the sessions of terminals first (`sched_autogroup` in sched(7)) and heeds niceness only within one.
/// Every process of PostgreSQL makes itself such a session, and each weighs as much as a program with all its threads.
///
/// # Errors
/// When the process is gone, or the system forbids it; [`io::ErrorKind::WouldBlock`] when it has allowed another change less than
/// a tenth of a second ago.
pub fn give_way(process: i32, to: i32) -> io::Result<()> {
    let pid = Pid::from_raw(process).ok_or(io::ErrorKind::InvalidInput)?;
    setpriority_process(Some(pid), to)?;
    if getsid(Some(pid))? != pid {
        // Its session is not its own.
        return Ok(());
    }
    match fs::write(format!("/proc/{process}/autogroup"), to.to_string()) {
        // A system that heeds niceness everywhere.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        written => written,
    }
}
