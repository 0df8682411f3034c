//! The three logs and those of reference data: contracts that they keep, and what is particular to each.

mod broker;
#[macro_use]
mod contract;
mod kafka;
mod kafka_state;
mod local;
mod local_child;
mod local_sync;
mod memory;
mod records;
mod reference;
mod schemas;
