//! Snapshots in files: one for each partition, replaced whole or not at all.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use shared::log::Partition;

use super::{
    Claim, Snapshot,
    snapshot::{FAMILY, MARK, read_head, read_rest},
};

/// The bytes of the checksum at the end of a file.
const CHECKSUM: u64 = 32;

/// Where snapshots are kept, and how often they are renewed.
#[derive(Debug, Clone)]
pub struct Snapshots {
    /// The folder; made when it is needed.
    pub folder: PathBuf,
    /// They are renewed once the log has so many events more, in all partitions; or as many as an eighth of what is in
    /// the snapshots, if that is more.
    pub every: u64,
}

/// Why a snapshot is not used.
#[derive(Debug, thiserror::Error)]
pub enum NotUsed {
    /// There is none.
    #[error("there is none")]
    Missing,
    /// The file cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// Its bytes are not those that were written.
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    /// Another version of this program wrote it.
    #[error("another version wrote it: {0}")]
    OtherVersion(String),
    /// It belongs to another log, or to another partition.
    #[error("it is foreign: {0}")]
    Foreign(&'static str),
}

impl Snapshots {
    /// In this folder, after every 100,000 events.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, every: 100_000 }
    }

    /// The state that a snapshot claims a partition to have had; none if there is no snapshot. Its bytes were checked.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn claim(&self, partition: Partition, partitions: u16) -> Result<Option<Claim>, NotUsed> {
        let opened = match Opened::new(&self.path(partition)) {
            Err(NotUsed::Missing) => return Ok(None),
            opened => opened?,
        };
        let Opened { mut frames, checksum } = opened;
        let head = read_head(&mut frames, partition, partitions)?;
        Ok(Some(Claim::new(&head, checksum)))
    }

    /// The snapshot of a partition.
    pub(crate) fn load(&self, partition: Partition, partitions: u16) -> Result<Snapshot, NotUsed> {
        let Opened { mut frames, .. } = Opened::new(&self.path(partition))?;
        let head = read_head(&mut frames, partition, partitions)?;
        read_rest(&mut frames, head)
    }

    /// Keeps a snapshot in place of the one before, which stays until this one is on disk.
    pub(crate) fn store(&self, snapshot: &Snapshot) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let path = self.path(snapshot.fold.acceptance.partition);
        let new = path.with_extension("new");
        // On a full disk the half of one would only be in the way.
        write_whole(&new, snapshot).inspect_err(|_| drop(fs::remove_file(&new)))?;
        fs::rename(new, path)?;
        File::open(&self.folder)?.sync_all()
    }

    pub(super) fn path(&self, partition: Partition) -> PathBuf {
        self.folder.join(format!("partition-{partition}.snapshot"))
    }
}

fn write_whole(path: &Path, snapshot: &Snapshot) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    snapshot.view().write(&mut file)?;
    file.flush()?;
    file.get_ref().sync_all()
}

/// A file whose checksum is right.
struct Opened {
    /// What lies between mark and checksum.
    frames: io::Take<BufReader<File>>,
    checksum: [u8; 32],
}

impl Opened {
    fn new(path: &Path) -> Result<Self, NotUsed> {
        let mut file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(NotUsed::Missing),
            opened => BufReader::new(opened?),
        };
        let mark = MARK.len() as u64;
        let body = file.get_ref().metadata()?.len().checked_sub(CHECKSUM).filter(|body| *body > mark);
        let body = body.ok_or(NotUsed::Damaged("it is cut off"))?;
        let mut hasher = blake3::Hasher::new();
        io::copy(&mut file.by_ref().take(body), &mut hasher)?;
        let mut checksum = [0; 32];
        file.read_exact(&mut checksum)?;
        if hasher.finalize() != checksum {
            return Err(NotUsed::Damaged("its checksum is another"));
        }
        file.seek(SeekFrom::Start(0))?;
        let mut found = vec![0; MARK.len()];
        file.read_exact(&mut found)?;
        match found {
            found if found == MARK => Ok(Self { frames: file.take(body - mark), checksum }),
            found if found.starts_with(FAMILY) => Err(NotUsed::OtherVersion("its format is another".to_owned())),
            _ => Err(NotUsed::Damaged("it is no snapshot")),
        }
    }
}
