//! A parsed query, and how it is written out again.

use std::fmt::{self, Display};

use super::{Error, parser, pattern::Pattern, scalar::Scalar};

/// A filter: every clause must hold. The default one has no clauses and lets everything through.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Query {
    pub(super) clauses: Vec<Clause>,
}

impl Query {
    /// Parses a percent-decoded `q`. Blank is no filter.
    pub fn parse(text: &str) -> Result<Self, Error> {
        parser::parse(text)
    }

    /// Whether nothing is filtered.
    pub fn is_empty(&self) -> bool {
        self.clauses.is_empty()
    }
}

/// One condition on one field.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Clause {
    pub field: Path,
    pub test: Test,
}

/// A field as written: the words between the dots, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path(pub Vec<String>);

/// What is asked of the values of a field.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    /// Absent, `null`, `{}` or `[]`.
    Missing,
    /// The complement of missing.
    Exists,
    /// Equal to one of these.
    AnyOf(Vec<Scalar>),
    /// Within all of these bounds; one or two.
    Within(Vec<Comparison>),
    /// A text in which the pattern is found.
    Matches(Pattern),
}

/// One bound.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Comparison {
    pub op: Op,
    pub bound: Scalar,
}

/// How a value stands to a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Op {
    /// The sign, the same in `q` and in SQL.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        }
    }
}

impl Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_separated(f, &self.clauses, " ")
    }
}

impl Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.field.0.join("."), self.test)
    }
}

impl Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("missing"),
            Self::Exists => f.write_str("exists"),
            Self::AnyOf(scalars) => {
                f.write_str("(")?;
                write_separated(f, scalars, ",")?;
                f.write_str(")")
            }
            Self::Within(bounds) => {
                f.write_str("(")?;
                write_separated(f, bounds, " AND ")?;
                f.write_str(")")
            }
            Self::Matches(pattern) => write!(f, "(~{})", pattern.source()),
        }
    }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.op.sign(), self.bound)
    }
}

fn write_separated(f: &mut fmt::Formatter<'_>, items: &[impl Display], separator: &str) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        item.fmt(f)?;
    }
    Ok(())
}
