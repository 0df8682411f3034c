//! Four curl lines, and what they answer: each is asked for real before it is shown.

use std::fmt::Write as _;

use reqwest::Method;
use serde_json::{Value, json};

use super::{Api, content};

/// One thing to try.
struct Example {
    method: Method,
    path: &'static str,
    body: Value,
}

fn examples_of() -> [Example; 4] {
    let first = content::products(0);
    let through_category = content::PRODUCT_IN_A_CATEGORY;
    let items = json!([{ "id": first[0] }, { "id": through_category }, { "id": "product-of-nobody" }]);
    [
        Example {
            method: Method::POST,
            path: "",
            body: json!({ "name": { "en": "Try it" }, "siteCode": "main", "status": "ACTIVE" }),
        },
        Example {
            method: Method::PATCH,
            path: "/seg-001",
            body: json!([{ "op": "add", "path": "/name/it", "value": "Clienti Oro Nord" }]),
        },
        Example {
            method: Method::POST,
            path: "/search?fields=name&sort=id&pageSize=2",
            body: json!({ "q": "status:ACTIVE siteCode:main name.en:~^Gold mixins.campaign.priority:<5" }),
        },
        Example {
            method: Method::POST,
            path: "/match",
            body: json!({ "items": items, "segmentIds": ["seg-001", "seg-002"], "site": "main" }),
        },
    ]
}

/// Asks for each, and returns the lines to show.
pub async fn examples(api: &Api) -> anyhow::Result<String> {
    let mut text = format!("\nTOKEN={}\n", api.token);
    for Example { method, path, body } in examples_of() {
        let url = format!("{}{path}", api.base);
        let request = api.client.request(method.clone(), &url).bearer_auth(&api.token).json(&body);
        let answer = request.send().await?;
        let status = answer.status();
        let answered = answer.text().await?;
        write!(
            text,
            "\ncurl -sS -w '%{{http_code}}\\n' -X {method} '{url}' -H \"Authorization: Bearer $TOKEN\" \
             -H 'Content-Type: application/json' -d '{body}'\n# {answered}{}\n",
            status.as_u16()
        )?;
    }
    Ok(text)
}
