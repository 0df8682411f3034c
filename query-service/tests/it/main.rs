//! Tests of the query service against a real PostgreSQL. Events are written to a log in memory, as the command side writes
//! them; what the views then hold and answer is compared.

mod api;
mod batches;
mod customers;
mod feed;
mod fresh;
mod history;
mod index;
mod items;
mod matching;
mod own;
mod past;
mod plans;
mod projecting;
mod querying;
mod reading;
mod reference;
mod shadow;
mod spread;
mod story;
mod support;
mod tenants;
mod trees;
mod versions;
