//! The command side: takes writes, decides them one after the other, and appends what happened to the log.
//!
//! Dependencies point one way: `http` calls the writer, the writer asks [`domain`]. Nothing is decided about [`reference`] data,
//! so it goes straight to a log of its own.

pub mod audit;
pub mod config;
pub mod domain;
pub mod fold;
pub mod http;
pub mod reference;
pub mod service;
pub mod writer;
