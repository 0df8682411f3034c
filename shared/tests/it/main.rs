//! The three logs: one contract that they all keep, and what is particular to each.

#[macro_use]
mod contract;
mod kafka;
mod kafka_broker;
mod local;
mod local_child;
mod local_sync;
mod memory;
mod records;
mod schemas;
