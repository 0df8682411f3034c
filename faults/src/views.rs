//! What the API shows in the end must be what the log says.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use shared::ids::SegmentKey;
use tokio::time::{Instant, sleep};

use crate::{
    check::Findings,
    fold::{Live, State, header_of},
    load::TENANTS,
    tokens::Tokens,
};

/// How long the views may take to catch up.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(90);
const AT_ONCE: usize = 12;
const PAUSE: Duration = Duration::from_millis(200);

/// Reads the API.
pub struct Reader {
    client: reqwest::Client,
    origin: String,
    tokens: Tokens,
}

impl Reader {
    /// Reads at this address.
    pub fn new(origin: String, tokens: Tokens) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build()?;
        Ok(Self { client, origin, tokens })
    }

    /// GET a path of a tenant.
    pub async fn get(&self, tenant: &str, path: &str) -> reqwest::Result<reqwest::Response> {
        let token = self.tokens.get(tenant).map(String::as_str).unwrap_or_default();
        let url = format!("{}/customer-segment/{tenant}/{path}", self.origin);
        self.client.get(url).bearer_auth(token).header("X-Total-Count", "true").send().await
    }

    /// Compares every segment, what is assigned to it, and how many there are, until all are as they must be.
    ///
    /// # Errors
    /// When they are not in time.
    pub async fn compare(&self, findings: &Findings) -> anyhow::Result<usize> {
        let deadline = Instant::now() + CAUGHT_UP_WITHIN;
        let mut open: Vec<(&SegmentKey, &State)> = findings.segments.iter().collect();
        loop {
            let compared = stream::iter(open.iter().map(|(key, state)| self.differs(key, state))).buffered(AT_ONCE);
            let differences: Vec<Option<String>> = compared.collect().await;
            let shown = differences.iter().flatten().next().cloned();
            open = open.into_iter().zip(differences).filter_map(|(it, differs)| differs.map(|_| it)).collect();
            let Some(shown) = shown else { break };
            ensure!(Instant::now() < deadline, "{} segments differ from the log, such as {shown}", open.len());
            sleep(PAUSE).await;
        }
        for tenant in TENANTS {
            let of_tenant =
                |(key, state): &(&SegmentKey, &State)| key.tenant.as_str() == tenant && state.live.is_some();
            let expected = findings.segments.iter().filter(of_tenant).count().to_string();
            let answer = self.get(tenant, "segments?pageSize=1").await?;
            let total = answer.headers().get("X-Total-Count").and_then(|total| total.to_str().ok());
            ensure!(total == Some(&expected), "{tenant} has {expected} segments, the API counts {total:?}");
        }
        Ok(findings.segments.len())
    }

    async fn differs(&self, key: &SegmentKey, state: &State) -> Option<String> {
        let difference = match &state.live {
            None => self.absent(key).await,
            Some(live) => self.present(key, live).await,
        };
        difference.unwrap_or_else(|error| Some(format!("{error:?}"))).map(|difference| format!("{key}: {difference}"))
    }

    async fn absent(&self, key: &SegmentKey) -> anyhow::Result<Option<String>> {
        let answer = self.get(key.tenant.as_str(), &format!("segments/{}", key.id)).await?;
        Ok((answer.status() != 404).then(|| format!("{} instead of 404", answer.status())))
    }

    async fn present(&self, key: &SegmentKey, live: &Live) -> anyhow::Result<Option<String>> {
        let answer = self.get(key.tenant.as_str(), &format!("segments/{}", key.id)).await?;
        let (status, tag) = (answer.status(), answer.headers().get("ETag").cloned());
        let (body, expected) = (answer.json::<Value>().await?, json!(live.document));
        if status != 200 || body != expected || tag.is_none_or(|tag| tag != header_of(live.tag())) {
            return Ok(Some(format!("{status} {body} instead of {expected} with {}", header_of(live.tag()))));
        }
        let shown = self.rows(key).await?;
        let expected: BTreeMap<_, _> =
            live.rows.iter().map(|(place, row)| (place.clone(), (json!(row.tag.1), row.mixins.clone()))).collect();
        Ok((shown != expected).then(|| format!("assignments {shown:?} instead of {expected:?}")))
    }

    /// Versions and mixins of the assignments of a segment, by their places below it.
    async fn rows(&self, key: &SegmentKey) -> anyhow::Result<BTreeMap<String, (Value, Value)>> {
        let mut found = BTreeMap::new();
        for list in ["items", "customers"] {
            let rows: Value =
                self.get(key.tenant.as_str(), &format!("segments/{}/{list}", key.id)).await?.json().await?;
            for row in rows.as_array().with_context(|| format!("no list of {list}: {rows}"))? {
                let parts = match list {
                    "items" => [&row["type"], &row["item"]["id"]],
                    _ => [&row["customer"]["id"], &row["legalEntity"]["id"]],
                };
                let parts = parts.into_iter().filter_map(Value::as_str);
                let place = [list].into_iter().chain(parts).collect::<Vec<_>>().join("/");
                found.insert(place, (row["metadata"]["version"].clone(), row["mixins"].clone()));
            }
        }
        Ok(found)
    }
}

/// For scenarios that only look whether reads are answered.
pub async fn status_of_a_read(reader: &Arc<Reader>) -> u16 {
    let answer = reader.get(TENANTS[0], "segments?pageSize=1").await;
    answer.map_or(0, |answer| answer.status().as_u16())
}
