//! The only place of this crate that reads environment variables.

use std::path::PathBuf;

/// Address of a PostgreSQL server to use instead of starting one.
pub const DATABASE_URL: &str = "DATABASE_URL";
/// Bootstrap servers (`host:port,…`) of a Kafka to use instead of starting one.
pub const KAFKA_BROKERS: &str = "KAFKA_BROKERS";

/// Where installed servers are kept, if the user chose a place.
pub fn cache_folder() -> Option<PathBuf> {
    let chosen = || var("SEGMENTS_CACHE").map(PathBuf::from);
    let conventional = || Some(PathBuf::from(var("XDG_CACHE_HOME")?).join("segments"));
    let home = || Some(PathBuf::from(var("HOME")?).join(".cache/segments"));
    chosen().or_else(conventional).or_else(home)
}

/// The folders in which programs are looked for.
pub fn program_folders() -> Vec<PathBuf> {
    var("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

/// The Java installation the user prefers.
pub fn java_home() -> Option<PathBuf> {
    var("JAVA_HOME").map(PathBuf::from)
}

/// Whether tests that need Kafka must fail, not be skipped, where there is none (`REQUIRE_KAFKA=1`, as in CI).
pub fn kafka_is_required() -> bool {
    var("REQUIRE_KAFKA").is_some_and(|value| value != "0")
}

/// The value of a variable; an empty one counts as not set.
#[expect(clippy::disallowed_methods, reason = "the one door to the environment in this crate")]
pub fn var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
