//! The parts, started for real: they answer, survive what may happen to them, and leave nothing behind.
//!
//! The cases about Kafka are skipped (and say so) where Java or Maven is missing, unless `REQUIRE_KAFKA=1`.

mod adoption;
mod kafka;
mod parts;
mod postgres;
mod support;
mod testing;
