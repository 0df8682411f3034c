//! `segments import FILE.ndjson`: reference data from a file, through the API. One entry a line, as the API takes it, with its
//! `kind`: `{"kind":"product","id":"p1","name":{"en":"Bag"}}`; with `"delete":true` it is removed.
//!
//! A line that is refused is told and does not hold the others up. To import a file twice does no harm.

mod batches;

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::{Client, Method, Response, StatusCode, header::RETRY_AFTER};
use serde_json::Value;

use crate::token;
use batches::{Action, Batch, Batches};

/// How often a request is sent before the import is given up.
const ATTEMPTS: u32 = 10;
/// The pause before the next attempt, if the service names none.
const PAUSE: Duration = Duration::from_secs(1);
/// How long the service may take for one request.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many refused lines are shown.
const SHOWN: usize = 10;

/// What to import, and where to.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The file: one JSON object a line, with its `kind` (customer, legalEntity, product, category, productCategory).
    file: PathBuf,
    /// The service.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// The tenant whose data it is.
    #[arg(long, default_value = "acme")]
    tenant: String,
    /// An access token with the scope customersegment.segment_manage; without it the development issuer of the service is
    /// asked for one.
    #[arg(long, env = "SEGMENTS_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

/// Imports the file, and says what became of it.
pub async fn run(args: ImportArgs) -> anyhow::Result<()> {
    let file = File::open(&args.file).with_context(|| format!("cannot read {}", args.file.display()))?;
    let bar = ProgressBar::new(file.metadata()?.len());
    bar.set_style(ProgressStyle::with_template("import     {bar:30} {percent} % ({msg}, {eta} left)")?);
    let mut import = Import::new(&args, bar).await?;
    let mut batches = Batches::default();
    for (line, number) in BufReader::new(file).lines().zip(1..) {
        let line = line.with_context(|| format!("{}, line {number}", args.file.display()))?;
        if !line.trim().is_empty() {
            match batches.take(number, &line) {
                Ok(Some(batch)) => import.send(&batch).await?,
                Ok(None) => {}
                Err(why) => import.refused.push((number, why.to_string())),
            }
        }
        import.bar.inc(line.len() as u64 + 1);
    }
    for batch in batches.rest() {
        import.send(&batch).await?;
    }
    import.conclude()
}

/// An import on its way.
struct Import {
    client: Client,
    /// `http://host:port/reference/<tenant>`.
    base: String,
    token: String,
    bar: ProgressBar,
    accepted: usize,
    /// Numbers of lines, and why they were refused.
    refused: Vec<(usize, String)>,
}

impl Import {
    async fn new(args: &ImportArgs, bar: ProgressBar) -> anyhow::Result<Self> {
        let client = Client::builder().timeout(PATIENCE).build()?;
        let url = args.url.trim_end_matches('/');
        let token = match &args.token {
            Some(token) => token.clone(),
            None => token::of_development(&client, url, &args.tenant).await.context(
                "there is no token: give one with --token, or start the service with its development issuer",
            )?,
        };
        let base = format!("{url}/reference/{}", args.tenant);
        Ok(Self { client, base, token, bar, accepted: 0, refused: Vec::new() })
    }

    async fn send(&mut self, batch: &Batch) -> anyhow::Result<()> {
        let answer = self.answer(batch).await?;
        let results: Vec<Value> = answer.json().await.context("the answer is not a list of results")?;
        ensure!(results.len() == batch.lines.len(), "{} results for {} entries", results.len(), batch.lines.len());
        for (result, line) in results.iter().zip(&batch.lines) {
            if result["code"].as_u64().is_some_and(|code| code < 300) {
                self.accepted += 1;
            } else {
                self.refused.push((*line, result["message"].as_str().unwrap_or_default().to_owned()));
            }
        }
        self.bar.set_message(format!("{} entries", self.accepted));
        Ok(())
    }

    /// The 207 to a request, which is sent again as long as the service is away or does not know what became of it.
    async fn answer(&self, batch: &Batch) -> anyhow::Result<Response> {
        let url = format!("{}/{}/bulk", self.base, batch.kind);
        let method = match batch.action {
            Action::Put => Method::PUT,
            Action::Delete => Method::DELETE,
        };
        let mut attempt = 0;
        loop {
            attempt += 1;
            let request = self.client.request(method.clone(), &url).bearer_auth(&self.token).json(&batch.entries);
            let (why, pause) = match request.send().await {
                Ok(answer) if answer.status() == StatusCode::MULTI_STATUS => return Ok(answer),
                Ok(answer) if !answer.status().is_server_error() => {
                    let (status, text) = (answer.status(), answer.text().await.unwrap_or_default());
                    bail!("{method} {url} was answered with {status}: {text}");
                }
                Ok(answer) => (answer.status().to_string(), pause_of(&answer)),
                Err(error) => (error.to_string(), PAUSE),
            };
            ensure!(attempt < ATTEMPTS, "{method} {url} was sent {attempt} times in vain: {why}");
            tokio::time::sleep(pause).await;
        }
    }

    fn conclude(mut self) -> anyhow::Result<()> {
        self.bar.finish_and_clear();
        println!("import     {} entries accepted", self.accepted);
        self.refused.sort();
        for (line, why) in self.refused.iter().take(SHOWN) {
            eprintln!("line {line}: {why}");
        }
        ensure!(self.refused.is_empty(), "{} lines were refused", self.refused.len());
        Ok(())
    }
}

/// The pause that the service asks for.
fn pause_of(answer: &Response) -> Duration {
    let seconds = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    seconds.map_or(PAUSE, Duration::from_secs)
}
