//! The floors: what the parts would do if the service cost nothing.

pub mod appending;
pub mod log;
pub mod matching;
pub mod reading;
