//! The server's Unix socket: a read over it takes a sixth less than over TCP. It lies in the cluster's own folder, where nobody
//! but the server's account and root comes.

use std::fs;
use std::io;
use std::path::Path;

/// How long the path of a socket may be on every system: macOS has 104 bytes for it, the last of them is NUL.
const LONGEST: usize = 103;

const PREFIX: &str = ".s.PGSQL.";

/// The folder of a cluster's socket. None where the path would be too long, or cannot stand in the list that the setting is;
/// then there is TCP only.
pub fn folder(data: &Path) -> Option<&str> {
    let folder = data.to_str()?;
    let fits = folder.len() + "/".len() + PREFIX.len() + "65535".len() <= LONGEST;
    (fits && !folder.contains([',', '"'])).then_some(folder)
}

/// Removes the sockets that killed servers of a cluster left. Their lock files name processes whose numbers may belong to
/// someone else now, whom the next server would take for another one.
pub fn remove_left(data: &Path) -> io::Result<()> {
    for entry in fs::read_dir(data)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_a_socket_if_its_path_is_short_and_can_stand_in_a_list() {
        let long = format!("/{}", "d".repeat(LONGEST - 16));
        let cases = [("/data", true), ("/with space/ä", true), (&*long, true), ("/a,b", false), ("/a\"b", false)];
        for (path, expected) in cases {
            assert_eq!(folder(Path::new(path)), expected.then_some(path), "{path}");
        }
        assert_eq!(folder(Path::new(&format!("{long}d"))), None);
    }
}
