//! What the HTTP sides of all services share: the table of operations, who may call them, and how errors look.
//!
//! A service makes a [`Router`] with one line for each operation it executes, and hands it to [`serve`]. A handler gets a
//! [`Call`], which was let in already, and answers an [`ApiResult`]. The rules of single headers and parameters have a
//! module each: [`paging`], [`past`], [`language`], [`conditional`], [`freshness`].

mod auth;
mod body;
mod call;
mod claims;
pub mod conditional;
pub mod dev_issuer;
mod error;
pub mod freshness;
pub mod health;
mod jwks;
pub mod language;
mod operation;
pub mod paging;
pub mod past;
mod path;
mod query;
mod router;
mod scope;
mod server;

pub use auth::{Auth, Expected};
pub use body::{MAX_BODY_BYTES, MAX_JSON_DEPTH};
pub use call::{Body, Call};
pub use claims::Caller;
pub use error::{ALREADY_EXISTS, ApiError, ApiResult, Details, ErrorBody, Fault, HAS_CHANGED, INVALID_BODY};
pub use jwks::{KeySource, Keys};
pub use operation::{Method, Operation, Spec};
pub use path::{PathParams, PathTemplate, match_path};
pub use query::Query;
pub use router::{MAX_HEADER_BYTES, MAX_URL_BYTES, PlainRoute, Router};
pub use scope::{Scope, Scopes};
pub use server::{ServerOptions, serve};
