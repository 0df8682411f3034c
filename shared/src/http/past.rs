//! Parameters that ask for the past: `version` and `asOf`. Which operations know them, and that they need another scope, says
//! [`Operation::scopes`](super::Operation::scopes).

use super::{error::ApiError, query::Query};
use crate::Timestamp;

/// Asks for a version of a document, from 1.
pub const VERSION: &str = "version";
/// Asks how things were at an instant.
pub const AS_OF: &str = "asOf";

/// A point in the past of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A version, of the document's present or last life.
    Version(u64),
    /// An instant; what happened then is a part of it.
    AsOf(Timestamp),
}

impl Moment {
    /// The point that a request asks for, if it asks for one.
    ///
    /// # Errors
    /// 400 for what is neither a version nor an instant, and for both at once.
    pub fn of(query: &Query) -> Result<Option<Self>, ApiError> {
        match (query.get_number(VERSION, u64::MAX)?, query.get_instant(AS_OF)?) {
            (Some(_), Some(_)) => {
                Err(ApiError::invalid_parameter(AS_OF, "combination", "version and asOf exclude one another"))
            }
            (Some(version), None) => Ok(Some(Self::Version(version))),
            (None, Some(instant)) => Ok(Some(Self::AsOf(instant))),
            (None, None) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_version_or_an_instant() {
        let noon = "2024-04-17T12:00:00Z".parse().expect("an instant");
        for (query, expected) in [
            ("", Some(None)),
            ("version=7", Some(Some(Moment::Version(7)))),
            ("asOf=2024-04-17T12:00:00Z", Some(Some(Moment::AsOf(noon)))),
            ("version=7&asOf=2024-04-17T12:00:00Z", None),
            ("version=0", None),
            ("version=-1", None),
            ("version=", None),
            ("version=1&version=2", None),
            ("asOf=noon", None),
            ("asOf=", None),
        ] {
            assert_eq!(Moment::of(&Query::parse(query).expect("good")).ok(), expected, "{query}");
        }
    }
}
