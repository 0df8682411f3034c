//! What writes views gives way to what acknowledges writes. Both share this machine's processors, and views may be late for a
//! moment.

use std::{collections::HashSet, io, time::Duration};

use local_parts::postgres::give_way;
use query_service::views::{self, Database, Version, sessions::all_but_reads};
use tokio::time::sleep;

/// Between two looks for new sessions.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Linux lets an ordinary user do it ten times a second.
const PAUSE: Duration = Duration::from_millis(110);

/// Lets every session give way that does not read, on a server of this machine, until dropped.
pub async fn run(database: Database) {
    let owner = match views::owner(&database, Version::FIRST) {
        Ok(owner) => owner,
        Err(error) => return tracing::warn!(%error, "what writes views does not give way"),
    };
    let mut seen = HashSet::new();
    loop {
        match all_but_reads(&owner).await {
            Ok(sessions) => {
                seen.retain(|process| sessions.contains(process));
                for process in sessions {
                    if !seen.contains(&process) && is_settled(give_way(process), process) {
                        seen.insert(process);
                        sleep(PAUSE).await;
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "cannot look for sessions that should give way"),
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Whether another attempt is of no use.
fn is_settled(given_way: io::Result<()>, process: i32) -> bool {
    match given_way {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
        Err(error) => {
            tracing::debug!(process, %error, "a session does not give way");
            true
        }
    }
}
