//! The harness of the black-box tests: runs the real processes and speaks HTTP to them.
//!
//! A test opens a [`Shop`], a tenant of its own on the stack of this run, and asks it things:
//!
//! ```no_run
//! # async fn a_test() {
//! let shop = e2e::Shop::open().await;
//! shop.create(e2e::samples::golden()).await;
//! shop.get("/g1").by(e2e::Caller::Reader).await.expect(200);
//! # }
//! ```
//!
//! A new way to run the services: a variant of [`stack::Kind`] and a module below `stack`.

mod answer;
pub mod browser;
mod caller;
mod process;
pub mod python;
mod relay;
mod request;
pub mod samples;
mod shop;
pub mod stack;
mod tokens;

pub use answer::Answer;
pub use caller::Caller;
pub use process::{Process, data_folder};
pub use relay::Relay;
pub use request::Request;
pub use shop::Shop;
pub use tokens::{Signer, now};
