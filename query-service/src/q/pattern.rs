//! Regular expressions of `q`: written in the dialect of the `regex` crate, run by Postgres.

mod translate;

use regex_syntax::{ParserBuilder, hir::Hir};

/// The longest pattern, in characters.
const MAX_CHARS: usize = 1_000;
/// How deep groups may nest.
const MAX_NESTING: u32 = 50;

/// A checked regular expression and its translations. Only whether there is a match is ever asked.
#[derive(Debug, Clone)]
pub struct Pattern {
    source: String,
    exact: String,
    candidates: String,
}

/// Why a regular expression is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Longer than [`MAX_CHARS`].
    #[error("it has more than {MAX_CHARS} characters")]
    TooLong,
    /// Not in the dialect.
    #[error("{0}")]
    Invalid(String),
    /// Postgres would have to build too large an automaton.
    #[error("it is too large when its repetitions are written out")]
    TooComplex,
    /// The dialect has it, Postgres does not.
    #[error("{0} cannot be searched for")]
    Unsupported(&'static str),
}

impl Pattern {
    /// Checks and translates a pattern: case-sensitive and unanchored unless it says otherwise itself.
    pub fn parse(source: &str) -> Result<Self, Error> {
        if source.chars().count() > MAX_CHARS {
            return Err(Error::TooLong);
        }
        let hir = parse(source)?;
        Ok(Self { source: source.to_owned(), exact: translate::exact(&hir)?, candidates: translate::candidates(&hir)? })
    }

    /// As written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The Postgres regular expression that matches the same texts.
    pub fn exact(&self) -> &str {
        &self.exact
    }

    /// One that matches a text if any part of it matches, where parts are separated by line ends: `exact` without
    /// conditions on what surrounds a match.
    pub fn candidates(&self) -> &str {
        &self.candidates
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

fn parse(source: &str) -> Result<Hir, Error> {
    ParserBuilder::new().nest_limit(MAX_NESTING).build().parse(source).map_err(|error| {
        let (reason, at) = match &error {
            regex_syntax::Error::Parse(error) => (error.kind().to_string(), error.span().start.offset),
            regex_syntax::Error::Translate(error) => (error.kind().to_string(), error.span().start.offset),
            _ => return Error::Invalid(error.to_string()),
        };
        let character = source[..at].chars().count() + 1;
        Error::Invalid(format!("{reason}, at its character {character}"))
    })
}
