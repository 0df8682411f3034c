//! The cases that the published language names, and the sizes that it promises.

use serde_json::{Value, json};
use shared::document::Segment;

use super::database;
use crate::q::Query;

fn segment(id: &str, more: Value) -> Segment {
    let mut document = json!({
        "id": id, "name": { "en": "Golden Segment", "de": "Goldenes Segment" }, "status": "ACTIVE", "siteCode": "main",
        "metadata": { "version": 1, "createdAt": "2024-04-17T08:00:00.000Z", "modifiedAt": "2024-04-17T08:00:00.000Z" },
    });
    let (Value::Object(all), Value::Object(more)) = (&mut document, more) else { panic!("objects") };
    all.extend(more);
    serde_json::from_value(document).expect("a document")
}

fn segments() -> Vec<Segment> {
    let metadata = |version: u32| json!({ "version": version, "createdAt": "2024-04-17T08:00:00.000Z", "modifiedAt": "2025-01-01T00:00:00.000Z" });
    vec![
        segment("g1", json!({ "description": { "en": "Golden" }, "validity": { "from": "2024-04-17T08:00:00.000Z" } })),
        segment("g2", json!({ "name": { "de": "Silber" }, "status": "INACTIVE", "siteCode": "de", "description": {} })),
        segment(
            "g3",
            json!({ "mixins": { "m": { "flag": true, "n": 20, "code": "null", "tags": ["a", "b"] } }, "metadata": metadata(2) }),
        ),
        segment(
            "g4",
            json!({ "mixins": { "m": { "flag": "true", "n": "20", "code": null, "lines": [{ "sku": "x" }, { "sku": "y" }] }, "e": {} } }),
        ),
        segment(
            "g5",
            json!({ "name": { "en": "a\0b" }, "mixins": { "n\0": "\0", "m": { "n": 20.0 } }, "metadata": metadata(3) }),
        ),
    ]
}

#[tokio::test]
async fn the_examples_find_what_the_language_says() {
    let cases = [
        ("", "g1 g2 g3 g4 g5"),
        ("status:ACTIVE siteCode:main id:(g1, g2)", "g1"),
        ("id:G1", ""),
        ("_id:in(\"g1\",g3)", "g1 g3"),
        ("name.en:\"Golden Segment\"", "g1 g3 g4"),
        ("name.EN:\"Golden Segment\"", "g1 g3 g4"),
        ("name.en:Golden", ""),
        ("name.en:~lden", "g1 g3 g4"),
        ("name.en:~^Gold", "g1 g3 g4"),
        ("name.en:(~Golden Seg)", "g1 g3 g4"),
        ("name.en:~(Golden Seg)", "g1 g3 g4"),
        ("name.en:~goldenes", ""),
        ("name:~(?i)SILBER", "g2"),
        ("name:~^a.b$", "g5"),
        ("name:Silber", "g2"),
        ("description:null", "g2 g3 g4 g5"),
        ("description.de:missing", "g1 g2 g3 g4 g5"),
        ("description:exists", "g1"),
        ("validity:exists", "g1"),
        ("validity.from:\"2024-04-17T10:00:00+02:00\"", "g1"),
        ("validity.to:missing validity.from:<2025-01-01", "g1"),
        ("metadata.version:>1", "g3 g5"),
        ("metadata.version:(>=1 AND <=2)", "g1 g2 g3 g4"),
        ("metadataModifiedAt:(>=\"2020-01-01T00:00:00Z\" AND <\"2025-01-01T01:00:00+02:00\")", "g1 g2 g4"),
        ("mixins.m.flag:true", "g3 g4"),
        ("mixins.m.flag:\"true\"", "g4"),
        ("mixins.m.n:20", "g3 g4 g5"),
        ("mixins.m.n:20.0", "g3 g5"),
        ("mixins.m.n:\"20\"", "g4"),
        ("mixins.m.n:(>19 AND <=20)", "g3 g5"),
        ("mixins.m.code:\"null\"", "g3"),
        ("mixins.m.code:null", "g1 g2 g4 g5"),
        ("mixins.m.tags:b", "g3"),
        ("mixins.m.lines.sku:(y,z)", "g4"),
        ("mixins.m.lines.sku:~^x$", "g4"),
        ("mixins.e:exists", ""),
        ("mixins:exists", "g3 g4 g5"),
        ("unknown:x", ""),
        ("unknown:missing", "g1 g2 g3 g4 g5"),
    ];
    let mut connection = database::connect().await;
    database::insert_segments(&mut connection, "acme", &segments()).await;
    database::insert_segments(&mut connection, "other", &segments()).await;
    for (text, expected) in cases {
        let query = Query::parse(text).expect(text);
        assert_eq!(database::find(&mut connection, "acme", &query, "").await.join(" "), expected, "{text}");
    }
}

