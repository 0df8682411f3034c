//! The command service from outside.

mod architecture;
mod http;
mod program;
mod samples;
