//! `POST /segments/match`: which of the given products belong to one of the given segments. The index answers if it can, and
//! then the database is not needed; otherwise the views do.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::{Map, Value};
use shared::{
    http::{ApiError, ApiResult, Body, Call, Details},
    ids::{ItemId, SegmentId},
};

use super::{App, answer, fresh::Awaited, invalid_member};
use crate::{
    index::{self, By, Index},
    views::{PageOf, matching},
};

/// `POST /segments/match`.
pub async fn products(app: App, mut call: Call) -> ApiResult {
    let awaited = Awaited::of(&app, &call)?;
    let body = call.body().await?;
    let asked = match Question::of_usual(&body) {
        Some(question) => question,
        None => Question::parse(body.required_json()?)?,
    };
    let tenant = call.tenant.clone();
    let question = matching::Question {
        tenant: &tenant,
        segment_ids: &asked.segment_ids,
        site_code: &asked.site_code,
        valid_at: app.valid_at(),
        with_descendants: app.match_descendants,
        products: &asked.products,
    };
    match app.index.clone().filter(|index| index.answers(&question)) {
        Some(index) => by_index(app, &call, &awaited, &index, &question).await,
        None => by_sql(app, &call, &awaited, &question).await,
    }
}

/// Waits for the index instead of the views; otherwise both are the same to the client.
async fn by_index(
    app: App,
    call: &Call,
    awaited: &Awaited,
    index: &Index,
    question: &matching::Question<'_>,
) -> ApiResult {
    let app = App { progress: index.progress().clone(), ..app };
    let shown = awaited.wait(&app, call, None).await?;
    let found = index.products(question);
    index::answered(By::Index);
    app.shadow.offer(index, &app.reader, question);
    Ok(answer::many(&app, shown, page(found.iter().map(ItemId::as_str))))
}

async fn by_sql(app: App, call: &Call, awaited: &Awaited, question: &matching::Question<'_>) -> ApiResult {
    let shown = awaited.wait(&app, call, None).await?;
    let found = if question.segment_ids.is_empty() || question.products.is_empty() {
        Vec::new()
    } else {
        matching::products(&app.reader, question).await.map_err(super::database)?
    };
    index::answered(By::Sql);
    Ok(answer::many(&app, shown, page(found.iter().map(String::as_str))))
}

fn page<'i>(ids: impl Iterator<Item = &'i str>) -> PageOf<String> {
    // The text of an id as JSON, escapes and all.
    let row = |id: &str| format!(r#"{{"id":{}}}"#, Value::from(id));
    PageOf { rows: ids.map(row).collect(), total: None }
}

/// A body as nearly all are, read where it lies.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Usual<'b> {
    #[serde(borrow)]
    items: Vec<Named<'b>>,
    #[serde(borrow)]
    segment_ids: Vec<&'b str>,
    site: Option<&'b str>,
    site_code: Option<&'b str>,
}

#[derive(Deserialize)]
struct Named<'b> {
    id: &'b str,
}

/// The lists of a body: items and segment ids.
const LISTS: usize = 2;

/// What the body asks. Ids that nothing can have are left out: they match nothing.
#[derive(Debug, PartialEq)]
struct Question {
    /// Each once, in the order of the body.
    products: Vec<ItemId>,
    segment_ids: Vec<SegmentId>,
    site_code: String,
}

impl Question {
    /// What [`parse`](Self::parse) would make of the body, if it is a usual one. None is no verdict.
    fn of_usual(body: &Body) -> Option<Self> {
        // serde takes a list for the members of a struct too; with these two there is none left for that.
        if body.text().iter().filter(|byte| **byte == b'[').count() != LISTS {
            return None;
        }
        let Usual { items, segment_ids, site, site_code } = body.usual()?;
        let site_code = site.or(site_code).filter(|chosen| site_code.is_none_or(|other| other == *chosen))?;
        let mut seen = HashSet::with_capacity(items.len());
        let products = items.into_iter().map(|item| item.id).filter(|id| seen.insert(*id));
        Some(Self {
            products: products.filter_map(|id| ItemId::parse(id).ok()).collect(),
            segment_ids: segment_ids.into_iter().filter_map(|id| SegmentId::parse(id).ok()).collect(),
            site_code: site_code.to_owned(),
        })
    }

