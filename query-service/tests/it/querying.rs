//! The query language through HTTP: the contract's cases Q01 to Q24. Everything finer is tested beside `q`.

use reqwest::StatusCode;
use serde_json::json;

use crate::api::{Api, Sent as _};

/// g1: active, English, mixins. g2: inactive, German only. g3: other site, three versions.
async fn three_segments() -> Api {
    let mut api = Api::start().await;
    let mixins = json!({ "m": { "flag": true, "n": 20, "code": "null", "tags": ["a", "b"] } });
    let g1 = json!({
        "name": { "en": "Golden Segment" }, "description": { "en": "d" }, "status": "ACTIVE", "mixins": mixins,
        "validity": { "from": "2024-04-17T08:00:00.000Z" }
    });
    api.story.put("acme", "g1", g1).await;
    let g2 = json!({ "name": { "de": "Goldstück" }, "mixins": { "m": { "flag": "true", "n": 20.0 } } });
    api.story.put("acme", "g2", g2).await;
    for _ in 0..3 {
        api.story
            .put("acme", "g3", json!({ "name": { "en": "Silver" }, "siteCode": "other", "status": "ACTIVE" }))
            .await;
    }
    api.catch_up().await;
    api
}

#[tokio::test]
async fn q01_to_q23_filters_find_what_the_contract_says() {
    let api = three_segments().await;
    for (case, q, expected) in [
        ("Q01", "status:ACTIVE", "g1 g3"),
        ("Q02", "status:ACTIVE siteCode:main", "g1"),
        ("Q03", "id:(g1,g3)", "g1 g3"),
        ("Q04", r#"id:("g1","g3")"#, "g1 g3"),
        ("Q05", "id:(g1, g3)", "g1 g3"),
        ("Q06", r#"name.en:"Golden Segment""#, "g1"),
        ("Q07", "name.en:Golden", ""),
        ("Q08", "name.en:~old", "g1"),
        ("Q09", "name.en:~^Gold", "g1"),
        ("Q10", "name.en:(~Golden Seg)", "g1"),
        ("Q10", "name.en:~(Golden Seg)", "g1"),
        ("Q11", "description:null", "g2 g3"),
        ("Q11", "description.de:missing", "g1 g2 g3"),
        ("Q11", "description:exists", "g1"),
        ("Q12", "mixins.m:exists", "g1 g2"),
        ("Q13", "metadata.version:>1", "g3"),
        ("Q13", "metadata.version:>=1", "g1 g2 g3"),
        ("Q13", "metadata.version:<2", "g1 g2"),
        ("Q13", "metadata.version:(>=1 AND <=2)", "g1 g2"),
        ("Q14", r#"metadata.createdAt:(>="2020-01-01T00:00:00Z" AND <"2100-01-01T00:00:00Z")"#, "g1 g2 g3"),
        ("Q15", r#"validity.from:"2024-04-17T10:00:00+02:00""#, "g1"),
        ("Q16 the text, too", "mixins.m.flag:true", "g1 g2"),
        ("Q16", "mixins.m.flag:false", ""),
        ("Q16", r#"mixins.m.flag:"true""#, "g2"),
        ("Q17", "mixins.m.n:20", "g1 g2"),
        ("Q17", "mixins.m.n:20.0", "g1 g2"),
        ("Q18", r#"mixins.m.code:"null""#, "g1"),
        ("Q18", "mixins.m.code:null", "g2 g3"),
        ("Q19", "unknown:x", ""),
        ("Q19", "unknown:missing", "g1 g2 g3"),
        ("Q22", "name:~Gold", "g1 g2"),
        ("Q23", "id:G1", ""),
        ("arrays", "mixins.m.tags:b", "g1"),
        ("blank", "  ", "g1 g2 g3"),
    ] {
        assert_eq!(api.find(q).await.join(" "), expected, "{case} {q}");
    }
}

#[tokio::test]
async fn q20_q21_what_is_no_query_is_refused() {
    let api = three_segments().await;
    for q in [
        "status",
        "status:",
        "status:(",
        "(a)",
        "a:~[",
        "compoundLogicalQuery:((status:ACTIVE) OR (siteCode:main))",
        "status:ACTIVE AND siteCode:main",
        "name.en:Golden Segment",
    ] {
        let answer = api.get("").query(&[("q", q)]).answer().await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{q}");
        assert_eq!(answer.body["details"]["field"], "q", "{q}");
    }
}

#[tokio::test]
async fn q24_plus_and_percent_20_separate_clauses() {
    let api = three_segments().await;
    assert_eq!(api.ids("?q=status:ACTIVE+siteCode:main").await, ["g1"]);
    assert_eq!(api.ids("?q=status:ACTIVE%20siteCode:main").await, ["g1"]);
}
