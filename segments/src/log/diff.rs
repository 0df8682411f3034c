//! `segments log diff`: what changed between two moments. Of a segment as a JSON Patch, of a tenant as lists of segments.

use std::collections::BTreeMap;

use anyhow::bail;
use clap::Args;
use serde::Serialize;
use serde_json::Value;
use shared::{
    events::{Envelope, Event},
    ids::{SegmentId, SegmentKey, Tenant},
};

use super::{
    moment::Moment,
    output::{OutputArgs, tell},
    past::{Subject, replay},
    source::{Source, SourceArgs},
};

/// What, and between which moments.
#[derive(Debug, Args)]
pub struct DiffArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// The owner of the segments.
    #[arg(long, default_value = "acme", value_parser = Tenant::parse)]
    tenant: Tenant,
    /// Only this segment, as a JSON Patch of its document.
    #[arg(long, value_parser = SegmentId::parse)]
    segment: Option<SegmentId>,
    /// A time, or an offset; given twice: what changed from the first to the second.
    #[arg(long, value_name = "TIME|OFFSET", required = true)]
    at: Vec<Moment>,
    #[command(flatten)]
    output: OutputArgs,
}

/// Tells what changed.
pub async fn run(args: DiffArgs) -> anyhow::Result<()> {
    let &[from, to] = args.at.as_slice() else { bail!("two moments are wanted: --at A --at B") };
    let source = Source::open(&args.source).await?;
    let between = Between { from, to };
    match args.segment {
        Some(id) => {
            let diff = of_segment(&source, SegmentKey::new(args.tenant, id), between).await?;
            tell(args.output.output, &diff, || diff.to_text())?;
        }
        None => {
            let diff = of_tenant(&source, args.tenant, between).await?;
            tell(args.output.output, &diff, || diff.to_text())?;
        }
    }
    Ok(())
}

#[derive(Debug, Clone, Copy)]
struct Between {
    from: Moment,
    to: Moment,
}

impl Between {
    fn moments(self) -> [Moment; 2] {
        [self.from, self.to]
    }
}

/// What is told of a segment.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SegmentDiff {
    tenant: Tenant,
    segment_id: SegmentId,
    from: String,
    to: String,
    /// Versions of the document; none where it did not exist.
    from_version: Option<u64>,
    to_version: Option<u64>,
    /// From the one document to the other by RFC 6902; a document that does not exist is `null`.
    patch: json_patch::Patch,
}

async fn of_segment(source: &Source, key: SegmentKey, between: Between) -> anyhow::Result<SegmentDiff> {
    let moments = between.moments();
    let mut documents = [Value::Null, Value::Null];
    let mut versions = [None, None];
    replay(source, &Subject::Segment(key.clone()), &moments, |record, _, model| {
        let live = model.segment(&key);
        for (place, _) in moments.iter().enumerate().filter(|(_, moment)| moment.includes(record)) {
            documents[place] = live.map_or(Value::Null, |(segment, _)| serde_json::json!(segment));
            versions[place] = live.map(|(_, etag)| etag.version);
        }
    })
    .await?;
    let [from, to] = moments.map(|moment| moment.to_string());
    let [from_version, to_version] = versions;
    let patch = json_patch::diff(&documents[0], &documents[1]);
    Ok(SegmentDiff { tenant: key.tenant, segment_id: key.id, from, to, from_version, to_version, patch })
}

/// What is told of a tenant.
#[derive(Debug, Serialize)]
struct TenantDiff {
    tenant: Tenant,
    from: String,
    to: String,
    created: Vec<Listed>,
    changed: Vec<Changed>,
    deleted: Vec<Listed>,
}

/// A segment that exists at one of the moments only.
#[derive(Debug, Serialize)]
struct Listed {
    id: SegmentId,
    version: u64,
}

/// A segment that exists at both, and something happened to it or to its assignments between them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Changed {
    id: SegmentId,
    from_version: u64,
    to_version: u64,
    /// Whether it was deleted and created again.
    recreated: bool,
    /// How many events between the moments are about its assignments.
    assignment_events: u64,
}

