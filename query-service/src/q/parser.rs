//! Text to [`Query`], by hand, one function per rule of the grammar. The parser never recurses: the grammar is flat.

mod cursor;
mod extent;

pub use cursor::is_ident;
use cursor::{Cursor, is_space};
use extent::Unclosed;

use super::{
    Error, ErrorKind, Query,
    ast::{Clause, Comparison, Op, Path, Test},
    pattern::Pattern,
    scalar::Scalar,
};

/// What a query may at most have. Lists have no limit of their own: they fill a query of [`BYTES`](limits::BYTES) at most.
pub mod limits {
    /// Bytes of UTF-8.
    pub const BYTES: usize = 32 * 1024;
    /// Clauses.
    pub const CLAUSES: usize = 2_000;
    /// Regular expressions. Each is two to Postgres, which keeps 32 compiled ones per connection.
    pub const PATTERNS: usize = 10;
    /// Words of a field.
    pub const FIELD_PARTS: usize = 32;
}

/// Parses a whole query.
pub fn parse(text: &str) -> Result<Query, Error> {
    let mut parser = Cursor::new(text);
    if text.len() > limits::BYTES {
        return Err(parser.error(ErrorKind::TooLong));
    }
    if let Some(at) = text.find('\0') {
        return Err(parser.error_at(at, ErrorKind::Nul));
    }
    parser.query()
}

impl Cursor<'_> {
    fn query(&mut self) -> Result<Query, Error> {
        let mut clauses = Vec::new();
        let mut patterns = 0;
        self.skip_space();
        while self.peek().is_some() {
            let start = self.at;
            let clause = self.clause()?;
            patterns += usize::from(matches!(clause.test, Test::Matches(_)));
            clauses.push(clause);
            if clauses.len() > limits::CLAUSES {
                return Err(self.error_at(start, ErrorKind::TooManyClauses));
            }
            if patterns > limits::PATTERNS {
                return Err(self.error_at(start, ErrorKind::TooManyPatterns));
            }
            self.end_of_clause()?;
        }
        Ok(Query { clauses })
    }

    fn clause(&mut self) -> Result<Clause, Error> {
        let start = self.at;
        let field = self.field()?;
        if !self.eat(':') {
            let token = self.text[start..].split(is_space).next().unwrap_or_default();
            return Err(self.error(ErrorKind::ColonExpected(token.chars().take(40).collect())));
        }
        if field.0[0] == "compoundLogicalQuery" {
            return Err(self.error_at(start, ErrorKind::CompoundQuery));
        }
        Ok(Clause { field, test: self.value()? })
    }

    fn field(&mut self) -> Result<Path, Error> {
        let start = self.at;
        let written = self.take_while(|c| is_ident(c) || c == '.');
        let parts: Vec<String> = written.split('.').map(str::to_owned).collect();
        if parts.iter().any(String::is_empty) {
            return Err(self.error_at(start, ErrorKind::FieldExpected));
        }
        if parts.len() > limits::FIELD_PARTS {
            return Err(self.error_at(start, ErrorKind::FieldTooDeep));
        }
        Ok(Path(parts))
    }

    fn value(&mut self) -> Result<Test, Error> {
        match self.peek() {
            Some('~') => {
                self.advance();
                self.pattern(None)
            }
            Some('<' | '>') => Ok(Test::Within(vec![self.comparison()?])),
            Some('(') => self.parenthesized(),
            Some('"') => Ok(Test::AnyOf(vec![self.scalar()?])),
            _ => self.bare_value(),
        }
    }

    fn bare_value(&mut self) -> Result<Test, Error> {
        let scalar = self.scalar()?;
        match (scalar.text.as_str(), self.peek()) {
            ("in", Some('(')) => {
                self.advance();
                self.list()
            }
            ("null" | "missing", _) => Ok(Test::Missing),
            ("exists", _) => Ok(Test::Exists),
            _ => Ok(Test::AnyOf(vec![scalar])),
        }
    }

    fn parenthesized(&mut self) -> Result<Test, Error> {
        let opening = self.at;
        self.advance();
        self.skip_space();
        match self.peek() {
            Some('~') => {
                self.advance();
                let test = self.pattern(Some(opening))?;
                self.advance();
                Ok(test)
            }
            Some('<' | '>') => self.range(),
            _ => self.list(),
        }
    }

    /// From its first sign to the closing parenthesis.
    fn range(&mut self) -> Result<Test, Error> {
        let mut bounds = vec![self.comparison()?];
        let spaced = self.skip_space();
        if spaced && self.text[self.at..].starts_with("AND") {
            self.at += "AND".len();
            if !self.skip_space() {
                return Err(self.unexpected());
            }
            bounds.push(self.comparison()?);
            self.skip_space();
        }
        self.close()?;
        Ok(Test::Within(bounds))
    }

    /// From its first element to the closing parenthesis.
    fn list(&mut self) -> Result<Test, Error> {
        let mut scalars = Vec::new();
        loop {
            self.skip_space();
            scalars.push(self.scalar()?);
            self.skip_space();
            if !self.eat(',') {
                self.close()?;
                return Ok(Test::AnyOf(scalars));
            }
        }
    }

    fn comparison(&mut self) -> Result<Comparison, Error> {
        let op = match (self.eat('<'), self.eat('>')) {
            (true, false) if self.eat('=') => Op::AtMost,
            (true, false) => Op::Less,
            (false, true) if self.eat('=') => Op::AtLeast,
            (false, true) => Op::Greater,
            _ => return Err(self.unexpected()),
        };
        self.skip_space();
        Ok(Comparison { op, bound: self.scalar()? })
    }

    fn scalar(&mut self) -> Result<Scalar, Error> {
        if self.peek() == Some('"') {
            return self.quoted();
        }
        let text = self.take_while(|c| !is_space(c) && !matches!(c, '"' | '(' | ')' | ','));
        if text.is_empty() {
            return Err(self.error(ErrorKind::ValueExpected));
        }
        Ok(Scalar { text: text.to_owned(), quoted: false })
    }

    fn quoted(&mut self) -> Result<Scalar, Error> {
        let opening = self.at;
        self.advance();
        let mut text = String::new();
        loop {
            match self.advance() {
                Some('"') => return Ok(Scalar { text, quoted: true }),
                Some('\\') => text.extend(self.advance()),
                Some(c) => text.push(c),
                None => return Err(self.error_at(opening, ErrorKind::Unclosed('"'))),
            }
        }
    }

    /// What follows a `~`. `opening` is where the parenthesis stands that encloses the whole; its partner is left unread.
    fn pattern(&mut self, opening: Option<usize>) -> Result<Test, Error> {
        let start = self.at;
        let length = extent::of_pattern(&self.text[start..], opening.is_some()).map_err(|unclosed| match unclosed {
            Unclosed::Inside { offset, bracket } => self.error_at(start + offset, ErrorKind::Unclosed(bracket)),
            Unclosed::Whole => self.error_at(opening.unwrap_or(start), ErrorKind::Unclosed('(')),
        })?;
        if length == 0 {
            return Err(self.error(ErrorKind::ValueExpected));
        }
        self.at += length;
        let source = &self.text[start..self.at];
        Pattern::parse(source).map(Test::Matches).map_err(|refused| self.error_at(start, refused.into()))
    }

    fn end_of_clause(&mut self) -> Result<(), Error> {
        let spaced = self.skip_space();
        match self.peek() {
            Some(c) if !spaced => Err(self.error(ErrorKind::Unexpected(c))),
            _ => Ok(()),
        }
    }
}
