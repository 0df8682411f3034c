//! What the tests of other crates use.

use local_parts::testing;
use sqlx::{Connection, PgConnection};

use crate::support::{ask, execute, listens};

#[tokio::test]
async fn every_test_gets_a_database_of_its_own() {
    let (one, other) = tokio::join!(testing::database(), testing::database());
    execute(one.url(), "create table things as select 'mine' as word").await;
    assert_eq!(ask(one.url(), "select word from things").await, "mine");
    assert_eq!(ask(other.url(), "select (to_regclass('things') is null)::text").await, "true");

    let url = one.url().to_owned();
    one.remove().await;
    assert!(PgConnection::connect(&url).await.is_err(), "a removed database is gone");
    other.remove().await;
}

#[tokio::test]
async fn the_tests_of_a_process_share_one_kafka() {
    let Some(brokers) = testing::kafka().await else { return };
    assert!(listens(&brokers));
    assert_eq!(testing::kafka().await, Some(brokers));
}