/// A segment on the way through the history.
#[derive(Debug, Default)]
struct Life {
    /// Incarnation and version at each moment.
    tags: [Option<(u32, u64)>; 2],
    events: u64,
    assignment_events: u64,
}

impl Life {
    /// Takes in an event that lies before some of the moments.
    fn take(&mut self, envelope: &Envelope, is_before: [bool; 2]) {
        let is_between = is_before[0] != is_before[1];
        let is_of_assignment = match &envelope.event {
            Event::SegmentCreated(_)
            | Event::SegmentReplaced(_)
            | Event::SegmentPatched(_)
            | Event::SegmentDeleted(_) => false,
            Event::ItemAssigned(_)
            | Event::ItemUnassigned(_)
            | Event::CustomerAssigned(_)
            | Event::CustomerUnassigned(_) => true,
        };
        self.events += u64::from(is_between);
        self.assignment_events += u64::from(is_between && is_of_assignment);
        for (tag, _) in self.tags.iter_mut().zip(is_before).filter(|(_, is_before)| *is_before) {
            *tag = match &envelope.event {
                Event::SegmentCreated(event) => Some((envelope.incarnation(), event.segment.metadata.version)),
                Event::SegmentReplaced(event) => tag.map(|(life, _)| (life, event.segment.metadata.version)),
                Event::SegmentPatched(event) => tag.map(|(life, _)| (life, event.segment.metadata.version)),
                Event::SegmentDeleted(_) => None,
                Event::ItemAssigned(_)
                | Event::ItemUnassigned(_)
                | Event::CustomerAssigned(_)
                | Event::CustomerUnassigned(_) => *tag,
            };
        }
    }
}

async fn of_tenant(source: &Source, tenant: Tenant, between: Between) -> anyhow::Result<TenantDiff> {
    let moments = between.moments();
    let mut lives: BTreeMap<SegmentId, Life> = BTreeMap::new();
    replay(source, &Subject::Tenant(tenant.clone()), &moments, |record, envelope, _| {
        let life = lives.entry(envelope.event.segment_id().clone()).or_default();
        life.take(envelope, moments.map(|moment| moment.includes(record)));
    })
    .await?;
    let [from, to] = moments.map(|moment| moment.to_string());
    let mut diff = TenantDiff { tenant, from, to, created: Vec::new(), changed: Vec::new(), deleted: Vec::new() };
    for (id, life) in lives {
        match life.tags {
            [None, Some((_, version))] => diff.created.push(Listed { id, version }),
            [Some((_, version)), None] => diff.deleted.push(Listed { id, version }),
            [Some((before, from_version)), Some((after, to_version))] if life.events > 0 => {
                let (recreated, assignment_events) = (before != after, life.assignment_events);
                diff.changed.push(Changed { id, from_version, to_version, recreated, assignment_events });
            }
            [Some(_), Some(_)] | [None, None] => {}
        }
    }
    Ok(diff)
}

impl SegmentDiff {
    fn to_text(&self) -> String {
        let version = |version: Option<u64>| version.map_or("none".to_owned(), |version| format!("version {version}"));
        let (from, to) = (version(self.from_version), version(self.to_version));
        let operations: Vec<_> =
            self.patch.0.iter().map(|operation| serde_json::json!(operation).to_string()).collect();
        let Self { tenant, segment_id, .. } = self;
        format!("{tenant}/{segment_id}: {} ({from}) to {} ({to})\n{}", self.from, self.to, operations.join("\n"))
    }
}

impl TenantDiff {
    fn to_text(&self) -> String {
        let mut lines = vec![format!("{}: {} to {}", self.tenant, self.from, self.to)];
        lines.extend(self.created.iter().map(|Listed { id, version }| format!("+ {id} version {version}")));
        lines.extend(self.changed.iter().map(|changed| {
            let Changed { id, from_version, to_version, recreated, assignment_events } = changed;
            let again = if *recreated { ", deleted and created again" } else { "" };
            format!("~ {id} version {from_version} to {to_version}, {assignment_events} events of assignments{again}")
        }));
        lines.extend(self.deleted.iter().map(|Listed { id, version }| format!("- {id} version {version}")));
        lines.join("\n")
    }
}
