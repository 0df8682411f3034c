//! The writer's limits and time-outs.

use std::time::Duration;

use shared::log::WriterName;

use crate::fold::Snapshots;

/// How answers that wrote nothing are confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Confirm {
    /// By the partition's end offset: nobody has appended anything since the decision.
    #[default]
    EndOffset,
    /// By a new announcement, always: also right when a broker answers from the past.
    Strict,
}

/// Settings of one writer.
#[derive(Debug, Clone)]
pub struct WriterConfig {
    /// A stable name of this instance; two processes must not share it.
    pub instance: String,
    /// The name by which the log fences this writer.
    pub name: WriterName,
    /// Where other instances would forward commands to.
    pub url: Option<String>,
    /// How answers that wrote nothing are confirmed.
    pub confirm: Confirm,
    /// Where snapshots are kept; without, every start reads the whole log.
    pub snapshots: Option<Snapshots>,
    /// Commands between the callers and the writer; more are refused.
    pub inbox_commands: usize,
    /// Commands that may wait in one partition; more are refused.
    pub queue_commands: usize,
    /// Bytes of requests that may wait in one partition; more are refused.
    pub queue_bytes: usize,
    /// Commands of one partition in one round.
    pub round_commands: usize,
    /// Bytes of records of one partition in one round; one record always goes.
    pub round_bytes: usize,
    /// While there are few callers: how long the writer stays awake after news, and a caller once its records are durable; the
    /// writer then appends on its own thread. For logs that append in no more than that; others have nothing here.
    pub linger: Duration,
    /// How long a command may wait for its answer.
    pub deadline: Duration,
    /// How long appended records may take to be read back.
    pub visible_within: Duration,
    /// How long an announcement may take to be read back: longer than a broker's transaction time-out.
    pub announced_within: Duration,
    /// How long fencing a former writer may take; safety does not need it.
    pub fence_within: Duration,
    /// How long the log may take to open a writer before another name is tried.
    pub open_within: Duration,
    /// How long one append may take before its handle is given up.
    pub append_within: Duration,
    /// How long letting go of a partition may take.
    pub drain_within: Duration,
    /// How long to keep away from a partition that another instance has taken.
    pub yield_for: Duration,
    /// The first pause after a second failure; doubles up to `back_off_most`.
    pub back_off_least: Duration,
    /// The longest pause between attempts.
    pub back_off_most: Duration,
    /// How far the log's clock and ours may be apart.
    pub clock_tolerance: Duration,
    #[cfg(test)]
    pub(super) sabotage: Sabotage,
}

/// Faults built in on purpose, to show that the simulation finds them.
#[cfg(test)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Sabotage {
    #[default]
    None,
    AcknowledgeOnAppend,
    IgnoredAnnouncementAsBarrier,
    NoConfirm,
}

impl WriterConfig {
    /// The documented limits and time-outs.
    pub fn new(instance: impl Into<String>, name: WriterName) -> Self {
        Self {
            instance: instance.into(),
            name,
            url: None,
            confirm: Confirm::default(),
            snapshots: None,
            inbox_commands: 8192,
            queue_commands: 5000,
            queue_bytes: 32 * 1024 * 1024,
            round_commands: 500,
            round_bytes: 900 * 1024,
            linger: Duration::ZERO,
            deadline: Duration::from_secs(5),
            visible_within: Duration::from_secs(2),
            announced_within: Duration::from_secs(30),
            fence_within: Duration::from_secs(2),
            open_within: Duration::from_secs(2),
            append_within: Duration::from_secs(30),
            drain_within: Duration::from_secs(2),
            yield_for: Duration::from_secs(6),
            back_off_least: Duration::from_millis(50),
            back_off_most: Duration::from_secs(2),
            clock_tolerance: Duration::from_secs(60),
            #[cfg(test)]
            sabotage: Sabotage::None,
        }
    }
}
