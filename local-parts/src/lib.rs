//! Real PostgreSQL and real Apache Kafka on this machine, without Docker: for `segments up`, tests and benchmarks.
//!
//! Both parts follow one pattern: *claim* a data folder (two living processes never share one), *install* the server
//! once into a cache, *start* it as a child with a *guard* that stops it when this process dies, however it dies.
//! A server that outlived its starter all the same is adopted by the next start on the same folder.
//!
//! To change a server's settings see `postgres/settings.rs` and `kafka/settings.rs`.

mod account;
mod cache;
mod claim;
#[cfg(feature = "containers")]
mod containers;
mod env;
mod guard;
pub mod kafka;
mod part;
mod paths;
pub mod postgres;
mod random;
mod server;
#[cfg(feature = "testing")]
pub mod testing;

pub use env::{DATABASE_URL, KAFKA_BROKERS, kafka_is_required};
pub use kafka::{Kafka, KafkaOptions};
pub use part::Part;
pub use postgres::{Postgres, PostgresOptions};
