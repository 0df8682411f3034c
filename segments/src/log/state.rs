//! `segments log state`: a segment as it was.

use clap::Args;
use serde::Serialize;
use shared::{
    Timestamp,
    document::Segment,
    ids::{SegmentId, SegmentKey, Tenant},
    log::{Offset, partition_of},
};

use super::{
    moment::Moment,
    output::{OutputArgs, tell},
    past::{Subject, replay},
    source::{Source, SourceArgs},
};

/// Which segment, and when.
#[derive(Debug, Args)]
pub struct StateArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// The owner of the segment.
    #[arg(long, default_value = "acme", value_parser = Tenant::parse)]
    tenant: Tenant,
    /// The segment.
    #[arg(long, value_parser = SegmentId::parse)]
    segment: SegmentId,
    /// A time, or an offset; what happened then is a part of the answer.
    #[arg(long, value_name = "TIME|OFFSET")]
    at: Moment,
    #[command(flatten)]
    output: OutputArgs,
}

/// What is told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct State {
    tenant: Tenant,
    segment_id: SegmentId,
    at: String,
    partition: u16,
    /// Whether the segment existed.
    exists: bool,
    /// The version of the document, and the document.
    version: Option<u64>,
    segment: Option<Segment>,
    /// How many items and customers were assigned.
    items: usize,
    customers: usize,
    /// The last event of the segment until then, if there was one.
    last_event: Option<LastEvent>,
}

#[derive(Debug, Serialize)]
struct LastEvent {
    offset: Offset,
    time: Timestamp,
    #[serde(rename = "type")]
    kind: &'static str,
    actor: String,
}

/// Tells how the segment was.
pub async fn run(args: StateArgs) -> anyhow::Result<()> {
    let source = Source::open(&args.source).await?;
    let key = SegmentKey::new(args.tenant.clone(), args.segment.clone());
    let mut state = State {
        tenant: args.tenant,
        segment_id: args.segment,
        at: args.at.to_string(),
        partition: partition_of(&key, source.partitions()).number(),
        exists: false,
        version: None,
        segment: None,
        items: 0,
        customers: 0,
        last_event: None,
    };
    replay(&source, &Subject::Segment(key.clone()), &[args.at], |record, envelope, model| {
        let live = model.segment(&key);
        state.exists = live.is_some();
        state.version = live.map(|(_, etag)| etag.version);
        state.segment = live.map(|(segment, _)| segment.clone());
        (state.items, state.customers) = (model.items(&key).count(), model.customers(&key).count());
        state.last_event = Some(LastEvent {
            offset: record.offset,
            time: envelope.time,
            kind: envelope.event.event_type().as_str(),
            actor: envelope.actor.to_string(),
        });
    })
    .await?;
    tell(args.output.output, &state, || state.to_text())?;
    Ok(())
}

impl State {
    fn to_text(&self) -> String {
        let Self { tenant, segment_id, at, .. } = self;
        let last = self.last_event.as_ref().map_or_else(
            || "nothing was ever written about it until then".to_owned(),
            |LastEvent { offset, time, kind, actor }| {
                format!("last: {kind} at {time} by {actor} (partition {}, offset {offset})", self.partition)
            },
        );
        match (&self.segment, self.version) {
            (Some(segment), Some(version)) => {
                let document = serde_json::to_string_pretty(segment).unwrap_or_default();
                let (items, customers) = (self.items, self.customers);
                format!(
                    "{tenant}/{segment_id} at {at}: version {version}, {items} items, {customers} customers\n{last}\n{document}"
                )
            }
            _ => format!("{tenant}/{segment_id} at {at}: it did not exist\n{last}"),
        }
    }
}
