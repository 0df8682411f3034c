//! The disk of the log is full, and has room again: nothing acknowledged is lost, writes are refused or unknown meanwhile,
//! and go on without a restart. The disk is a small tmpfs, which only root may mount.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use local_parts::{Postgres, PostgresOptions};
use tokio::{
    process::Command,
    time::{Instant, sleep},
};

use super::embedded;
use crate::{load::Load, stage::Stage};

const SIZE: &str = "size=192m";
/// Longer than a command waits for the log.
const FULL_FOR: Duration = Duration::from_secs(12);
const FREE_FOR: Duration = Duration::from_secs(2);
const SERVED_WITHIN: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);

/// See the module.
pub async fn run(stage: &Stage) -> anyhow::Result<()> {
    let disk = Disk::mount(stage.path("data")).await?;
    let outcome = on_disk(stage, &disk).await;
    disk.unmount().await?;
    outcome
}

async fn on_disk(stage: &Stage, disk: &Disk) -> anyhow::Result<()> {
    let postgres = Postgres::start(PostgresOptions::temporary()?).await?;
    let mut up = stage.segments_up(&["--database-url", &postgres.url()])?;
    up.start().await?;
    let load = Load::start(stage, &[up.origin()])?;
    let mut recoveries = Vec::new();
    for _ in 0..stage.rounds {
        sleep(FREE_FOR).await;
        let failed = load.pulse().failed_by_server();
        let since = Instant::now();
        while since.elapsed() < FULL_FOR {
            // What the log itself frees is taken too.
            disk.fill()?;
            sleep(PAUSE).await;
        }
        let failed = load.pulse().failed_by_server() - failed;
        ensure!(failed > 0, "nobody noticed that the disk was full");
        println!("  while the disk was full: {failed} answers of 503 or 504");
        disk.free()?;
        recoveries.push(load.pulse().all_served_since(load.pulse().now(), SERVED_WITHIN).await?);
    }
    embedded::finish("disk-full", stage, up, load, &recoveries).await?;
    postgres.stop().await;
    Ok(())
}

/// A small file system of our own. It is unmounted when this is dropped, too.
struct Disk {
    folder: PathBuf,
    is_mounted: bool,
}

impl Disk {
    async fn mount(folder: PathBuf) -> anyhow::Result<Self> {
        fs::create_dir_all(&folder)?;
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", SIZE, "tmpfs"]).arg(&folder).status().await?;
        ensure!(mounted.success(), "a tmpfs cannot be mounted; this scenario needs root");
        Ok(Self { folder, is_mounted: true })
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }

    /// Takes all the room there is.
    fn fill(&self) -> anyhow::Result<()> {
        let mut ballast = File::options().create(true).append(true).open(self.ballast())?;
        for block in [1 << 20, 1 << 12] {
            let zeros = vec![0; block];
            while ballast.write_all(&zeros).is_ok() {}
        }
        Ok(())
    }

    fn free(&self) -> anyhow::Result<()> {
        fs::remove_file(self.ballast()).context("the disk cannot be freed")
    }

    async fn unmount(mut self) -> anyhow::Result<()> {
        ensure!(unmounting(&self.folder).status().await?.success(), "{} cannot be unmounted", self.folder.display());
        self.is_mounted = false;
        Ok(())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.is_mounted && unmounting(&self.folder).spawn().is_err() {
            eprintln!("{} stays mounted", self.folder.display());
        }
    }
}

/// Lazily: whoever still has a file open there keeps it to its end.
fn unmounting(folder: &Path) -> Command {
    let mut command = Command::new("umount");
    command.arg("--lazy").arg(folder);
    command
}
