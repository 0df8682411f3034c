//! Where the parser stands in the text, and its smallest steps.

use crate::q::{Error, ErrorKind};

/// A position in a text.
pub struct Cursor<'a> {
    pub text: &'a str,
    /// The byte that is read next.
    pub at: usize,
}

/// What separates clauses.
pub fn is_space(c: char) -> bool {
    c.is_ascii_whitespace()
}

/// What a word of a field is made of.
pub fn is_ident(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

impl<'a> Cursor<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    pub fn advance(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    pub fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.advance();
        }
        found
    }

    /// Takes the closing parenthesis.
    pub fn close(&mut self) -> Result<(), Error> {
        if self.eat(')') { Ok(()) } else { Err(self.unexpected()) }
    }

    pub fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'a str {
        let rest = &self.text[self.at..];
        let taken = rest.find(|c| !keep(c)).map_or(rest, |end| &rest[..end]);
        self.at += taken.len();
        taken
    }

    /// Whether there was any.
    pub fn skip_space(&mut self) -> bool {
        !self.take_while(is_space).is_empty()
    }

    /// The error of something else than what had to come, at the latest a closing parenthesis.
    pub fn unexpected(&self) -> Error {
        self.error(self.peek().map_or(ErrorKind::Unclosed('('), ErrorKind::Unexpected))
    }

    pub fn error(&self, kind: ErrorKind) -> Error {
        self.error_at(self.at, kind)
    }

    pub fn error_at(&self, at: usize, kind: ErrorKind) -> Error {
        Error { kind, column: self.text[..at].chars().count() + 1 }
    }
}
