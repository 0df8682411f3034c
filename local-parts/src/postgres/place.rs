//! Where the cluster lies: in the data folder, or, when the server's account cannot enter that (root's home), below
//! `/var/lib/segments`, with a link `elsewhere` in the data folder that leads there.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tracing::info;

use crate::account::Account;
use crate::{paths, random};

use super::adopt;

const ELSEWHERE: &str = "/var/lib/segments";
const LINK: &str = "elsewhere";
/// In a place elsewhere: a link back to the data folder's link, to tell orphans.
const ORIGIN: &str = "origin";

/// The folders in which the cluster of a data folder may lie.
pub fn known(data_dir: &Path) -> impl Iterator<Item = PathBuf> {
    [data_dir.to_owned()].into_iter().chain(fs::read_link(data_dir.join(LINK)))
}

/// The folder that holds the cluster's folder, such that the server's account can enter it.
pub fn find(data_dir: &Path, account: Option<Account>) -> io::Result<PathBuf> {
    let Some(account) = account else { return Ok(data_dir.to_owned()) };
    if account.can_enter(data_dir) {
        return Ok(data_dir.to_owned());
    }
    remove_orphans(Path::new(ELSEWHERE))?;
    let link = data_dir.join(LINK);
    if let Ok(place) = fs::read_link(&link) {
        paths::create_folder(&place)?;
        return Ok(place);
    }
    let place = Path::new(ELSEWHERE).join(format!("postgres-{}", random::hex()?));
    paths::create_folder(&place)?;
    symlink(&link, place.join(ORIGIN))?;
    symlink(&place, &link)?;
    info!(
        data_dir = %data_dir.display(), used = %place.display(),
        "postgres may not run as root and its account cannot enter the data folder, keeping its database elsewhere"
    );
    Ok(place)
}

/// Removes the places whose data folder was deleted, or belongs to another place by now.
fn remove_orphans(elsewhere: &Path) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(elsewhere) else { return Ok(()) };
    for entry in entries {
        let place = entry?.path();
        let Ok(link) = fs::read_link(place.join(ORIGIN)) else { continue };
        let is_orphan = fs::read_link(link).ok().as_ref() != Some(&place);
        if is_orphan && adopt::running(&place).is_none() {
            info!(place = %place.display(), "removing the database of a data folder that was deleted");
            fs::remove_dir_all(&place)?;
        }
    }
    Ok(())
}