/// Few strings are looked for one by one; of many, or long ones, every document is a candidate.
#[tokio::test]
async fn strings_in_metadata_are_found_however_many_and_long_they_are() {
    let schema = |number: usize| match number {
        300 => "x".repeat(5_000) + "/schema-300",
        301 => "says \"hello\" \\ to all".to_owned(),
        _ => format!("https://schemas.example/schema-{number}.json"),
    };
    let metadata = |number| {
        let at = "2024-04-17T08:00:00.000Z";
        json!({ "version": 1, "createdAt": at, "modifiedAt": at, "mixins": { "crm": schema(number), "other": ["a", "b"] } })
    };
    let segments: Vec<Segment> =
        (0..302).map(|number| segment(&format!("s{number:03}"), json!({ "metadata": metadata(number) }))).collect();
    let mut connection = database::connect().await;
    database::insert_segments(&mut connection, "acme", &segments).await;
    database::become_reader(&mut connection, "acme").await;
    let long_path = format!("metadata.mixins.{}", "x".repeat(10_000));
    for (text, expected) in [
        ("metadata.mixins.crm:~schema-7.json$", 1),
        ("metadata.mixins.crm:~schema-1...json", 100),
        ("metadata.mixins.crm:~schema", 301),
        ("metadata.mixins.crm:~schema-300", 1),
        ("metadata.mixins.crm:(~hello. . to)", 1),
        ("metadata.mixins.other:~^b$", 302),
        ("metadata.mixins.other:~schema", 0),
        ("metadata.mixins.crm:~nothing", 0),
        (&format!("{long_path}:~schema"), 0),
    ] {
        let query = Query::parse(text).expect(text);
        let found = database::find(&mut connection, "acme", &query, "").await;
        assert_eq!(found.len(), expected, "{}", &text[..text.len().min(60)]);
    }
}

#[tokio::test]
async fn queries_as_large_as_allowed_are_answered() {
    let list = |field: &str, element: &str, count: usize| format!("{field}:({})", vec![element; count].join(","));
    let cases = [
        list("id", "g1", 10_000),
        list("mixins.m.n", "20", 10_000),
        list("name.en", "\"Golden Segment\"", 1_700),
        list("name", "\"Golden Segment\"", 1_700),
        list("metadata.version", "1", 10_000),
        list("validity.from", "2024-04-17", 2_500),
        (0..1_900).map(|n| format!("unknown{n}:null")).collect::<Vec<_>>().join(" "),
        (0..900).map(|n| format!("mixins.m.n:<{n}")).collect::<Vec<_>>().join(" "),
        (0..900).map(|n| format!("name.x{n}:a{n}")).collect::<Vec<_>>().join(" "),
        format!("mixins.m.{}:({})", "x".repeat(16_000), vec!["1"; 5_000].join(",")),
        format!("mixins.{}:1", ["a"; 31].join(".")),
    ];
    let mut connection = database::connect().await;
    database::insert_segments(&mut connection, "acme", &segments()).await;
    for text in cases {
        assert!(text.len() <= 32 * 1024, "{}", &text[..40]);
        let query = Query::parse(&text).expect("a query within the limits");
        let started = std::time::Instant::now();
        database::find(&mut connection, "acme", &query, "").await;
        assert!(started.elapsed().as_secs() < 5, "{:?} for {}", started.elapsed(), &text[..40]);
    }
}
