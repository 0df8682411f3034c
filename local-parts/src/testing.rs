//! Real parts for the tests of other crates (feature `testing`).
//!
//! Each is what the environment gives (`DATABASE_URL`, `KAFKA_BROKERS`; `parts run` sets both for a whole test run), or
//! is started once for the test process and stops with it.
//!
//! ```no_run
//! # async fn a_test() {
//! let database = local_parts::testing::database().await;
//! let Some(brokers) = local_parts::testing::kafka().await else { return };
//! # drop((database.url(), brokers));
//! # }
//! ```

use std::io::{self, Write};
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use tokio::sync::OnceCell;

use crate::{DATABASE_URL, KAFKA_BROKERS, KafkaOptions, Part, PostgresOptions, env, kafka, postgres, random};

/// Never dropped: the servers' guards stop them when the test process has ended.
static POSTGRES: OnceCell<Part> = OnceCell::const_new();
static KAFKA: OnceCell<Result<Part, String>> = OnceCell::const_new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// A database that one test has for itself.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    url: String,
}

impl TestDatabase {
    /// `postgres://…`, with rights to do anything in this database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Drops the database, also under those who are still connected. A temporary server forgets it anyway.
    pub async fn remove(self) {
        execute(server().await, &format!("drop database if exists \"{}\" with (force)", self.name)).await;
    }
}

/// A fresh, empty database.
///
/// # Panics
/// When there is no PostgreSQL and none can be started: its tests are never skipped.
pub async fn database() -> TestDatabase {
    let server = server().await;
    let run = random::hex().expect("the system has randomness");
    let name = format!("test_{}_{}", &run[..12], DATABASES.fetch_add(1, Ordering::Relaxed));
    execute(server, &format!("create database \"{name}\"")).await;
    let url = options(server).database(&name).to_url_lossy().to_string();
    TestDatabase { name, url }
}

/// The bootstrap servers of a real Kafka, shared by the tests of this process (choose names of topics and groups that
/// no other test has). `None`, and a line `skipped: …`, when there is none.
///
/// # Panics
/// When there is none and `REQUIRE_KAFKA=1` says that this is a failure.
pub async fn kafka() -> Option<String> {
    let kafka = KAFKA.get_or_init(async || match Part::given(KAFKA_BROKERS) {
        Some(given) => Ok(given),
        None => local_kafka().await.map_err(|error| error.to_string()),
    });
    match kafka.await {
        Ok(part) => Some(part.address().to_owned()),
        Err(reason) => {
            assert!(!env::kafka_is_required(), "REQUIRE_KAFKA is set, but there is no Kafka: {reason}");
            say_skipped(reason);
            None
        }
    }
}

/// Past the test harness, which hides what passing tests print.
fn say_skipped(reason: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // Where there is no standard error nobody reads it.
    let _ = writeln!(io::stderr(), "skipped: {test}: {reason}");
}

async fn server() -> &'static str {
    let part = POSTGRES.get_or_init(async || match Part::given(DATABASE_URL) {
        Some(given) => given,
        None => local_postgres().await.unwrap_or_else(|error| panic!("no PostgreSQL for the tests: {error}")),
    });
    part.await.address()
}

async fn local_postgres() -> Result<Part, postgres::Error> {
    Part::local_postgres(PostgresOptions::temporary()?).await
}

async fn local_kafka() -> Result<Part, kafka::Error> {
    Part::local_kafka(KafkaOptions::temporary()?).await
}

fn options(url: &str) -> PgConnectOptions {
    PgConnectOptions::from_str(url).expect("DATABASE_URL is a postgres URL")
}

async fn execute(server: &str, statement: &str) {
    let mut connection = PgConnection::connect_with(&options(server)).await.expect("PostgreSQL answers");
    let done = sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await;
    done.unwrap_or_else(|error| panic!("{statement}: {error}"));
    connection.close().await.expect("the connection closes");
}
