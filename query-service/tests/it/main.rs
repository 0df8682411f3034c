//! Tests of the query service against a real PostgreSQL. Events are written to a log in memory, as the command side writes
//! them; what the views then hold and answer is compared.

mod projecting;
mod story;
mod support;
