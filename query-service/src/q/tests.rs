//! The laws of `q`: what is parsed prints the same, SQL means what the reference means, Postgres finds what `regex` finds,
//! and every filter that should has an index.

mod agreement;
mod database;
mod examples;
mod generators;
mod grammar;
mod ordering;
mod patterns;
mod plans;
