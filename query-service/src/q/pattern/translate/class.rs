//! Characters and sets of characters, written for Postgres.

use std::{fmt::Write, sync::LazyLock};

use regex_syntax::hir::{Class, HirKind};

type Range = (char, char);

/// The first character that a text in Postgres can hold.
const FIRST: char = '\u{1}';

/// An expression that no text matches.
const NOTHING: &str = "(?!)";

/// The bracket list for `\w`.
pub static UNICODE_WORD: LazyLock<String> = LazyLock::new(|| {
    let mut out = String::new();
    let hir = regex_syntax::parse(r"\w").ok();
    if let Some(HirKind::Class(Class::Unicode(class))) = hir.as_ref().map(|hir| hir.kind()) {
        push(&mut out, class.iter().map(|range| (range.start(), range.end())));
    }
    out
});

/// Writes one character outside of brackets.
pub fn push_char(out: &mut String, c: char) {
    match c {
        '\0' => out.push_str(NOTHING),
        c if c.is_ascii_punctuation() => out.extend(['\\', c]),
        c => push_plain(out, c),
    }
}

/// Writes the set of all characters in `ranges`, which are sorted and apart.
pub fn push(out: &mut String, ranges: impl Iterator<Item = Range>) {
    let listed: Vec<Range> =
        ranges.filter(|(_, last)| *last >= FIRST).map(|(first, last)| (first.max(FIRST), last)).collect();
    let others = complement(&listed);
    match (listed.as_slice(), others.as_slice()) {
        ([], _) => out.push_str(NOTHING),
        (_, []) => out.push('.'),
        ([(first, last)], _) if first == last => push_char(out, *first),
        _ if others.len() < listed.len() => push_list(out, "[^", &others),
        _ => push_list(out, "[", &listed),
    }
}

fn complement(ranges: &[Range]) -> Vec<Range> {
    let mut others = Vec::new();
    let mut next = Some(FIRST);
    for (first, last) in ranges {
        if let Some(start) = next
            && start < *first
        {
            others.extend(predecessor(*first).map(|end| (start, end)));
        }
        next = successor(*last);
    }
    others.extend(next.map(|start| (start, char::MAX)));
    others
}

fn predecessor(c: char) -> Option<char> {
    if c == '\u{E000}' { Some('\u{D7FF}') } else { char::from_u32(u32::from(c) - 1) }
}

fn successor(c: char) -> Option<char> {
    if c == '\u{D7FF}' { Some('\u{E000}') } else { char::from_u32(u32::from(c) + 1) }
}

fn push_list(out: &mut String, opening: &str, ranges: &[Range]) {
    out.push_str(opening);
    for (first, last) in ranges {
        push_plain(out, *first);
        if first != last {
            out.push('-');
            push_plain(out, *last);
        }
    }
    out.push(']');
}

/// Letters, digits and what is not ASCII as it is, everything else by its code: right inside and outside of brackets.
fn push_plain(out: &mut String, c: char) {
    if c.is_ascii_alphanumeric() || c == ' ' || c >= '\u{A0}' {
        out.push(c);
    } else {
        // Writing to a string cannot fail.
        let _ = write!(out, "\\u{:04x}", u32::from(c));
    }
}
