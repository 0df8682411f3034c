//! What a record says about matches. Only these members are read, and nothing is copied: the whole log passes here at every
//! start.

use std::borrow::Cow;

use serde::Deserialize;
use shared::{
    document::{Status, Validity},
    events::{EventType, Unreadable, headers},
    ids::ItemType,
    log,
    reference::{self, Change, Kind},
};

use super::tree::Rank;

/// What happened to one tenant.
#[derive(Debug)]
pub enum Fact<'r> {
    /// A segment is now so.
    Segment(Document<'r>),
    /// A segment is gone, with all that it held.
    SegmentGone(Gone<'r>),
    /// An item is assigned.
    Assigned(Item<'r>),
    /// An item is no longer assigned.
    Unassigned(Item<'r>),
    /// What another system tells of categories, and where.
    Reference(Change, Rank),
}

/// What counts of a segment.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Document<'r> {
    /// The segment.
    #[serde(borrow)]
    pub id: Cow<'r, str>,
    /// Its site.
    #[serde(borrow)]
    pub site_code: Cow<'r, str>,
    /// Whether it is in use.
    pub status: Status,
    /// When it is valid.
    #[serde(default)]
    pub validity: Option<Validity>,
}

/// An item and its segment.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Item<'r> {
    /// The segment.
    #[serde(borrow)]
    pub segment_id: Cow<'r, str>,
    /// Product or category.
    pub item_type: ItemType,
    /// The item.
    #[serde(borrow)]
    pub item_id: Cow<'r, str>,
}

/// The segment that was deleted.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Gone<'r> {
    /// The segment.
    #[serde(borrow)]
    pub segment_id: Cow<'r, str>,
}

#[derive(Deserialize)]
struct Holder<'r> {
    #[serde(borrow)]
    segment: Document<'r>,
}

/// What an event says that counts, and of which tenant; customers say nothing.
///
/// # Errors
/// When it cannot be read. A newer version may have written it.
pub fn of_event(record: &log::Record) -> Result<Option<(&str, Fact<'_>)>, Unreadable> {
    let header = |name| record.headers.get(name).ok_or(Unreadable::Header(name));
    let (tenant, kind) = (header(headers::TENANT)?, header(headers::TYPE)?);
    let kind = EventType::parse(kind).ok_or_else(|| Unreadable::Type(kind.to_owned()))?;
    let value = &*record.value;
    let fact = match kind {
        EventType::SegmentCreated | EventType::SegmentReplaced | EventType::SegmentPatched => {
            Fact::Segment(serde_json::from_slice::<Holder<'_>>(value)?.segment)
        }
        EventType::SegmentDeleted => Fact::SegmentGone(serde_json::from_slice(value)?),
        EventType::ItemAssigned => Fact::Assigned(serde_json::from_slice(value)?),
        EventType::ItemUnassigned => Fact::Unassigned(serde_json::from_slice(value)?),
        EventType::CustomerAssigned | EventType::CustomerUnassigned => return Ok(None),
    };
    Ok(Some((tenant, fact)))
}

/// What a record of reference data says that counts: names do not, nor does what cannot be understood.
pub fn of_reference(record: &reference::Record) -> Option<(&str, Fact<'_>)> {
    let mut key = record.key.as_deref()?.split('/');
    let tenant = key.next()?;
    if !matches!(key.next().and_then(Kind::parse)?, Kind::Category | Kind::ProductCategory) {
        return None;
    }
    let change = record.open().ok()?;
    Some((tenant, Fact::Reference(change, Rank { offset: record.offset, partition: record.partition })))
}
