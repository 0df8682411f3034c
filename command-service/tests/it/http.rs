//! Writes through HTTP, over real sockets, on the log in memory.

mod bulk;
mod conditions;
mod customers;
mod hanging_disk;
mod idempotency;
mod items;
mod reference;
mod segments;
mod service;
