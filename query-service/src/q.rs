//! The query language `q`, sorting, projection of members, and how they become SQL.
//!
//! ```text
//! query      = [ws] [ clause { ws clause } ] [ws] ;              (* clauses are ANDed *)
//! clause     = field ":" value ;                                 (* no space around the first ":" *)
//! field      = ident { "." ident } ;
//! ident      = 1*( ALPHA | DIGIT | "_" | "-" ) ;
//! value      = keyword | comparison | range | list | regex | scalar ;
//! keyword    = "null" | "exists" | "missing" ;                   (* lower case, unquoted only *)
//! comparison = cmpop [ws] scalar ;
//! cmpop      = ">=" | "<=" | ">" | "<" ;
//! range      = "(" [ws] comparison [ ws "AND" ws comparison ] [ws] ")" ;
//! list       = [ "in" ] "(" [ws] scalar { [ws] "," [ws] scalar } [ws] ")" ;
//! regex      = "~" pattern | "(" [ws] "~" spaced ")" ;
//! pattern    = 1*( any char but ws, except inside a balanced () [] group or after a backslash ) ;
//! spaced     = text with balanced parentheses, spaces allowed ;
//! scalar     = quoted | bare ;
//! quoted     = DQUOTE { char-except-DQUOTE-or-backslash | "\" any } DQUOTE ;
//! bare       = 1*( any char except ws, DQUOTE, "(", ")", "," ) ;
//! ```
//!
//! A text travels [`parser`] → [`ast`] → [`sql`]; [`field`] says what a path means and [`columns`] what a document puts
//! into the columns that are asked. The grammar is flat, so no nesting has to be limited but that of regular expressions.
//! `eval` is the meaning in memory, for tests: random queries on random documents must agree with Postgres.
//!
//! A new queryable field: add it to [`field::resolve`], and to [`sort`] if it can be sorted by; the tests of the plans
//! then want an index for it.

mod ast;
pub mod columns;
mod error;
mod field;
pub mod fields;
mod instant;
mod parser;
mod pattern;
mod scalar;
pub mod sort;
pub mod sql;

#[cfg(test)]
mod eval;
#[cfg(test)]
mod tests;

pub use ast::Query;
pub use error::{Error, ErrorKind};
pub use field::Resource;
