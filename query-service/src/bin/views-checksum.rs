//! Prints a checksum of every table of the views, to compare them before and after they were rebuilt.

use clap::Parser;
use query_service::{
    config::DatabaseArgs,
    views::{self, Registry, Version, checksum},
};

/// Prints name, number of rows and checksum of every table of the views.
#[derive(Debug, Parser)]
#[command(name = "views-checksum", version)]
struct Config {
    #[command(flatten)]
    database: DatabaseArgs,
    /// Which version of the views, such as `v2`; otherwise the one that is read.
    #[arg(long)]
    version_of_views: Option<Version>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = Config::parse();
    let database = config.database.database();
    let version = match config.version_of_views {
        Some(version) => version,
        None => Registry::open(&database).await?.active().await?,
    };
    let owner = views::owner(&database, version)?;
    for checksum in checksum::of(&owner).await? {
        println!("{checksum}");
    }
    Ok(())
}
