//! SQL in Postgres and the reference in memory find the same rows.

use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};
use shared::document::Segment;
use tokio::runtime::Runtime;

use super::{
    database::{self, Assignment},
    generators,
};
use crate::q::{Query, Resource, eval};

const CASES: u32 = 200;

fn found_in_memory(query: &Query, rows: &[(String, Value)]) -> Vec<String> {
    rows.iter().filter(|(_, row)| eval::holds(query, row)).map(|(id, _)| id.clone()).collect()
}

#[test]
fn segments_are_found_by_sql_as_by_the_reference() {
    let runtime = Runtime::new().expect("a runtime");
    let connection = tokio::sync::Mutex::new(runtime.block_on(database::connect()));
    let tenants = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(generators::config(CASES));
    let outcome = runner.run(&(generators::segments(), vec(generators::query(), 12)), |(segments, queries)| {
        tenants.set(tenants.get() + 1);
        let tenant = format!("tenant{}", tenants.get());
        let shown = segments.iter().map(|segment| serde_json::to_value(segment).expect("a document"));
        let rows: Vec<_> = segments.iter().map(|segment| segment.id.as_str().to_owned()).zip(shown).collect();
        runtime.block_on(async {
            let mut connection = connection.lock().await;
            database::insert_segments(&mut connection, &tenant, &segments).await;
            for query in queries {
                let found = database::find(&mut connection, &tenant, &query, "").await;
                prop_assert_eq!(found, found_in_memory(&query, &rows), "{}", query);
            }
            Ok(())
        })
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn items_are_found_by_sql_as_by_the_reference() {
    assignments_agree(Resource::Item, generators::items());
}

#[test]
fn customers_are_found_by_sql_as_by_the_reference() {
    assignments_agree(Resource::Customer, generators::customers());
}

fn assignments_agree(resource: Resource, assignments: impl Strategy<Value = Vec<Assignment>>) {
    let runtime = Runtime::new().expect("a runtime");
    let connection = tokio::sync::Mutex::new(runtime.block_on(database::connect()));
    let tenants = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(generators::config(CASES / 2));
    let outcome = runner.run(&(assignments, vec(generators::query(), 12)), |(assignments, queries)| {
        tenants.set(tenants.get() + 1);
        let tenant = format!("tenant{}", tenants.get());
        let mut rows: Vec<_> = assignments.iter().map(|row| (row.id().to_owned(), row.shown())).collect();
        // The default order; customers are all of one segment and have no type.
        rows.sort_by_key(|(id, row)| (row["segmentId"].to_string(), row["type"].to_string(), id.clone()));
        runtime.block_on(async {
            let mut connection = connection.lock().await;
            database::insert_assignments(&mut connection, &tenant, &assignments).await;
            for query in queries {
                let found = database::find_assignments(&mut connection, &tenant, resource, &query, "").await;
                prop_assert_eq!(found, found_in_memory(&query, &rows), "{}", query);
            }
            Ok(())
        })
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

/// Values in and out of arrays and objects.
fn shapes() -> Vec<Value> {
    let scalars = [
        json!(null),
        json!(""),
        json!("x"),
        json!("2"),
        json!("2024-04-17"),
        json!(2),
        json!(2.0),
        json!(true),
        json!("true"),
    ];
    let wrapped = |x: &Value| {
        [
            x.clone(),
            json!([x]),
            json!([[x]]),
            json!(["y", x]),
            json!({ "b": x }),
            json!([{ "b": x }]),
            json!([[{ "b": x }]]),
        ]
    };
    let containers = [
        json!({}),
        json!([]),
        json!([[]]),
        json!([[[]]]),
        json!([{}]),
        json!([null]),
        json!([[null]]),
        json!([[["x"]]]),
    ];
    let held = |x: &Value| [x.clone(), json!({ "b": x }), json!([{ "b": x }, { "b": 3 }])];
    scalars.iter().flat_map(wrapped).chain(containers.iter().flat_map(held)).collect()
}

fn document_with((index, shape): (usize, Value)) -> Segment {
    let segment = json!({
        "id": format!("s{index:03}"), "name": { "en": "n" }, "status": "ACTIVE", "siteCode": "main", "mixins": { "a": shape },
        "metadata": { "version": 1, "createdAt": "2024-04-17T08:00:00Z", "modifiedAt": "2024-04-17T08:00:00Z" },
    });
    serde_json::from_value(segment).expect("a document")
}

#[tokio::test]
async fn every_test_on_every_shape_of_value_agrees_with_the_reference() {
    const TESTS: &str =
        r#"missing exists x "" 2 "2" 2.0 true "true" (x,3) ~x ~^$ >1 <=2 >2024-01-01 <"2024-04-18T00:00:00+02:00" >x"#;
    let segments: Vec<Segment> = shapes().into_iter().enumerate().map(document_with).collect();
    let rows: Vec<_> = segments.iter().map(|segment| (segment.id.as_str().to_owned(), json!(segment))).collect();
    let mut connection = database::connect().await;
    database::insert_segments(&mut connection, "acme", &segments).await;
    for field in ["mixins", "mixins.a", "mixins.a.b", "mixins.a.b.c"] {
        for test in TESTS.split(' ').chain(["(>1 AND <3)", "(>2024-01-01 AND <3)"]) {
            let query = Query::parse(&format!("{field}:{test}")).expect(test);
            let found = database::find(&mut connection, "acme", &query, "").await;
            assert_eq!(found, found_in_memory(&query, &rows), "{query}");
        }
    }
}
