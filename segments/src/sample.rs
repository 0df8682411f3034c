//! A realistic tenant, written through the HTTP API like any client would, and four things to try on it.

mod content;
mod show;

use anyhow::ensure;
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::token;

/// The tenant that is filled.
const TENANT: &str = "acme";
/// Entries in one bulk request: the most that the API takes.
const BULK: usize = 200;

/// A client of the API with a token.
struct Api {
    client: Client,
    /// `http://host:port/customer-segment/acme/segments`.
    base: String,
    token: String,
}

/// Writes the sample if it is not there yet; returns what to show to the user.
pub async fn load(url: &str) -> anyhow::Result<String> {
    let api = Api::new(url).await?;
    if !api.has_sample().await? {
        api.write_all().await?;
    }
    show::examples(&api).await
}

impl Api {
    async fn new(url: &str) -> anyhow::Result<Self> {
        let client = Client::new();
        let token = token::of_development(&client, url, TENANT).await?;
        Ok(Self { client, base: format!("{url}/customer-segment/{TENANT}/segments"), token })
    }

    /// The last segment to be written tells whether all of them were.
    async fn has_sample(&self) -> anyhow::Result<bool> {
        let last = format!("{}/items/PRODUCT/{}", content::segment_id(content::SEGMENTS - 1), content::LAST_PRODUCT);
        let answer = self.client.get(format!("{}/{last}", self.base)).bearer_auth(&self.token).send().await?;
        Ok(answer.status() == StatusCode::OK)
    }

    async fn write_all(&self) -> anyhow::Result<()> {
        let segments: Vec<Value> = (0..content::SEGMENTS).map(content::segment).collect();
        let assignments: usize = (0..content::SEGMENTS).map(|number| content::products(number).len()).sum();
        let bar = ProgressBar::new((segments.len() + assignments) as u64);
        let style = "sample     {bar:30} {pos}/{len} written ({per_sec}, {eta} left)";
        bar.set_style(ProgressStyle::with_template(style)?);
        for chunk in segments.chunks(BULK) {
            self.put_bulk("bulk", chunk).await?;
            bar.inc(chunk.len() as u64);
        }
        for number in 0..content::SEGMENTS {
            let path = format!("{}/items/PRODUCT/bulk", content::segment_id(number));
            for chunk in content::products(number).chunks(BULK) {
                let rows: Vec<Value> = chunk.iter().map(|id| json!({ "id": id })).collect();
                self.put_bulk(&path, &rows).await?;
                bar.inc(chunk.len() as u64);
            }
        }
        bar.finish_and_clear();
        println!("{:<10} {} segments, {assignments} item assignments in tenant {TENANT}", "sample", segments.len());
        Ok(())
    }

    async fn put_bulk(&self, path: &str, rows: &[Value]) -> anyhow::Result<()> {
        let request = self.client.put(format!("{}/{path}", self.base)).bearer_auth(&self.token).json(rows);
        let answer = request.send().await?;
        ensure!(answer.status() == StatusCode::MULTI_STATUS, "{path} was answered with {}", answer.status());
        let results: Vec<Value> = answer.json().await?;
        let failed = results.iter().find(|result| result["code"].as_u64().is_none_or(|code| code >= 300));
        ensure!(failed.is_none(), "{path}: {failed:?}");
        Ok(())
    }
}
