//! Orders of segments and assignments.

use serde_json::json;
use shared::document::Segment;

use super::database::{self, Assignment, Target};
use crate::q::{
    Query, Resource,
    sort::{Error, Sort},
};

fn segments() -> Vec<Segment> {
    let rows = [
        ("a", json!({ "en": "Zebra" }), json!({ "m": { "n": 10 } }), json!({ "from": "2024-01-01T00:00:00.000Z" })),
        ("b", json!({ "en": "apple", "de": "Z" }), json!({ "m": { "n": "text" } }), json!({})),
        ("c", json!({ "de": "Ä" }), json!({ "m": { "n": [9, 11] } }), json!({ "from": "2023-01-01T00:00:00.000Z" })),
        ("d", json!({ "en": "Apple", "DE": "A" }), json!({ "m": { "n": true } }), json!({})),
        ("e", json!({ "en": "Apple" }), json!({ "m": { "n": {} } }), json!({ "from": "2024-01-01T00:00:00.000Z" })),
    ];
    let document = |(id, name, mixins, validity)| {
        let metadata =
            json!({ "version": 1, "createdAt": "2024-04-17T08:00:00.000Z", "modifiedAt": "2024-04-17T08:00:00.000Z" });
        let document = json!({
            "id": id, "name": name, "mixins": mixins, "validity": validity, "status": "ACTIVE", "siteCode": "main", "metadata": metadata,
        });
        serde_json::from_value(document).expect("a document")
    };
    rows.into_iter().map(document).collect()
}

#[tokio::test]
async fn missing_values_come_first_ascending_and_last_descending() {
    let cases = [
        ("", "abcde"),
        ("id:DESC", "edcba"),
        ("name.en:ASC", "cdeab"),
        ("name.en:desc", "badec"),
        ("name", "cdeab"),
        ("name.de", "aedbc"),
        ("validity.from", "bdcae"),
        ("validity.from:DESC", "aecbd"),
        ("mixins.m.n", "edcab"),
        ("mixins.m.n:Desc", "bacde"),
        ("status , validity.from:desc, id:desc", "eacdb"),
        ("metadata.version,metadataCreatedAt:DESC,siteCode,description.en,metadata.unknown,validity", "abcde"),
    ];
    let mut connection = database::connect().await;
    database::insert_segments(&mut connection, "acme", &segments()).await;
    for (sort, expected) in cases {
        assert_eq!(database::find(&mut connection, "acme", &Query::default(), sort).await.join(""), expected, "{sort}");
    }
}

#[tokio::test]
async fn customers_without_legal_entity_come_first_ascending_and_last_descending() {
    let names = [("a", "le2"), ("b", ""), ("c", "le1"), ("d", "")];
    let rows = names.into_iter().zip(segments()).map(|((id, entity), segment)| Assignment {
        target: Target::Customer(id.to_owned(), entity.to_owned()),
        segment,
    });
    let mut connection = database::connect().await;
    database::insert_assignments(&mut connection, "acme", &rows.collect::<Vec<_>>()).await;
    for (sort, expected) in [
        ("", "abcd"),
        ("legalEntity.id", "bdca"),
        ("legalEntity.id:desc", "acbd"),
        ("customer.id:desc", "dcba"),
        ("assignmentType,customer.lastName:desc,legalEntity,metadata.version", "abcd"),
    ] {
        let found =
            database::find_assignments(&mut connection, "acme", Resource::Customer, &Query::default(), sort).await;
        assert_eq!(found.join(""), expected, "{sort}");
    }
}

#[test]
fn a_sort_that_cannot_be_followed_is_refused() {
    let unknown = |field: &str| Error::UnknownField(field.to_owned());
    let cases = [
        ("bogus", Resource::Segment, unknown("bogus")),
        ("name,bogus.en:asc", Resource::Segment, unknown("bogus")),
        ("id", Resource::Item, unknown("id")),
        ("segmentId", Resource::Customer, unknown("segmentId")),
        ("name:up", Resource::Segment, Error::UnknownDirection("up".to_owned())),
        ("name:asc:desc", Resource::Segment, Error::UnknownDirection("asc:desc".to_owned())),
        ("name,", Resource::Segment, Error::FieldExpected(String::new())),
        (":asc", Resource::Segment, Error::FieldExpected(String::new())),
        ("na me", Resource::Segment, Error::FieldExpected("na me".to_owned())),
        (&["id"; 21].join(","), Resource::Segment, Error::TooManyKeys),
    ];
    for (text, resource, expected) in cases {
        assert_eq!(Sort::parse(text, resource, "en"), Err(expected), "{text}");
    }
}
