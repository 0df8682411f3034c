//! What is wrong with a body or a header, in the words of the API's `details`.

use std::fmt;

/// The kind of a fault; [`FaultKind::as_str`] is the machine word in `details.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// A member is missing.
    Required,
    /// A value of another JSON type is wanted.
    Type,
    /// The value is not one of the words allowed.
    Enum,
    /// The value is out of its range.
    Range,
    /// The text does not have the form wanted.
    Syntax,
    /// A size or number exceeds its limit.
    Limit,
    /// The word means something else to the API.
    Reserved,
    /// The target of a patch operation is not there, or must not be touched.
    Path,
}

impl FaultKind {
    /// The machine word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Type => "type",
            Self::Enum => "enum",
            Self::Range => "range",
            Self::Syntax => "syntax",
            Self::Limit => "limit",
            Self::Reserved => "reserved",
            Self::Path => "path",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that is wrong. The first one found is reported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct Fault {
    /// The JSON path of the value (`validity.from`, `[3].path`; empty for the whole body), or a header's name.
    pub field: String,
    /// The kind.
    pub kind: FaultKind,
    /// For people.
    pub message: String,
}

impl Fault {
    /// Puts the parts together.
    pub fn new(field: impl Into<String>, kind: FaultKind, message: impl Into<String>) -> Self {
        Self { field: field.into(), kind, message: message.into() }
    }

    pub(super) fn required(field: impl Into<String>) -> Self {
        Self::new(field, FaultKind::Required, "the member is required")
    }

    pub(super) fn wrong_type(field: impl Into<String>, wanted: &str) -> Self {
        Self::new(field, FaultKind::Type, format!("{wanted} is wanted"))
    }
}
