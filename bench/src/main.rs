//! What the service can do on this machine, and what the parts that it is made of could do at best.
//!
//! Closed loops over real sockets against the real programs; beside each figure stands its floor, measured in the same run,
//! so that ratios mean something on any machine. Nothing fails because it is slow. To add a measurement: a function in
//! the file of its section, which hands rows to the [`Report`]; a new section: a file in `sections/` and a line in
//! [`Section`] and [`run`].

mod alone;
mod content;
mod floor;
mod history;
mod load;
mod pgbench;
mod report;
mod sections;
mod stack;
mod wire;

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::Context as _;
use clap::{Parser, ValueEnum};

use load::Times;
use report::Report;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Section {
    /// Creating segments on the embedded log.
    Embedded,
    /// Reading segments.
    Reads,
    /// Assigning items in bulk, and the segments that a customer sees.
    Assigning,
    /// Projecting a long log from nothing, and starting again over it.
    Startup,
    /// Looking a long log through for damage.
    Log,
    /// Building the views anew beside those that are read.
    Rebuild,
    /// Matching products with segments, from memory and from the database.
    Match,
    /// Creating segments on Apache Kafka (needs Java 17 and Maven).
    Kafka,
}

/// Measures the service and the floors under it.
#[derive(Debug, Parser)]
#[command(name = "bench", version)]
struct Args {
    /// What to measure; everything if nothing is named.
    sections: Vec<Section>,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 8.0)]
    seconds: f64,
    /// Seconds of load before each measurement.
    #[arg(long, default_value_t = 2.0)]
    warm_up: f64,
    /// Segments that are there to be read.
    #[arg(long, default_value_t = 20_000)]
    segments: u64,
    /// Events in the long log.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// In the long log, products that are assigned to each segment after its creation.
    #[arg(long, default_value_t = 4)]
    products: u64,
    /// Segments to match with, each with 90 products and 10 categories, and 60 rows of products in categories.
    #[arg(long, default_value_t = 10_000)]
    match_segments: u64,
    /// Matches also from memory alone with ten times these segments: takes minutes, and 12 GB of disk.
    #[arg(long)]
    match_tenfold: bool,
    /// Where the figures are written to.
    #[arg(long, default_value = "bench-results.json")]
    json: PathBuf,
    /// Where data is kept while it runs: a disk like that of production, for every write waits for it. The folder of the
    /// build if not given.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// The program `segments`, with `command-service` beside it; built from the sources if not given.
    #[arg(long)]
    program: Option<PathBuf>,
    /// Runs as the bare HTTP server over the views at this database instead.
    #[arg(long, hide = true)]
    serve_reads: Option<String>,
    /// Runs as the bare HTTP server over a new embedded log in this file instead.
    #[arg(long, hide = true)]
    serve_appends: Option<PathBuf>,
    /// Runs as the bare HTTP server that answers matches without an index instead.
    #[arg(long, hide = true)]
    serve_echoes: bool,
    /// Runs as the query side alone over the logs in this folder instead, with an empty database.
    #[arg(long, hide = true, num_args = 2, value_names = ["FOLDER", "DATABASE_URL"])]
    serve_matches: Option<Vec<String>>,
}

impl Args {
    /// Runs as what is measured, if that is what it is started for.
    fn serve(&self) -> Option<anyhow::Result<()>> {
        let runtime = || Ok::<_, anyhow::Error>(tokio::runtime::Runtime::new()?);
        if let Some(database_url) = &self.serve_reads {
            return Some(runtime().and_then(|runtime| runtime.block_on(floor::reading::serve(database_url))));
        }
        if let Some(file) = &self.serve_appends {
            return Some(runtime().and_then(|runtime| runtime.block_on(floor::appending::serve(file))));
        }
        if let Some([folder, database_url]) = self.serve_matches.as_deref() {
            let folder = Path::new(folder);
            return Some(runtime().and_then(|runtime| runtime.block_on(alone::serve(folder, database_url))));
        }
        self.serve_echoes.then(|| runtime()?.block_on(floor::matching::serve()))
    }
}

/// What all sections need to know.
#[derive(Debug)]
struct Plan {
    times: Times,
    segments: u64,
    events: u64,
    products: u64,
    match_segments: u64,
    match_tenfold: bool,
    folder: PathBuf,
    program: PathBuf,
}

/// As the services have it, since one of them runs in this program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if let Some(served) = args.serve() {
        return served;
    }
    // One thread for all load: the machine belongs to what is measured.
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(args))
}

async fn run(args: Args) -> anyhow::Result<()> {
    let beside = std::env::current_exe()?.parent().context("this program lies in no folder")?.to_owned();
    let program = match args.program {
        Some(program) => program,
        None => build(&beside)?,
    };
    let folder = args.folder.unwrap_or(beside);
    let seconds = Duration::try_from_secs_f64;
    let times = Times { warm_up: seconds(args.warm_up)?, measured: seconds(args.seconds)? };
    let Args { segments, events, products, match_segments, match_tenfold, .. } = args;
    let plan = Plan { times, segments, events, products, match_segments, match_tenfold, folder, program };
    let sections = if args.sections.is_empty() { Section::value_variants() } else { &args.sections };
    let mut report = Report::new(&plan);
    for section in sections {
        match section {
            Section::Embedded => sections::embedded::measure(&plan, &mut report).await?,
            Section::Reads => sections::reads::measure(&plan, &mut report).await?,
            Section::Assigning => sections::assigning::measure(&plan, &mut report).await?,
            Section::Startup => sections::startup::measure(&plan, &mut report).await?,
            Section::Log => sections::log::measure(&plan, &mut report).await?,
            Section::Rebuild => sections::rebuild::measure(&plan, &mut report).await?,
            Section::Match => sections::matching::measure(&plan, &mut report).await?,
            Section::Kafka => sections::kafka::measure(&plan, &mut report).await?,
        }
        // After each section: a later one may fail.
        report.write(&args.json)?;
    }
    report.print();
    println!("written to {}", args.json.display());
    Ok(())
}

/// The program as the sources now are, and the command service beside it, in the profile of this one: figures of an older one
/// would mislead.
fn build(beside: &Path) -> anyhow::Result<PathBuf> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--package", "segments", "--package", "command-service"]);
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    anyhow::ensure!(command.status()?.success(), "segments cannot be built");
    Ok(beside.join("segments"))
}
