//! Sessions that give way to others of this machine.

use std::{fs, io};

use rustix::process::{Pid, getsid, setpriority_process};

/// How far: a third of the weight of what has not been told anything. With a tenth, views were late by up to a second, and reads
/// waited for a tenth of a second now and then.
const NICE: i32 = 5;

/// Lets the process of a session of this machine's server have less of a busy processor. `process` is what `pg_backend_pid()` says
/// there.
///
/// Linux divides a processor between the sessions of terminals first (`sched_autogroup` in sched(7)) and heeds niceness only within one.
/// Every process of PostgreSQL makes itself such a session, and each weighs as much as a program with all its threads.
///
/// # Errors
/// When the process is gone, or the system forbids it; [`io::ErrorKind::WouldBlock`] when it has allowed another change less than
/// a tenth of a second ago.
pub fn give_way(process: i32) -> io::Result<()> {
    let pid = Pid::from_raw(process).ok_or(io::ErrorKind::InvalidInput)?;
    setpriority_process(Some(pid), NICE)?;
    if getsid(Some(pid))? != pid {
        // Its session is not its own.
        return Ok(());
    }
    match fs::write(format!("/proc/{process}/autogroup"), NICE.to_string()) {
        // A system that heeds niceness everywhere.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        written => written,
    }
}
