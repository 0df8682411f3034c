//! Which records of a log count: the acceptance rule for all its partitions, for commands that show what happened. They read
//! from the beginning, since only that tells what counts.

use shared::{
    Timestamp,
    events::{EventType, headers},
    ids::{SegmentId, Tenant},
    log::{Acceptance, Ignored, Offset, Partition, Record, Verdict},
};

/// The log is damaged, or a newer version wrote it. [`super::verify`] says more.
#[derive(Debug, thiserror::Error)]
#[error("partition {partition}, offset {offset}: {why}; `segments log verify` says more")]
pub struct Damaged {
    partition: Partition,
    offset: Offset,
    why: &'static str,
}

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// A fact.
    Event,
    /// A writer came or went, and all readers took note.
    Control,
    /// It does not count.
    Ignored(Ignored),
}

/// The rule for all partitions.
#[derive(Debug)]
pub struct Judge(Vec<Acceptance>);

impl Judge {
    /// Before the first record of a log.
    pub fn new(partitions: u16) -> Self {
        Self((0..partitions).map(|number| Acceptance::new(Partition::new(number), partitions)).collect())
    }

    /// Judges the next record of its partition.
    ///
    /// # Errors
    /// When nothing behind it can be judged.
    pub fn judge(&mut self, record: &Record) -> Result<Judged, Damaged> {
        let damaged = |why| Damaged { partition: record.partition, offset: record.offset, why };
        let acceptance = self.0.get_mut(record.partition.index());
        let acceptance = acceptance.ok_or_else(|| damaged("there is no such partition"))?;
        match acceptance.step(record) {
            Verdict::Accepted => Ok(Judged::Event),
            Verdict::NewWriter(_) | Verdict::NoWriter(_) => Ok(Judged::Control),
            Verdict::Ignored(why) => Ok(Judged::Ignored(why)),
            Verdict::Newer => Err(damaged("a newer version wrote this record")),
            Verdict::Corrupt => Err(damaged("the record does not fit those before it")),
        }
    }

    /// Where each partition stands.
    pub fn into_positions(self) -> Vec<Acceptance> {
        self.0
    }
}

/// The time of a record, as its writer says.
pub fn time_of(record: &Record) -> Option<Timestamp> {
    record.headers.get(headers::TIME)?.parse().ok()
}

/// Which events are wanted.
#[derive(Debug, Clone, clap::Args)]
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
    let short = |kind: &EventType| kind.as_str().trim_start_matches("customer-segment.").to_owned();
    let matches = |kind: &EventType| {
        let name = short(kind);
        text == kind.as_str() || text == name || name.strip_suffix(".v1") == Some(text)
    };
    EventType::ALL.into_iter().find(matches).ok_or_else(|| {
        let known: Vec<_> = EventType::ALL.iter().map(|kind| short(kind).trim_end_matches(".v1").to_owned()).collect();
        format!("the types are {}", known.join(", "))
    })
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
