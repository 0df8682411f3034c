//! The projector: every record counts once, whatever happens in between.

use serde_json::{Value, json};
use shared::ids::{SegmentId, Tenant};

use crate::{
    story::Story,
    support::{Views, empty_log},
};

#[tokio::test]
async fn a_created_segment_can_be_read_as_it_was_created() {
    let (views, log) = (Views::empty().await, empty_log());
    let _projection = views.project(&log);
    let mut story = Story::begin(&log).await;

    let token = story.put("acme", "g1", json!({ "name": { "en": "Golden Segment" }, "status": "ACTIVE" })).await;
    views.reach(&token).await;

    let (tenant, id) = (Tenant::parse("acme").expect("a tenant"), SegmentId::parse("g1").expect("an id"));
    let row = query_service::views::segments::get(&views.pool, &tenant, &id).await.expect("an answer").expect("a row");
    let document: Value = serde_json::from_str(&row.doc).expect("JSON");
    assert_eq!(document["name"], json!({ "en": "Golden Segment" }));
    assert_eq!(document["metadata"]["version"], json!(1));
    assert_eq!(row.version, 1);
    assert_eq!(row.incarnation.len(), 8);
}
