//! From the parsed form of a regular expression to Postgres' advanced regular expressions (ARE).
//!
//! What is generated uses only what means the same under every locale and flag: characters, bracket lists of code points,
//! non-capturing groups, greedy repetitions, and look-around. Classes, case folding and flags are already resolved in the
//! parsed form; laziness and captures do not change whether there is a match.

mod class;
mod cost;
mod look;

use std::fmt::Write;

use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

use super::Error;

/// The largest count in braces that Postgres takes.
const MAX_COUNT: u32 = 255;
/// The longest translation, in bytes. A class such as `\w` takes some thousand.
const MAX_BYTES: usize = 256 * 1024;

/// The expression that matches the same texts.
pub fn exact(hir: &Hir) -> Result<String, Error> {
    translate(hir, true)
}

/// The same without look-around, which therefore matches more.
pub fn candidates(hir: &Hir) -> Result<String, Error> {
    translate(hir, false)
}

fn translate(hir: &Hir, with_looks: bool) -> Result<String, Error> {
    if cost::is_excessive(hir) {
        return Err(Error::TooComplex);
    }
    let mut translation = Translation { out: String::new(), with_looks };
    translation.push(hir)?;
    Ok(translation.out)
}

struct Translation {
    out: String,
    with_looks: bool,
}

impl Translation {
    fn push(&mut self, hir: &Hir) -> Result<(), Error> {
        if self.out.len() > MAX_BYTES {
            return Err(Error::TooComplex);
        }
        match hir.kind() {
            HirKind::Empty => self.out.push_str("(?:)"),
            HirKind::Literal(literal) => {
                let text =
                    std::str::from_utf8(&literal.0).map_err(|_| Error::Unsupported("bytes that are not UTF-8"))?;
                text.chars().for_each(|c| class::push_char(&mut self.out, c));
            }
            HirKind::Class(Class::Unicode(class)) => {
                class::push(&mut self.out, class.iter().map(|range| (range.start(), range.end())));
            }
            HirKind::Class(Class::Bytes(class)) => {
                let ranges = class.iter().map(|range| (char::from(range.start()), char::from(range.end())));
                class::push(&mut self.out, ranges);
            }
            HirKind::Look(look) if self.with_looks => look::push(&mut self.out, *look),
            HirKind::Look(_) => self.out.push_str("(?:)"),
            HirKind::Repetition(repetition) => self.push_repetition(repetition)?,
            HirKind::Capture(capture) => self.push(&capture.sub)?,
            HirKind::Concat(subs) => subs.iter().try_for_each(|sub| self.push(sub))?,
            HirKind::Alternation(subs) => self.push_alternation(subs)?,
        }
        Ok(())
    }

    fn push_alternation(&mut self, subs: &[Hir]) -> Result<(), Error> {
        for (index, sub) in subs.iter().enumerate() {
            self.out.push_str(if index == 0 { "(?:" } else { "|" });
            self.push(sub)?;
        }
        self.out.push(')');
        Ok(())
    }

    fn push_repetition(&mut self, repetition: &Repetition) -> Result<(), Error> {
        let Repetition { min, max, .. } = *repetition;
        let mut operand = Translation { out: "(?:".to_owned(), with_looks: self.with_looks };
        operand.push(&repetition.sub)?;
        operand.out.push(')');
        match max {
            Some(max) if max <= MAX_COUNT => self.push_counted(&operand.out, &format!("{{{min},{max}}}")),
            Some(max) => {
                self.push_chunks(&operand.out, min, |count| format!("{{{count}}}"))?;
                self.push_chunks(&operand.out, max - min, |count| format!("{{0,{count}}}"))?;
            }
            None if min <= 1 => self.push_counted(&operand.out, if min == 0 { "*" } else { "+" }),
            None => {
                self.push_chunks(&operand.out, min, |count| format!("{{{count}}}"))?;
                self.push_counted(&operand.out, "*");
            }
        }
        Ok(())
    }

    /// `count` repetitions, in portions that Postgres takes.
    fn push_chunks(&mut self, operand: &str, count: u32, quantifier: impl Fn(u32) -> String) -> Result<(), Error> {
        let mut rest = count;
        while rest > 0 {
            let portion = rest.min(MAX_COUNT);
            self.push_counted(operand, &quantifier(portion));
            rest -= portion;
            if self.out.len() > MAX_BYTES {
                return Err(Error::TooComplex);
            }
        }
        Ok(())
    }

    fn push_counted(&mut self, operand: &str, quantifier: &str) {
        // Writing to a string cannot fail.
        let _ = write!(self.out, "{operand}{quantifier}");
    }
}
