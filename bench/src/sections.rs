//! What is measured, in which order.

pub mod assigning;
pub mod embedded;
pub mod kafka;
pub mod log;
pub mod matching;
pub mod reads;
pub mod rebuild;
pub mod startup;

mod creating;
