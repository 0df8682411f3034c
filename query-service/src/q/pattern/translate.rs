//! From the parsed form of a regular expression to Postgres' advanced regular expressions (ARE).
//!
//! What is generated uses only what means the same under every locale and flag: characters, bracket lists of code points,
//! non-capturing groups, greedy repetitions, and look-around. Classes, case folding and flags are already resolved in the
//! parsed form; laziness and captures do not change whether there is a match.

mod class;
mod look;

use std::fmt::Write;

use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

use super::Error;

/// The largest count in braces that Postgres takes.
const MAX_COUNT: u32 = 255;
/// How many single characters and classes a pattern may have when its repetitions are written out.
const MAX_STATES: usize = 1_000;
/// How many pieces may then be optional.
const MAX_SKIPS: usize = 150;
/// A condition is written as two alternatives of two.
const LOOK_SKIPS: usize = 4;
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
    let size = Size::of(hir);
    if size.states > MAX_STATES || size.skips > MAX_SKIPS {
        return Err(Error::TooComplex);
    }
    let mut translation = Translation { out: String::new(), with_looks };
    translation.push(hir)?;
    Ok(translation.out)
}

/// What a pattern costs Postgres when its repetitions are written out.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    /// Single characters and classes.
    states: usize,
    /// Pieces that can be passed over; a row of them costs the cube of its length.
    skips: usize,
}

impl Size {
    fn of(hir: &Hir) -> Self {
        match hir.kind() {
            HirKind::Empty => Self { states: 0, skips: 1 },
            HirKind::Look(_) => Self { states: 0, skips: LOOK_SKIPS },
            HirKind::Class(_) => Self { states: 1, skips: 0 },
            // Counts characters: only their first bytes are not of the form 10xxxxxx.
            HirKind::Literal(literal) => {
                Self { states: literal.0.iter().filter(|byte| (**byte & 0xC0) != 0x80).count(), skips: 0 }
            }
            HirKind::Capture(capture) => Self::of(&capture.sub),
            HirKind::Concat(subs) | HirKind::Alternation(subs) => subs.iter().map(Self::of).fold(Self::default(), Self::plus),
            HirKind::Repetition(Repetition { min, max, sub, .. }) => {
                let times = max.unwrap_or(min.saturating_add(1)).max(1) as usize;
                let Self { states, skips } = Self::of(sub);
                let skipped_whole = usize::from(*min == 0);
                Self { states: states.saturating_mul(times), skips: skips.saturating_mul(times).saturating_add(skipped_whole) }
            }
        }
    }

    fn plus(self, other: Self) -> Self {
        Self { states: self.states.saturating_add(other.states), skips: self.skips.saturating_add(other.skips) }
    }
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
