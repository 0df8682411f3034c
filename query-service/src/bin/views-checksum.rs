//! Prints a checksum of every table of the views, to compare them before and after they were rebuilt.

use clap::Parser;
use query_service::{
    config::DatabaseArgs,
    views::{self, checksum},
};

/// Prints name, number of rows and checksum of every table of the views.
#[derive(Debug, Parser)]
#[command(name = "views-checksum", version)]
struct Config {
    #[command(flatten)]
    database: DatabaseArgs,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let owner = views::owner(&Config::parse().database.database())?;
    for checksum in checksum::of(&owner).await? {
        println!("{checksum}");
    }
    Ok(())
}
