//! Why a `q` is refused. Every kind is the client's fault: 400.

use super::{parser::limits, pattern};

/// What is wrong with a query, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} (column {column})")]
pub struct Error {
    /// What is wrong.
    pub kind: ErrorKind,
    /// The character where it was noticed, counted from 1.
    pub column: usize,
}

impl Error {
    /// The machine word for `details.type`.
    pub fn detail_type(&self) -> &'static str {
        use ErrorKind::*;
        match &self.kind {
            TooLong | TooManyClauses | TooManyPatterns | FieldTooDeep => "limit",
            Pattern(pattern::Error::TooLong | pattern::Error::TooComplex) => "limit",
            _ => "syntax",
        }
    }
}

/// What can be wrong with a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ErrorKind {
    /// Longer than [`limits::BYTES`].
    #[error("a query has at most {} bytes", limits::BYTES)]
    TooLong,
    /// More than [`limits::CLAUSES`].
    #[error("a query has at most {} clauses", limits::CLAUSES)]
    TooManyClauses,
    /// More than [`limits::PATTERNS`].
    #[error("a query has at most {} regular expressions", limits::PATTERNS)]
    TooManyPatterns,
    /// A path of more than [`limits::FIELD_PARTS`].
    #[error("a field has at most {} parts", limits::FIELD_PARTS)]
    FieldTooDeep,
    /// No stored text can hold it, and Postgres takes none.
    #[error("the character U+0000 cannot be queried")]
    Nul,
    /// Something that is no field name where a clause begins.
    #[error("expected a clause, `field:value`")]
    FieldExpected,
    /// A token without `:`, such as `AND`, `OR` or the second word of an unquoted text.
    #[error("expected `:` directly after `{0}`; a value with spaces needs double quotes")]
    ColonExpected(String),
    /// Nothing after the `:`, an empty list, or a comparison without operand.
    #[error("expected a value")]
    ValueExpected,
    /// The text ends before the bracket or quote is closed.
    #[error("`{0}` is not closed")]
    Unclosed(char),
    /// A character that cannot stand there.
    #[error("unexpected `{0}`")]
    Unexpected(char),
    /// A part of the platform's language that this service does not have.
    #[error("`compoundLogicalQuery` is not supported by this service; clauses are combined with AND only")]
    CompoundQuery,
    /// A regular expression that cannot be used.
    #[error("regular expression: {0}")]
    Pattern(#[from] pattern::Error),
}
