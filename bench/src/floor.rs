//! The floors: what the parts would do if the service cost nothing.

pub mod http;
pub mod log;
