//! Cases Q: the query language.

use e2e::{
    Shop,
    samples::{golden, named, with},
};
use reqwest::Method;
use serde_json::{Value, json};

const NONE: [&str; 0] = [];

/// A shop with `a` (active, main), `b` (inactive, main) and `c` (active, second).
async fn shop_of_three() -> Shop {
    let segment = |id, status, site| with(named(id), json!({ "status": status, "siteCode": site }));
    shop_of(&[segment("a", "ACTIVE", "main"), segment("b", "INACTIVE", "main"), segment("c", "ACTIVE", "second")]).await
}

async fn shop_of(segments: &[Value]) -> Shop {
    let shop = Shop::open().await;
    shop.create_all(segments).await;
    shop
}

/// Segments with these ids, and each with the mixin `m`.
async fn shop_of_mixins<const N: usize>(mixins: [(&str, Value); N]) -> Shop {
    let segments = mixins.map(|(id, m)| with(named(id), json!({ "mixins": { "m": m } })));
    shop_of(&segments).await
}

/// The golden segment and one that is not.
async fn shop_of_gold() -> Shop {
    shop_of(&[golden(), with(named("s1"), json!({ "name": { "en": "Silver Segment" } }))]).await
}

#[tokio::test]
async fn q01_a_value_is_equal() {
    assert_eq!(shop_of_three().await.find("status:ACTIVE").await, ["a", "c"]);
}

#[tokio::test]
async fn q02_clauses_hold_together() {
    let shop = shop_of_three().await;
    assert_eq!(shop.find("status:ACTIVE siteCode:main").await, ["a"]);
    assert_eq!(shop.find("status:ACTIVE status:INACTIVE").await, NONE);
    assert_eq!(shop.find("  status:ACTIVE   siteCode:main ").await, ["a"]);
}

#[tokio::test]
async fn q03_any_of_a_list() {
    let shop = shop_of_three().await;
    assert_eq!(shop.find("id:(a,b)").await, ["a", "b"]);
    assert_eq!(shop.find("id:in(a,c,nope)").await, ["a", "c"]);
}