    fn parse(body: Value) -> Result<Self, ApiError> {
        let Value::Object(body) = body else {
            return Err(ApiError::invalid_body(Details::new("type", "the body must be an object")));
        };
        let mut seen = HashSet::new();
        let mut products = Vec::new();
        for (place, item) in array(&body, "items")?.iter().enumerate() {
            let Some(id) = item.get("id").and_then(Value::as_str) else {
                return Err(invalid_member(
                    format!("items[{place}].id"),
                    "required",
                    "every item is an object with an id",
                ));
            };
            products.extend(ItemId::parse(id).ok().filter(|id| seen.insert(id.clone())));
        }
        let mut segment_ids = Vec::new();
        for (place, id) in array(&body, "segmentIds")?.iter().enumerate() {
            let Some(id) = id.as_str() else {
                return Err(invalid_member(format!("segmentIds[{place}]"), "type", "every segment id is a string"));
            };
            segment_ids.extend(SegmentId::parse(id));
        }
        Ok(Self { products, segment_ids, site_code: site_code(&body)? })
    }
}

fn array<'a>(body: &'a Map<String, Value>, name: &str) -> Result<&'a Vec<Value>, ApiError> {
    match body.get(name) {
        Some(Value::Array(items)) => Ok(items),
        None | Some(Value::Null) => Err(invalid_member(name, "required", format!("{name} is missing"))),
        Some(_) => Err(invalid_member(name, "type", format!("{name} must be an array"))),
    }
}

/// The published schema calls it `site`, the published example `siteCode`; either will do, but not two different ones.
fn site_code(body: &Map<String, Value>) -> Result<String, ApiError> {
    let text = |name: &str| match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(invalid_member(name, "type", format!("{name} must be a string"))),
    };
    match (text("site")?, text("siteCode")?) {
        (Some(site), Some(other)) if site != other => {
            Err(invalid_member("site", "conflict", "site and siteCode name different sites"))
        }
        (Some(site), _) | (None, Some(site)) => Ok(site),
        (None, None) => Err(invalid_member("site", "required", "site is missing")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_body_must_be_complete_and_of_the_right_types() {
        let good = json!({ "items": [{ "id": "p1" }, { "id": "p1", "x": 1 }, { "id": "a/b" }], "segmentIds": ["g1"] });
        for (case, change, expected) in [
            ("site", json!({ "site": "main" }), Some("main")),
            ("siteCode", json!({ "siteCode": "main" }), Some("main")),
            ("both alike", json!({ "site": "main", "siteCode": "main" }), Some("main")),
            ("both different", json!({ "site": "main", "siteCode": "other" }), None),
            ("neither", json!({}), None),
            ("null counts as absent", json!({ "site": null }), None),
            ("a site that is no string", json!({ "site": 5 }), None),
            ("no items", json!({ "site": "main", "items": null }), None),
            ("an item that is no object", json!({ "site": "main", "items": ["p1"] }), None),
            ("an item without id", json!({ "site": "main", "items": [{}] }), None),
            ("no segment ids", json!({ "site": "main", "segmentIds": null }), None),
            ("a segment id that is no string", json!({ "site": "main", "segmentIds": [5] }), None),
        ] {
            let mut body = good.clone();
            body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
            let usual = Question::of_usual(&Body::of(body.to_string()));
            let question = Question::parse(body).ok();
            assert!(usual.is_none() || usual == question, "{case}: {usual:?}");
            assert!(usual.is_some() || question.is_none(), "{case} is usual enough");
            assert_eq!(question.as_ref().map(|question| &*question.site_code), expected, "{case}");
            if let Some(question) = question {
                assert_eq!(question.products, [ItemId::parse("p1").expect("an id")], "{case}");
            }
        }
        assert!(Question::parse(json!([])).is_err());
    }

    #[test]
    fn unusual_bodies_are_looked_at_more_closely() {
        for body in [
            r#"[[{"id":"p1"}],["g1"],"main"]"#,
            r#"{"items":[["p1"]],"segmentIds":["g1"],"site":"main"}"#,
            r#"{"items":[{"id":"p1","id":"p2"}],"segmentIds":["g1"],"site":"main"}"#,
            r#"{"items":[{"id":"p\u0031"}],"segmentIds":["g1"],"site":"main"}"#,
            r#"{"items":[{"id":"p1"}],"segmentIds":["g1"],"site":"main","siteCode":"other"}"#,
            r#"{"items":[{"id":"p1"}],"segmentIds":["g1"],"site":"main","more":[]}"#,
        ] {
            assert_eq!(Question::of_usual(&Body::of(body)), None, "{body}");
        }
    }
}
