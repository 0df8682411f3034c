//! `segments views status`: which versions there are.

use clap::Args;
use query_service::{
    rebuild,
    views::{Database, LAYOUT, Registered, Registry, registry::State},
};
use serde::Serialize;

use super::place::PlaceArgs;
use crate::log::output::{OutputArgs, tell, thousands};

/// Which views.
#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// What is told of a version.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    version: String,
    state: &'static str,
    /// Of another layout: it belongs to an older or a newer program.
    foreign: bool,
    since: String,
    kept_until: Option<String>,
    /// The sum of its positions in both logs; none where there are no tables yet.
    position: Option<u64>,
}

/// Tells.
pub async fn run(args: StatusArgs) -> anyhow::Result<()> {
    let database = args.place.database()?;
    let mut versions = Vec::new();
    for row in Registry::open(&database).await?.list().await? {
        versions.push(Told::of(&database, row).await);
    }
    tell(args.output.output, &versions, || versions.iter().map(Told::to_text).collect())?;
    Ok(())
}

impl Told {
    async fn of(database: &Database, row: Registered) -> Self {
        let Registered { version, layout, state, since, kept_until } = row;
        let positions = rebuild::positions(database, version).await.ok();
        let position = positions.map(|all| all.iter().filter_map(|(_, next)| u64::try_from(next).ok()).sum());
        Self {
            version: version.to_string(),
            state: state.as_str(),
            foreign: layout != LAYOUT,
            since: since.to_rfc3339(),
            kept_until: kept_until.filter(|_| state == State::Previous).map(|until| until.to_rfc3339()),
            position,
        }
    }

    fn to_text(&self) -> String {
        let Self { version, state, since, .. } = self;
        let foreign = if self.foreign { ", of another program" } else { "" };
        let until = self.kept_until.as_ref().map_or_else(String::new, |until| format!(", kept until {until}"));
        let position =
            self.position.map_or_else(String::new, |position| format!(", read up to {}", thousands(position)));
        format!("{version:<5} {state}{foreign} since {since}{until}{position}\n")
    }
}
