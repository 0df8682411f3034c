//! What a pattern would cost Postgres, which builds its automaton before it looks at any text.
//!
//! The limits are measured: a pattern at any of them is compiled in a few hundredths of a second, at the worst in 0.15 s.
//! Beyond, time grows with the cube of the optional pieces and exponentially with chained conditions, up to minutes.

use regex_syntax::hir::{Hir, HirKind, Repetition};

/// How many single characters and classes a pattern may have when its repetitions are written out.
const MAX_STATES: usize = 1_000;
/// How many pieces may then be optional.
const MAX_SKIPS: usize = 150;
/// How many conditions such as `\b` or `^` may then meet at one position.
const MAX_LOOKS: usize = 6;

/// Whether a pattern is beyond the limits.
pub fn is_excessive(hir: &Hir) -> bool {
    states(hir) > MAX_STATES || skips(hir) > MAX_SKIPS || looks(hir) > MAX_LOOKS
}

fn states(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        HirKind::Class(_) => 1,
        // Counts characters: only their first bytes are not of the form 10xxxxxx.
        HirKind::Literal(literal) => literal.0.iter().filter(|byte| (**byte & 0xC0) != 0x80).count(),
        HirKind::Capture(capture) => states(&capture.sub),
        HirKind::Concat(subs) | HirKind::Alternation(subs) => sum(subs, states),
        HirKind::Repetition(repetition) => states(&repetition.sub).saturating_mul(times(repetition)),
    }
}

fn skips(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Class(_) | HirKind::Literal(_) => 0,
        HirKind::Capture(capture) => skips(&capture.sub),
        HirKind::Concat(subs) | HirKind::Alternation(subs) => sum(subs, skips),
        HirKind::Repetition(repetition) => {
            let skipped_whole = usize::from(repetition.min == 0);
            skips(&repetition.sub).saturating_mul(times(repetition)).saturating_add(skipped_whole)
        }
    }
}

/// The longest chain of conditions with nothing that must be there between them; rather too many than too few.
fn looks(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Look(_) => 1,
        HirKind::Empty | HirKind::Class(_) | HirKind::Literal(_) => 0,
        HirKind::Capture(capture) => looks(&capture.sub),
        HirKind::Alternation(subs) => sum(subs, looks),
        HirKind::Concat(subs) => {
            let (mut chain, mut longest) = (0_usize, 0);
            for sub in subs {
                let own = looks(sub);
                chain = chain.saturating_add(own);
                longest = longest.max(chain);
                if !can_be_empty(sub) {
                    chain = own;
                }
            }
            longest
        }
        HirKind::Repetition(repetition) => {
            let meeting = if can_be_empty(&repetition.sub) { times(repetition) } else { times(repetition).min(2) };
            looks(&repetition.sub).saturating_mul(meeting)
        }
    }
}

fn can_be_empty(hir: &Hir) -> bool {
    hir.properties().minimum_len() == Some(0)
}

/// How often Postgres writes out what is repeated.
fn times(repetition: &Repetition) -> usize {
    repetition.max.unwrap_or(repetition.min.saturating_add(1)).max(1) as usize
}

fn sum(subs: &[Hir], count: fn(&Hir) -> usize) -> usize {
    subs.iter().fold(0, |total, sub| total.saturating_add(count(sub)))
}
