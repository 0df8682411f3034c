//! SQL in Postgres and the reference in memory find the same rows.

use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::{database, generators};
use crate::q::{Query, eval};

const CASES: u32 = 200;

fn found_in_memory(query: &Query, rows: &[(String, Value)]) -> Vec<String> {
    rows.iter().filter(|(_, row)| eval::holds(query, row)).map(|(id, _)| id.clone()).collect()
}

#[test]
fn segments_are_found_by_sql_as_by_the_reference() {
    let runtime = Runtime::new().expect("a runtime");
    let connection = tokio::sync::Mutex::new(runtime.block_on(database::connect()));
    let tenants = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(CASES));
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
    let runtime = Runtime::new().expect("a runtime");
    let connection = tokio::sync::Mutex::new(runtime.block_on(database::connect()));
    let tenants = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(CASES / 2));
    let outcome = runner.run(&(generators::items(), vec(generators::query(), 12)), |(items, queries)| {
        tenants.set(tenants.get() + 1);
        let tenant = format!("tenant{}", tenants.get());
        let mut rows: Vec<_> = items.iter().map(|item| (item.item_id.clone(), item.shown())).collect();
        rows.sort_by_key(|(id, row)| (row["segmentId"].to_string(), row["type"].to_string(), id.clone()));
        runtime.block_on(async {
            let mut connection = connection.lock().await;
            database::insert_items(&mut connection, &tenant, &items).await;
            for query in queries {
                let found = database::find_items(&mut connection, &tenant, &query).await;
                prop_assert_eq!(found, found_in_memory(&query, &rows), "{}", query);
            }
            Ok(())
        })
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
