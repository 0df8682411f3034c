//! Which events are wanted: those of a tenant, of a segment, of some types.

use clap::Args;
use shared::{
    events::{EventType, headers},
    ids::{SegmentId, Tenant},
    log::Record,
};

/// Which events are wanted.
#[derive(Debug, Clone, Args)]
pub struct FilterArgs {
    /// Only this tenant's.
    #[arg(long, value_parser = Tenant::parse)]
    pub tenant: Option<Tenant>,
    /// Only of this type, such as `segment-created`; several with commas.
    #[arg(long = "type", value_name = "TYPE", value_parser = event_type, value_delimiter = ',')]
    pub types: Vec<EventType>,
    /// Only of this segment.
    #[arg(long, value_parser = SegmentId::parse)]
    pub segment: Option<SegmentId>,
}

impl FilterArgs {
    /// Whether it is wanted; asked of events only.
    pub fn wants(&self, record: &Record) -> bool {
        let says = |name, wanted: Option<&str>| wanted.is_none_or(|wanted| record.headers.get(name) == Some(wanted));
        says(headers::TENANT, self.tenant.as_ref().map(Tenant::as_str))
            && says(headers::SUBJECT, self.segment.as_ref().map(SegmentId::as_str))
            && (self.types.is_empty() || self.types.iter().any(|kind| says(headers::TYPE, Some(kind.as_str()))))
    }
}

/// A type by its name, with or without what is the same in all of them.
fn event_type(text: &str) -> Result<EventType, String> {
    EventType::named(text)
        .ok_or_else(|| format!("the types are {}", EventType::ALL.map(EventType::short_name).join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_known_by_its_short_and_its_full_name() {
        for text in ["segment-created", "segment-created.v1", "customer-segment.segment-created.v1"] {
            assert_eq!(event_type(text), Ok(EventType::SegmentCreated), "{text}");
        }
        for text in ["", "created", "segment-created.v2", "writer-started"] {
            assert!(event_type(text).is_err(), "{text}");
        }
    }
}