#[tokio::test]
async fn q04_any_of_a_list_of_quoted_values() {
    assert_eq!(shop_of_three().await.find(r#"id:("a","b")"#).await, ["a", "b"]);
}

#[tokio::test]
async fn q05_spaces_in_a_list_do_not_count() {
    assert_eq!(shop_of_three().await.find("id:( a, b )").await, ["a", "b"]);
}

#[tokio::test]
async fn q06_a_quoted_value_may_hold_spaces() {
    let shop = shop_of_gold().await;
    assert_eq!(shop.find(r#"name.en:"Golden Segment""#).await, ["g1"]);
    assert_eq!(shop.find(r#"name.EN:"Golden Segment""#).await, ["g1"]);
    assert_eq!(shop.find(r#"name.de:"Golden Segment""#).await, NONE);
}

#[tokio::test]
async fn q07_equality_is_not_containment() {
    assert_eq!(shop_of_gold().await.find("name.en:Golden").await, NONE);
}

#[tokio::test]
async fn q08_a_pattern_matches_anywhere() {
    assert_eq!(shop_of_gold().await.find("name.en:~old").await, ["g1"]);
}

#[tokio::test]
async fn q09_a_pattern_may_be_anchored() {
    let shop = shop_of_gold().await;
    assert_eq!(shop.find("name.en:~^Gold").await, ["g1"]);
    assert_eq!(shop.find("name.en:~^old").await, NONE);
    assert_eq!(shop.find("name.en:~^gold").await, NONE, "case counts");
    assert_eq!(shop.find("name.en:~(?i)^gold").await, ["g1"]);
}

#[tokio::test]
async fn q10_a_pattern_with_spaces_stands_in_brackets() {
    let shop = shop_of_gold().await;
    assert_eq!(shop.find("name.en:(~Golden Seg)").await, ["g1"]);
    assert_eq!(shop.find("name.en:~(Golden Seg)").await, ["g1"]);
    assert_eq!(shop.find("name.en:(~er Seg)").await, ["s1"]);
}

#[tokio::test]
async fn q11_what_is_absent_or_present_can_be_asked() {
    let german = json!({ "description": { "de": "Silber" } });
    let shop = shop_of(&[golden(), named("bare"), with(named("german"), german)]).await;
    assert_eq!(shop.find("description:null").await, ["bare"]);
    assert_eq!(shop.find("description:missing").await, ["bare"]);
    assert_eq!(shop.find("description.de:missing").await, ["bare", "g1"]);
    assert_eq!(shop.find("description:exists").await, ["g1", "german"]);
    assert_eq!(shop.find("validity.from:exists").await, ["g1"]);
    assert_eq!(shop.find("validity:missing").await, ["bare", "german"]);
}

#[tokio::test]
async fn q12_a_mixin_exists_when_it_holds_something() {
    let shop = shop_of_mixins([
        ("a", json!({ "x": 1 })),
        ("b", json!({})),
        ("c", json!([])),
        ("d", json!("")),
        ("e", json!(null)),
        ("f", json!(false)),
    ])
    .await;
    assert_eq!(shop.find("mixins.m:exists").await, ["a", "d", "f"]);
    assert_eq!(shop.find("mixins.m:missing").await, ["b", "c", "e"]);
    assert_eq!(shop.find("mixins.m.x:exists").await, ["a"]);
}

#[tokio::test]
async fn q13_versions_compare_as_numbers() {
    let shop = shop_of(&[named("v1"), named("v2"), named("v3")]).await;
    for (id, times) in [("v2", 1), ("v3", 2)] {
        for _ in 0..times {
            let patch = json!([{ "op": "add", "path": "/mixins/a", "value": 1 }]);
            shop.patch(&format!("/{id}"), &patch).await.empty(204);
        }
    }
    for (value, expected) in [
        (">1", &["v2", "v3"][..]),
        (">=1", &["v1", "v2", "v3"]),
        ("<2", &["v1"]),
        ("<=2", &["v1", "v2"]),
        ("(>=1 AND <=2)", &["v1", "v2"]),
        ("(>1 AND <3)", &["v2"]),
        ("(>2)", &["v3"]),
        ("2", &["v2"]),
        ("2.0", &["v2"]),
        (">word", &[]),
    ] {
        assert_eq!(shop.find(&format!("metadata.version:{value}")).await, expected, "{value}");
    }
}

#[tokio::test]
async fn q14_instants_compare_as_instants() {
    let shop = shop_of(&[golden()]).await;
    let created = r#"metadata.createdAt:(>="2020-01-01T00:00:00Z" AND <"2100-01-01T00:00:00Z")"#;
    assert_eq!(shop.find(created).await, ["g1"]);
    assert_eq!(shop.find(r#"metadataCreatedAt:>"2100-01-01T00:00:00Z""#).await, NONE);
    assert_eq!(shop.find("validity.to:>2025-01-01T00:00:00Z").await, ["g1"]);
    assert_eq!(shop.find("validity.to:<2025-01-01T00:00:00Z").await, NONE);
}

#[tokio::test]
async fn q15_an_instant_is_the_same_in_every_zone() {
    let shop = shop_of(&[golden()]).await;
    assert_eq!(shop.find(r#"validity.from:"2024-04-17T10:00:00+02:00""#).await, ["g1"]);
    assert_eq!(shop.find(r#"validity.from:"2024-04-17T08:00:00Z""#).await, ["g1"]);
    assert_eq!(shop.find(r#"validity.from:"2024-04-17T10:00:00Z""#).await, NONE);
}

#[tokio::test]
async fn q16_true_is_not_the_text_true() {
    let shop = shop_of_mixins([("flag", json!({ "flag": true })), ("text", json!({ "flag": "true" }))]).await;
    assert_eq!(shop.find(r#"mixins.m.flag:"true""#).await, ["text"]);
    assert!(shop.find("mixins.m.flag:true").await.contains(&"flag".to_owned()));
    assert_eq!(shop.find("mixins.m.flag:false").await, NONE);
}

#[tokio::test]
async fn q17_numbers_are_equal_however_written() {
    let shop =
        shop_of_mixins([("int", json!({ "n": 20 })), ("float", json!({ "n": 20.0 })), ("no", json!({ "n": 21 }))]);
    let shop = shop.await;
    assert_eq!(shop.find("mixins.m.n:20").await, ["float", "int"]);
    assert_eq!(shop.find("mixins.m.n:20.0").await, ["float", "int"]);
    assert_eq!(shop.find(r#"mixins.m.n:"20""#).await, NONE, "a quoted value is no number");
}

#[tokio::test]
async fn q18_null_is_absence_and_quoted_null_is_a_text() {
    let shop = shop_of_mixins([
        ("text", json!({ "code": "null" })),
        ("none", json!({ "code": null })),
        ("gone", json!({ "x": 1 })),
    ]);
    let shop = shop.await;
    assert_eq!(shop.find(r#"mixins.m.code:"null""#).await, ["text"]);
    assert_eq!(shop.find("mixins.m.code:null").await, ["gone", "none"]);
}

#[tokio::test]
async fn q19_an_unknown_field_is_absent() {
    let shop = shop_of_three().await;
    assert_eq!(shop.find("unknown:x").await, NONE);
    assert_eq!(shop.find("unknown:missing").await, ["a", "b", "c"]);
    assert_eq!(shop.find("status.x:null").await, ["a", "b", "c"]);
}

#[tokio::test]
async fn q20_what_is_no_query_is_refused() {
    let shop = Shop::open().await;
    for q in [
        "status",
        "status:",
        "status:(",
        "(a)",
        "a:~[",
        "status:()",
        "status:\"ACTIVE",
        "metadata.version:>",
        "metadata.version:(>1 AND)",
        "status:ACTIVE OR status:INACTIVE",
        "status:ACTIVE AND siteCode:main",
        "name.en:Golden Segment",
        "status :ACTIVE",
        ":x",
        "a..b:x",
    ] {
        shop.get("").query("q", q).await.error(400);
        shop.post("/search", &json!({ "q": q })).await.error(400);
        shop.get("/items").query("q", q).await.error(400);
    }
    let too_long = format!("name:~{}", "a".repeat(1001));
    shop.get("").query("q", &too_long).await.error(400);
}

#[tokio::test]
async fn q21_compound_logical_queries_are_of_other_services() {
    let shop = Shop::open().await;
    let q = "compoundLogicalQuery:((status:ACTIVE) OR (siteCode:main))";
    let error = shop.get("").query("q", q).await.error(400);
    assert!(error.to_string().contains("compoundLogicalQuery"), "{error}");
}

#[tokio::test]
async fn q22_a_name_without_language_is_any_translation() {
    let both = json!({ "name": { "en": "Precious", "de": "Goldig" } });
    let shop = shop_of(&[with(named("s"), both), named("other")]).await;
    assert_eq!(shop.find("name:~Gold").await, ["s"]);
    assert_eq!(shop.find("name:Precious").await, ["s"]);
    assert_eq!(shop.find("name.en:~Gold").await, NONE);
}

#[tokio::test]
async fn q23_ids_differ_by_case() {
    let shop = shop_of_gold().await;
    assert_eq!(shop.find("id:G1").await, NONE);
    assert_eq!(shop.find("id:g1").await, ["g1"]);
    assert_eq!(shop.find("_id:g1").await, ["g1"]);
}

#[tokio::test]
async fn q24_plus_and_percent_20_both_separate_clauses() {
    let shop = shop_of_three().await;
    for query in
        ["?q=status:ACTIVE+siteCode:main", "?q=status:ACTIVE%20siteCode:main", "?q=status%3AACTIVE+siteCode%3Amain"]
    {
        assert_eq!(shop.get(query).await.expect(200).ids(), ["a"], "{query}");
    }
}

#[tokio::test]
async fn an_element_of_an_array_is_enough() {
    let shop = shop_of_mixins([
        ("a", json!({ "tags": ["x", "y"] })),
        ("b", json!({ "tags": ["z"] })),
        ("c", json!({ "tags": [{ "k": "x" }] })),
    ])
    .await;
    assert_eq!(shop.find("mixins.m.tags:x").await, ["a"]);
    assert_eq!(shop.find("mixins.m.tags:~^[yz]$").await, ["a", "b"]);
    assert_eq!(shop.find("mixins.m.tags.k:x").await, ["c"]);
}

#[tokio::test]
async fn quotes_and_sql_are_just_text() {
    let name = "Robert'); drop table segment;-- \\ % _ \"";
    let shop = shop_of(&[with(named("bobby"), json!({ "name": { "en": name } })), named("other")]).await;
    let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
    assert_eq!(shop.find(&format!("name.en:\"{quoted}\"")).await, ["bobby"]);
    assert_eq!(shop.find("name.en:~drop").await, ["bobby"]);
    shop.get("").query("q", "id:a');--").await.error(400);
    shop.get("?q=%00").await.error(400);
    shop.get("?q=%ff").await.error(400);
    let nested = format!("name:~{}a{}", "(".repeat(400), ")".repeat(400));
    let answer = shop.ask(Method::GET, "").query("q", &nested).await;
    assert!([200, 400].contains(&answer.status), "{}: {}", answer.status, answer.text);
}
