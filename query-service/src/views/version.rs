//! Versions of the views: each lies in a schema of its own, `v1`, `v2`, …

use std::{fmt, str::FromStr};

/// Which tables and columns this program writes and reads: the last migration after which everything is projected anew.
/// Versions of another layout belong to other programs, and are left alone.
pub const LAYOUT: i16 = 6;

/// A version of the views.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(i16);

/// The text names no version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a version of the views is `v` and a number from 1 to {}", i16::MAX)]
pub struct InvalidVersion;

impl Version {
    /// The first there ever is.
    pub const FIRST: Self = Self(1);

    /// Its number.
    pub fn number(self) -> i16 {
        self.0
    }
}

/// Also the name of its schema.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

impl TryFrom<i16> for Version {
    type Error = InvalidVersion;

    fn try_from(number: i16) -> Result<Self, InvalidVersion> {
        if number > 0 { Ok(Self(number)) } else { Err(InvalidVersion) }
    }
}

impl FromStr for Version {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, InvalidVersion> {
        let digits = text.strip_prefix('v').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let number: Option<i16> = digits.and_then(|digits| digits.parse().ok());
        number.ok_or(InvalidVersion).and_then(Self::try_from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_named_as_its_schema() {
        for good in ["v1", "v2", "v32767"] {
            assert_eq!(good.parse::<Version>().map(|version| version.to_string()).as_deref(), Ok(good));
        }
        for bad in ["", "v", "1", "v0", "v-1", "v+1", "v32768", "V1", "v1;", "v 1"] {
            assert_eq!(bad.parse::<Version>(), Err(InvalidVersion), "{bad}");
        }
    }
}
