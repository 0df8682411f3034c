//! The command side: takes writes, decides them one after the other, and appends what happened to the log.
//!
//! Dependencies point one way: `http` calls the writer, the writer asks [`domain`].

pub mod config;
pub mod domain;
pub mod http;
pub mod service;
pub mod writer;
