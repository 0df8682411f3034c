//! Which events a stream shows.

use shared::{
    events::{EventType, headers},
    ids::{SegmentId, Tenant},
    log::Record,
};

/// Those of a tenant, of some types, of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Whose events.
    pub tenant: Tenant,
    /// Of these types; of all if there are none.
    pub types: Vec<EventType>,
    /// Of this segment, if one is named.
    pub segment: Option<SegmentId>,
}

impl Filter {
    /// Whether an event is shown.
    pub fn wants(&self, event: &Record) -> bool {
        let says = |name, wanted: &str| event.headers.get(name) == Some(wanted);
        says(headers::TENANT, self.tenant.as_str())
            && self.segment.as_ref().is_none_or(|segment| says(headers::SUBJECT, segment.as_str()))
            && (self.types.is_empty() || self.types.iter().any(|kind| says(headers::TYPE, kind.as_str())))
    }
}
