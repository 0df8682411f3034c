//! A realistic tenant, written through the HTTP API like any client would, and four things to try on it.

mod content;
mod show;

use anyhow::{Context as _, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use shared::{
    consistency::{CONSISTENCY_TOKEN, Positions},
    reference::Kind,
};

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
    /// `http://host:port/reference/acme`.
    reference: String,
    token: String,
}

/// Writes the sample if it is not there yet; returns what to show to the user.
pub async fn load(url: &str) -> anyhow::Result<String> {
    let api = Api::new(url).await?;
    if !api.has_sample().await? {
        let written = api.write_all().await?;
        api.wait_for(&written).await?;
    }
    show::examples(&api).await
}

impl Api {
    async fn new(url: &str) -> anyhow::Result<Self> {
        let client = Client::new();
        let token = token::of_development(&client, url, TENANT).await?;
        let base = format!("{url}/customer-segment/{TENANT}/segments");
        Ok(Self { client, base, reference: format!("{url}/reference/{TENANT}"), token })
    }

    /// The last segment to be written tells whether all of them were.
    async fn has_sample(&self) -> anyhow::Result<bool> {
        let last = format!("{}/items/PRODUCT/{}", content::segment_id(content::SEGMENTS - 1), content::LAST_PRODUCT);
        let answer = self.client.get(format!("{}/{last}", self.base)).bearer_auth(&self.token).send().await?;
        Ok(answer.status() == StatusCode::OK)
    }

    /// Writes everything; the positions behind it.
    async fn write_all(&self) -> anyhow::Result<Positions> {
        let mut written = Positions::default();
        let catalogue = Kind::ALL.map(|kind| (kind, content::reference(kind)));
        let entries: usize = catalogue.iter().map(|(_, entries)| entries.len()).sum();
        let segments: Vec<Value> = (0..content::SEGMENTS).map(content::segment).collect();
        // One category for each segment.
        let products: usize = (0..content::SEGMENTS).map(|number| content::products(number).len()).sum();
        let assignments = content::SEGMENTS + products;
        let bar = ProgressBar::new((entries + segments.len() + assignments) as u64);
        let style = "sample     {bar:30} {pos}/{len} written ({per_sec}, {eta} left)";
        bar.set_style(ProgressStyle::with_template(style)?);
        for (kind, entries) in catalogue {
            written.merge(&self.put_all(&format!("{}/{kind}/bulk", self.reference), &entries, &bar).await?);
        }
        written.merge(&self.put_all(&format!("{}/bulk", self.base), &segments, &bar).await?);
        for number in 0..content::SEGMENTS {
            let items = format!("{}/{}/items", self.base, content::segment_id(number));
            let category = json!({ "id": content::category_of(number) });
            written.merge(&self.put_all(&format!("{items}/CATEGORY/bulk"), &[category], &bar).await?);
            let rows: Vec<Value> = content::products(number).iter().map(|id| json!({ "id": id })).collect();
            written.merge(&self.put_all(&format!("{items}/PRODUCT/bulk"), &rows, &bar).await?);
        }
        bar.finish_and_clear();
        println!(
            "{:<10} {} segments, {assignments} item assignments, {entries} entries of reference data in tenant {TENANT}",
            "sample",
            segments.len()
        );
        Ok(written)
    }

    async fn put_all(&self, url: &str, rows: &[Value], bar: &ProgressBar) -> anyhow::Result<Positions> {
        let mut written = Positions::default();
        for chunk in rows.chunks(BULK) {
            let answer = self.client.put(url).bearer_auth(&self.token).json(chunk).send().await?;
            ensure!(answer.status() == StatusCode::MULTI_STATUS, "{url} was answered with {}", answer.status());
            let token = answer.headers().get(CONSISTENCY_TOKEN).context("a write without consistency token")?;
            written.merge(&token.to_str()?.parse()?);
            let results: Vec<Value> = answer.json().await?;
            let failed = results.iter().find(|result| result["code"].as_u64().is_none_or(|code| code >= 300));
            ensure!(failed.is_none(), "{url}: {failed:?}");
            bar.inc(chunk.len() as u64);
        }
        Ok(written)
    }

    /// Waits until the views show all of this.
    async fn wait_for(&self, written: &Positions) -> anyhow::Result<()> {
        let read = self.client.get(format!("{}?pageSize=1", self.base)).bearer_auth(&self.token);
        let read = read.header(CONSISTENCY_TOKEN, written.to_string()).header("Prefer", "wait=10");
        let status = read.send().await?.status();
        ensure!(status == StatusCode::OK, "the views do not show the sample: {status}");
        Ok(())
    }
}
