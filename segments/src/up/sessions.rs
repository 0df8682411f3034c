//! The server of the views gives way to what decides, writes down and answers. Both share this machine's processors, and nobody has
//! an answer of the server before this program has one for him.

use std::{collections::HashSet, io, time::Duration};

use local_parts::postgres::give_way;
use query_service::views::{self, Database, Version, sessions};
use tokio::time::sleep;

use crate::priority::A_LITTLE;

/// Between two looks for new sessions.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Linux lets an ordinary user do it ten times a second.
const PAUSE: Duration = Duration::from_millis(110);

/// Lets every session with a database on this machine give way, until dropped.
pub async fn run(database: Database) {
    let owner = match views::owner(&database, Version::FIRST) {
        Ok(owner) => owner,
        Err(error) => return tracing::warn!(%error, "sessions of the database do not give way"),
    };
    let mut seen = HashSet::new();
    loop {
        match sessions::all(&owner).await {
            Ok(sessions) => {
                seen.retain(|process| sessions.contains(process));
                for process in sessions {
                    if !seen.contains(&process) && is_settled(give_way(process, A_LITTLE), process) {
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
