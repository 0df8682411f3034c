//! placeholder

mod q;
