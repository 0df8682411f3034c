//! Conditions on what surrounds a position, written for Postgres.

use regex_syntax::hir::Look;

use super::class::UNICODE_WORD;

const ASCII_WORD: &str = "[0-9A-Z_a-z]";

/// Writes the condition. Postgres' own word boundaries follow its locale, so words are spelled out.
pub fn push(out: &mut String, look: Look) {
    match look {
        Look::Start => out.push('^'),
        Look::End => out.push('$'),
        Look::StartLF => out.push_str(r"(?:^|(?<=\u000a))"),
        Look::EndLF => out.push_str(r"(?:$|(?=\u000a))"),
        Look::StartCRLF => out.push_str(r"(?:^|(?<=\u000a)|(?<=\u000d)(?!\u000a))"),
        Look::EndCRLF => out.push_str(r"(?:$|(?=\u000d)|(?<!\u000d)(?=\u000a))"),
        Look::WordAscii => push_boundary(out, ASCII_WORD),
        Look::WordUnicode => push_boundary(out, &UNICODE_WORD),
        Look::WordAsciiNegate => push_no_boundary(out, ASCII_WORD),
        Look::WordUnicodeNegate => push_no_boundary(out, &UNICODE_WORD),
        Look::WordStartAscii => push_all(out, &["(?<!", ASCII_WORD, ")(?=", ASCII_WORD, ")"]),
        Look::WordStartUnicode => push_all(out, &["(?<!", &UNICODE_WORD, ")(?=", &UNICODE_WORD, ")"]),
        Look::WordEndAscii => push_all(out, &["(?<=", ASCII_WORD, ")(?!", ASCII_WORD, ")"]),
        Look::WordEndUnicode => push_all(out, &["(?<=", &UNICODE_WORD, ")(?!", &UNICODE_WORD, ")"]),
        Look::WordStartHalfAscii => push_all(out, &["(?<!", ASCII_WORD, ")"]),
        Look::WordStartHalfUnicode => push_all(out, &["(?<!", &UNICODE_WORD, ")"]),
        Look::WordEndHalfAscii => push_all(out, &["(?!", ASCII_WORD, ")"]),
        Look::WordEndHalfUnicode => push_all(out, &["(?!", &UNICODE_WORD, ")"]),
    }
}

fn push_boundary(out: &mut String, word: &str) {
    push_all(out, &["(?:(?<=", word, ")(?!", word, ")|(?<!", word, ")(?=", word, "))"]);
}

fn push_no_boundary(out: &mut String, word: &str) {
    push_all(out, &["(?:(?<=", word, ")(?=", word, ")|(?<!", word, ")(?!", word, "))"]);
}

fn push_all(out: &mut String, parts: &[&str]) {
    out.extend(parts.iter().copied());
}
