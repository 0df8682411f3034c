//! The query side: projects events into views and answers reads.
//!
//! [`projector`] writes the views, [`views`] reads them, [`q`] is the language of filters, [`http`] the API. [`progress`] says
//! how far the views are, so that a read can wait for a write. [`index`] answers matches from memory, [`feed`] sends
//! events as they come, [`state`] keeps a topic of how segments are now. [`service`] puts it all together, for each version
//! of the views that there is.

mod anchor;
pub mod config;
pub mod feed;
pub mod http;
pub mod index;
pub mod present;
pub mod progress;
pub mod projector;
pub mod q;
pub mod rebuild;
pub mod service;
pub mod state;
pub mod verify;
pub mod views;
