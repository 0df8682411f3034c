//! A token of the development issuer.

use anyhow::Context as _;
use reqwest::Client;
use serde_json::Value;

/// A token that may do everything in this tenant, from the issuer that the service at this URL runs for development.
pub async fn of_development(client: &Client, url: &str, tenant: &str) -> anyhow::Result<String> {
    let scope = format!("tenant={tenant}");
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "dev"),
        ("client_secret", "dev"),
        ("scope", scope.as_str()),
    ];
    let answer = client.post(format!("{url}/oauth/token")).form(&form).send().await?.error_for_status()?;
    let body: Value = answer.json().await?;
    Ok(body["access_token"].as_str().context("the issuer gave no token")?.to_owned())
}
