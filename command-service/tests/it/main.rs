//! The command service from outside.

mod architecture;
mod samples;
