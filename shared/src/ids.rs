//! Identifiers. Each has private content and one door, `parse`, which serde uses too.
//!
//! A new identifier: add a struct with [`text_id!`] and the rule that its `parse` checks.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::parsed;

/// The longest identifier, in characters.
pub const MAX_ID_CHARS: usize = 255;

/// Path words of the API, which therefore cannot be segment ids.
pub const RESERVED_SEGMENT_IDS: [&str; 5] = ["bulk", "search", "match", "items", "me"];

/// Why a text is no identifier of that kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// A tenant is a lower-case letter followed by lower-case letters and digits, 3 to 16 characters in all.
    #[error("a tenant has 3 to 16 lower-case letters and digits and starts with a letter")]
    Tenant,
    /// The id is empty or longer than [`MAX_ID_CHARS`].
    #[error("an id has 1 to 255 characters")]
    Length,
    /// The id holds a control character or a slash.
    #[error("an id has no control characters and no '/'")]
    Character,
    /// The id is a path word of the API.
    #[error("the id is a reserved word")]
    Reserved,
    /// The item type is neither `PRODUCT` nor `CATEGORY`.
    #[error("the type is PRODUCT or CATEGORY")]
    ItemType,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the text.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                let check: fn(&str) -> Result<(), InvalidId> = $check;
                check(text).map(|()| Self(text.into()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().to_owned()
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                parsed(deserializer, "an id")
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

text_id!(
    /// The owner of a set of segments: `^[a-z][a-z0-9]+$`, 3 to 16 characters.
    Tenant,
    |text| {
        let starts = text.starts_with(|c: char| c.is_ascii_lowercase());
        let rest = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if starts && rest && (3..=16).contains(&text.len()) { Ok(()) } else { Err(InvalidId::Tenant) }
    }
);

text_id!(
    /// The id of a segment: 1 to 255 characters, case-sensitive, no control characters, no `/`, not a reserved word.
    SegmentId,
    |text| {
        if RESERVED_SEGMENT_IDS.contains(&text) {
            return Err(InvalidId::Reserved);
        }
        free_text(text)
    }
);

text_id!(
    /// The id of a product or category, owned by another system: 1 to 255 characters, no control characters, no `/`.
    ItemId,
    free_text
);

text_id!(
    /// The id of a customer, owned by another system: 1 to 255 characters, no control characters, no `/`.
    CustomerId,
    free_text
);

text_id!(
    /// The id of a legal entity that customers act for, owned by another system: 1 to 255 characters, no control
    /// characters, no `/`.
    LegalEntityId,
    free_text
);

fn free_text(text: &str) -> Result<(), InvalidId> {
    // Nearly all are plain, which is told a byte at a time.
    let is_plain = text.bytes().fold(true, |is_plain, byte| is_plain & (b' '..0x7f).contains(&byte) & (byte != b'/'));
    if is_plain && (1..=MAX_ID_CHARS).contains(&text.len()) {
        return Ok(());
    }
    let chars = text.chars().take(MAX_ID_CHARS + 1).count();
    if chars == 0 || chars > MAX_ID_CHARS {
        return Err(InvalidId::Length);
    }
    if text.chars().any(|c| c.is_control() || c == '/') {
        return Err(InvalidId::Character);
    }
    Ok(())
}

/// What kind of thing is assigned to a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ItemType {
    /// A product.
    Product,
    /// A category of products.
    Category,
}

impl ItemType {
    /// Accepts exactly `PRODUCT` and `CATEGORY`.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        match text {
            "PRODUCT" => Ok(Self::Product),
            "CATEGORY" => Ok(Self::Category),
            _ => Err(InvalidId::ItemType),
        }
    }

    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Product => "PRODUCT",
            Self::Category => "CATEGORY",
        }
    }
}

impl fmt::Display for ItemType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A product or a category, as the target of an assignment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ItemRef {
    /// Product or category.
    pub kind: ItemType,
    /// The id in the system that owns the item.
    pub id: ItemId,
}

/// A customer, for itself or for a legal entity, as the target of an assignment. For itself and for each legal entity these
/// are different targets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CustomerRef {
    /// The id in the system that owns the customer.
    pub id: CustomerId,
    /// The legal entity that the customer acts for (B2B); none where the customer acts for itself (B2C).
    pub legal_entity: Option<LegalEntityId>,
}

/// Names one segment of one tenant; everything about it lies in one partition of the log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SegmentKey {
    /// The owner.
    pub tenant: Tenant,
    /// The segment.
    pub id: SegmentId,
}

impl SegmentKey {
    /// Puts the two parts together.
    pub fn new(tenant: Tenant, id: SegmentId) -> Self {
        Self { tenant, id }
    }
}

impl fmt::Display for SegmentKey {
    /// `tenant/segmentId`: the record key and the CloudEvents `partitionkey`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_are_short_lower_case_words() {
        for good in ["acme", "abc", "a1b2", "abcdefghijklmnop"] {
            assert!(Tenant::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "ab", "AC", "a-b", "1abc", "abcdefghijklmnopq", "acmé"] {
            assert_eq!(Tenant::parse(bad), Err(InvalidId::Tenant), "{bad}");
        }
    }

    #[test]
    fn segment_ids_are_free_text_without_slash_control_or_reserved_words() {
        for good in ["g1", "VIP", "a b", "ü", ".", "null", &"x".repeat(255), &"ü".repeat(255)] {
            assert!(SegmentId::parse(good).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("", InvalidId::Length),
            (&*"x".repeat(256), InvalidId::Length),
            ("a/b", InvalidId::Character),
            ("a\nb", InvalidId::Character),
            ("a\u{0}b", InvalidId::Character),
            ("bulk", InvalidId::Reserved),
            ("me", InvalidId::Reserved),
        ] {
            assert_eq!(SegmentId::parse(bad), Err(why), "{bad}");
        }
    }
}
