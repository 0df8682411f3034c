//! A literal of `q`: its characters, and what they can stand for when they meet a stored value of some type.

use std::fmt::{self, Write};

use chrono::{DateTime, Utc};
use serde_json::Number;

use super::instant::instant;

/// A quoted or bare literal. Quoted, it is a text or a date; bare, also a number or a boolean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar {
    /// The characters, quotes and escapes removed.
    pub text: String,
    /// Whether it stood in double quotes.
    pub quoted: bool,
}

impl Scalar {
    /// The number, if it is bare and written as in JSON.
    pub fn number(&self) -> Option<Number> {
        let starts_as_one = self.text.starts_with(|c: char| c == '-' || c.is_ascii_digit());
        (!self.quoted && starts_as_one).then(|| serde_json::from_str(&self.text).ok()).flatten()
    }

    /// The boolean, if it is a bare one.
    pub fn boolean(&self) -> Option<bool> {
        if self.quoted { None } else { self.text.parse().ok() }
    }

    /// The instant, if it is a date-time or a date.
    pub fn instant(&self) -> Option<DateTime<Utc>> {
        instant(&self.text)
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.quoted {
            return f.write_str(&self.text);
        }
        f.write_char('"')?;
        for c in self.text.chars() {
            if matches!(c, '"' | '\\') {
                f.write_char('\\')?;
            }
            f.write_char(c)?;
        }
        f.write_char('"')
    }
}
