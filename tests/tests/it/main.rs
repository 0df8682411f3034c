//! The contract of the API, case by case, asked of the running services over HTTP.
//!
//! The name of a test contains the number of its case: `c01_…` is case C01. A test without a number is about a rule of the
//! contract that has no case of its own. A new case: a function in the module of its group.

mod assignments;
mod auth;
mod bulk;
mod categories;
mod conditional;
mod consistency;
mod consumer;
mod create;
mod customers_read;
mod customers_write;
mod delete;
mod dev_issuer;
mod docs;
mod feed;
mod history;
mod idempotency;
mod imports;
mod limits;
mod listing;
mod log_copy;
mod matching;
mod operations;
mod own;
mod patch;
#[cfg(target_os = "linux")]
mod priority;
mod put;
mod q;
mod reading;
mod rebuild;
mod routing;
mod state;
mod stream;
mod views;
