//! The phases of a partition, as this instance sees it.
//!
//! ```text
//! Standby ─assigned─► Resting ─► Fencing ─► Fenced ─round─► Announced ─read back─► Serving ◄─► Committing, Confirming
//!                        ▲                                                            │
//!                        └──────────── any doubt; a foreign writer ◄──────────────────┘
//! ```

use shared::log::Offset;
use tokio::time::Instant;
use uuid::Uuid;

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Phase {
    /// Not ours to write to.
    Standby,
    /// Waits before it is taken (again).
    Resting {
        until: Instant,
        /// Another instance has it.
        foreign: bool,
    },
    /// The former writer is being fenced.
    Fencing,
    /// The next round announces us.
    Fenced,
    /// The announcement is on its way, or not read back yet.
    Announced { writer_id: Uuid, until: Instant },
    /// Ready for the next round.
    Serving { writer_id: Uuid },
    /// Records are on their way, or not read back yet.
    Committing {
        writer_id: Uuid,
        last_pseq: u64,
        /// Set when the append has returned.
        until: Option<Instant>,
    },
    /// Answers that wrote nothing wait for the partition's end offset.
    Confirming { writer_id: Uuid, decided_at: Option<Offset>, epoch: u64, until: Instant },
    /// It cannot be written to or read, while others can: a second writer tries until its record is read back.
    Probing { record_id: Uuid, retry_at: Instant, in_flight: bool },
    /// Our own stop is on its way.
    Stopping { writer_id: Uuid },
    /// What was read cannot be understood; only a person can help.
    Halted,
}

impl Phase {
    /// To be taken again, by ourselves, from then on.
    pub(super) fn rest_until(until: Instant) -> Self {
        Self::Resting { until, foreign: false }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Standby => "standby",
            Self::Resting { .. } => "resting",
            Self::Fencing => "fencing",
            Self::Fenced => "fenced",
            Self::Announced { .. } => "announced",
            Self::Serving { .. } | Self::Committing { .. } | Self::Confirming { .. } => "serving",
            Self::Probing { .. } => "probing",
            Self::Stopping { .. } => "stopping",
            Self::Halted => "halted",
        }
    }

    /// The id under which we write at present.
    pub(super) fn serving_as(&self) -> Option<Uuid> {
        match self {
            Self::Serving { writer_id }
            | Self::Committing { writer_id, .. }
            | Self::Confirming { writer_id, .. }
            | Self::Stopping { writer_id } => Some(*writer_id),
            Self::Standby
            | Self::Resting { .. }
            | Self::Fencing
            | Self::Fenced
            | Self::Announced { .. }
            | Self::Probing { .. }
            | Self::Halted => None,
        }
    }

    /// Whether commands may wait here for the partition to be written to.
    pub(super) fn takes_commands(&self) -> bool {
        match self {
            Self::Standby | Self::Resting { foreign: true, .. } | Self::Stopping { .. } | Self::Halted => false,
            Self::Resting { foreign: false, .. }
            | Self::Fencing
            | Self::Fenced
            | Self::Announced { .. }
            | Self::Serving { .. }
            | Self::Committing { .. }
            | Self::Confirming { .. }
            | Self::Probing { .. } => true,
        }
    }

    /// When something has to be done if nothing else happens.
    pub(super) fn timer(&self) -> Option<Instant> {
        match self {
            Self::Resting { until, .. } | Self::Announced { until, .. } | Self::Confirming { until, .. } => {
                Some(*until)
            }
            Self::Committing { until, .. } => *until,
            Self::Probing { retry_at, in_flight, .. } => (!in_flight).then_some(*retry_at),
            Self::Standby
            | Self::Fencing
            | Self::Fenced
            | Self::Serving { .. }
            | Self::Stopping { .. }
            | Self::Halted => None,
        }
    }
}
