//! How fresh a read must be: the consistency token, and for how long the client will wait for it.

use std::time::Duration;

use super::{call::Call, error::ApiError};
use crate::consistency::{CONSISTENCY_TOKEN, Positions};

const DEFAULT_WAIT: Duration = Duration::from_secs(2);
const MAX_WAIT: Duration = Duration::from_secs(10);

/// What a read must have seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freshness {
    /// The positions of the token, if one was sent.
    pub token: Option<Positions>,
    /// How long to wait for the view: `Prefer: wait=N` in seconds, 2 by default, 10 at most.
    pub wait: Duration,
    /// `Prefer: handling=lenient`: answer from an older view rather than not at all.
    pub is_lenient: bool,
}

impl Freshness {
    /// What the headers of a request ask for.
    ///
    /// # Errors
    /// 400 for a token that nobody issued.
    pub fn of(call: &Call) -> Result<Self, ApiError> {
        let token = call.header(CONSISTENCY_TOKEN)?.map(|text| {
            text.trim()
                .parse::<Positions>()
                .map_err(|error| ApiError::invalid_parameter(CONSISTENCY_TOKEN, "syntax", error.to_string()))
        });
        let mut freshness = Self { token: token.transpose()?, wait: DEFAULT_WAIT, is_lenient: false };
        for preference in call.headers("Prefer").flat_map(|value| value.split(',')) {
            freshness.prefer(preference);
        }
        Ok(freshness)
    }

    /// RFC 7240: a preference that is not understood is not one.
    fn prefer(&mut self, preference: &str) {
        let value = preference.split(';').next().unwrap_or_default();
        let (name, value) = value.split_once('=').unwrap_or((value, ""));
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().trim_matches('"'));
        match name.as_str() {
            "wait" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.wait = value.parse().map_or(MAX_WAIT, Duration::from_secs).min(MAX_WAIT);
            }
            "handling" => self.is_lenient = value.eq_ignore_ascii_case("lenient"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_are_taken_within_their_limits_and_ignored_otherwise() {
        for (header, seconds, is_lenient) in [
            ("", 2, false),
            ("wait=3", 3, false),
            ("wait=0", 0, false),
            ("wait=60", 10, false),
            ("wait=99999999999999999999", 10, false),
            ("wait=x", 2, false),
            ("Wait = \"4\"; a=b", 4, false),
            ("handling=lenient", 2, true),
            ("handling=strict", 2, false),
            ("respond-async", 2, false),
        ] {
            let mut freshness = Freshness { token: None, wait: DEFAULT_WAIT, is_lenient: false };
            freshness.prefer(header);
            assert_eq!((freshness.wait.as_secs(), freshness.is_lenient), (seconds, is_lenient), "{header}");
        }
    }
}
