//! The unprivileged account under which PostgreSQL runs when this process is root: the server refuses to run as root.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::process::{Command, Stdio};

/// Accounts to run as, the best first. Every Unix has `nobody`; `postgres` exists where a server package is installed.
const NAMES: [&str; 2] = ["postgres", "nobody"];

/// A line of the account database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    pub uid: u32,
    pub gid: u32,
}

impl Account {
    /// The account for servers if this process is root; `None` otherwise (servers then run as the user who started us).
    ///
    /// # Errors
    /// When this process is root and none of [`NAMES`] exists.
    pub fn for_servers() -> io::Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let passwd = fs::read_to_string("/etc/passwd")?;
        let found = NAMES.iter().find_map(|name| find(&passwd, name));
        found.map(Some).ok_or_else(|| io::Error::other(format!("none of the accounts {NAMES:?} exists")))
    }

    /// The account that owns a folder, unless that is root or there is no folder.
    pub fn owning(folder: &Path) -> Option<Self> {
        let metadata = fs::metadata(folder).ok()?;
        (metadata.uid() != 0).then(|| Self { uid: metadata.uid(), gid: metadata.gid() })
    }

    /// Whether this account can enter a folder. Asked by trying, as modes alone do not tell (ACLs, mount options).
    pub fn can_enter(self, folder: &Path) -> bool {
        let mut probe = Command::new("sh");
        probe.args(["-c", "cd -- \"$1\" && test -x . && test -r .", "sh"]).arg(folder).current_dir("/");
        probe.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        run_as(&mut probe, Some(self));
        probe.status().is_ok_and(|status| status.success())
    }
}

/// Makes a command run under an account.
pub fn run_as(command: &mut Command, account: Option<Account>) {
    use std::os::unix::process::CommandExt;
    if let Some(Account { uid, gid }) = account {
        // Supplementary groups are dropped by the standard library when root changes the uid.
        command.uid(uid).gid(gid);
    }
}

/// Hands a file or folder to an account.
pub fn give(path: &Path, account: Option<Account>) -> io::Result<()> {
    match account {
        Some(Account { uid, gid }) => chown(path, Some(uid), Some(gid)),
        None => Ok(()),
    }
}

fn find(passwd: &str, name: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(Account { uid, gid })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let passwd =
            "root:x:0:0:root:/root:/bin/sh\npostgresql:x:7:8::/:/bin/sh\npostgres:x:101:104:,,,:/var:/bin/sh\n";
        assert_eq!(find(passwd, "postgres"), Some(Account { uid: 101, gid: 104 }));
        assert_eq!(find(passwd, "nobody"), None);
    }
}
