//! The segment document, as events carry it and as the API returns it.
//!
//! Absent members are left out, never `null`. The rules of the members are the command side's (`domain`); here they are
//! only shaped. Members stand in the order of their names, as they are written.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Timestamp, ids::SegmentId};

/// A text in several languages: language tag to text.
pub type Localized = BTreeMap<String, String>;

/// Free-form members by name.
pub type Mixins = Map<String, Value>;

/// Whether the segment is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// Visible to its customers and considered by match.
    Active,
    /// Neither; what a segment is when its status is not given.
    #[default]
    Inactive,
}

impl Status {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Inactive => "INACTIVE",
        }
    }
}

/// How the assignment of a customer came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum AssignmentType {
    /// By a request of this API.
    Manual,
    /// By a rule; nothing makes these yet.
    Automatic,
}

impl AssignmentType {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "MANUAL",
            Self::Automatic => "AUTOMATIC",
        }
    }
}

/// When the segment is valid; either bound may stand alone, and `from` is not after `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Validity {
    /// The first instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// The last instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
}

/// What the service keeps about a document, and the schema URLs of its mixins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// When the document was created.
    pub created_at: Timestamp,
    /// Mixin name to schema URL, stored verbatim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mixins: Option<Mixins>,
    /// When the document was last changed.
    pub modified_at: Timestamp,
    /// 1 when created, one more with every accepted change.
    pub version: u64,
}

/// A segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Segment {
    /// Optional.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Localized>,
    /// Unique within the tenant.
    pub id: SegmentId,
    /// Kept by the service.
    pub metadata: Metadata,
    /// Optional.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mixins: Option<Mixins>,
    /// At least one entry.
    pub name: Localized,
    /// The site that the segment belongs to; not blank.
    pub site_code: String,
    /// `INACTIVE` unless given.
    pub status: Status,
    /// Optional.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validity: Option<Validity>,
}
