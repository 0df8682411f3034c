//! A place in the log as the id of an event: opaque to clients, and enough to go on from without loss or repetition.
//!
//! `e1.`, for each partition the offset behind the last event that counts and was passed (0: none was), joined by `-`, a `.`, and
//! 16 hexadecimal digits of a hash over the chains of these events. The hash tells a place in this log from one in another.

use std::{fmt, str::FromStr};

use shared::log::{Acceptance, Chain, Offset};

const PREFIX: &str = "e1.";

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// For each partition the last event that was passed.
    pub(super) passed: Vec<Option<Offset>>,
    digest: u64,
}

/// The text is no id that this program makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the id of an event")]
pub struct InvalidCursor;

impl Cursor {
    /// Behind these events of all partitions, after which the rule stands so.
    pub(super) fn new<'a>(places: impl IntoIterator<Item = (Option<Offset>, &'a Acceptance)>) -> Self {
        let (passed, chains): (Vec<_>, Vec<_>) =
            places.into_iter().map(|(passed, acceptance)| (passed, acceptance.chain)).unzip();
        Self { passed, digest: digest(&chains) }
    }

    /// How many partitions it speaks of.
    pub fn partitions(&self) -> usize {
        self.passed.len()
    }
}

fn digest(chains: &[Chain]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for chain in chains {
        hasher.update(chain.as_bytes());
    }
    let [a, b, c, d, e, f, g, h, ..] = *hasher.finalize().as_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        for (place, passed) in self.passed.iter().enumerate() {
            let joint = if place == 0 { "" } else { "-" };
            write!(f, "{joint}{}", passed.map_or(0, |offset| offset + 1))?;
        }
        write!(f, ".{:016x}", self.digest)
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let (places, digest) = text.strip_prefix(PREFIX).and_then(|rest| rest.split_once('.')).ok_or(InvalidCursor)?;
        let offset = |text: &str| {
            let next =
                text.parse::<Offset>().ok().filter(|next| *next >= 0 && text.bytes().all(|b| b.is_ascii_digit()));
            next.map(|next| next.checked_sub(1).filter(|offset| *offset >= 0)).ok_or(InvalidCursor)
        };
        let passed = places.split('-').map(offset).collect::<Result<_, _>>()?;
        let digest = Some(digest).filter(|digits| digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let digest = digest.and_then(|digits| u64::from_str_radix(digits, 16).ok()).ok_or(InvalidCursor)?;
        Ok(Self { passed, digest })
    }
}

#[cfg(test)]
mod tests {
    use shared::log::Partition;

    use super::*;

    #[test]
    fn an_id_is_read_back_as_written_and_anything_else_is_refused() {
        let fresh = Acceptance::new(Partition::new(0), 3);
        let places = [Some(0), None, Some(Offset::MAX - 1)];
        let cursor = Cursor::new(places.map(|passed| (passed, &fresh)));
        assert_eq!(cursor.to_string().parse(), Ok(cursor.clone()));
        assert!(cursor.to_string().starts_with("e1.1-0-9223372036854775807."), "{cursor}");
        for bad in [
            "",
            "e1.",
            "e1..0123456789abcdef",
            "e1.1",
            "e2.1.0123456789abcdef",
            "e1.1.0123456789abcde",
            "e1.1.0123456789abcdefa",
            "e1.1.+123456789abcdef",
            "e1.+1.0123456789abcdef",
            "e1.-1.0123456789abcdef",
            "e1.1-.0123456789abcdef",
            "e1.9223372036854775808.0123456789abcdef",
            "s1.W1swLDFdXQ",
        ] {
            assert_eq!(bad.parse::<Cursor>(), Err(InvalidCursor), "{bad}");
        }
    }

    #[test]
    fn the_same_places_in_another_log_are_another_id() {
        let fresh = Acceptance::new(Partition::new(0), 1);
        let other = Acceptance { chain: Chain::from_bytes([1; 32]), ..fresh.clone() };
        let [here, there] = [&fresh, &other].map(|state| Cursor::new([(Some(5), state)]));
        assert_ne!(here, there);
    }
}
