//! The command service from outside.

mod architecture;
