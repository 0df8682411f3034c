//! A round that is being decided: the model, and on top of it what the commands before did, not accepted yet.

use std::collections::HashMap;

use shared::{
    events::{Envelope, Event},
    ids::SegmentKey,
};

use super::{
    Action, Command, Context, Contradiction, ETag, Model, Receipt, Rejection, Target, assignment,
    model::{Transition, transition},
    segment,
};

/// Effects of events that are not accepted yet. Only what was touched is held, however many assignments a segment has.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    segments: HashMap<SegmentKey, Change>,
}

#[derive(Debug, Clone)]
struct Change {
    segment: segment::State,
    /// The segment was deleted here, so none of the model's assignments is there any more.
    hides_model: bool,
    assignments: HashMap<Target, assignment::State>,
}

impl Changes {
    /// Whether the model has come to the same; to be asked when it has folded the same events.
    pub fn agree_with(&self, model: &Model) -> bool {
        self.segments.iter().all(|(key, change)| {
            let rows_agree = change.assignments.iter().all(|(target, state)| match change.segment {
                segment::State::Absent => model.assignment_state(key, target) == assignment::State::SegmentMissing,
                segment::State::Live(_) => model.assignment_state(key, target) == *state,
            });
            let assigned = change.assignments.values().filter(|state| matches!(state, assignment::State::Assigned(_)));
            let nothing_else = !change.hides_model || model.assignments_of(key) == assigned.count();
            change.segment == *model.segment_state(key) && rows_agree && nothing_else
        })
    }
}

/// A model and changes on top of it.
#[derive(Debug)]
pub struct Overlay<'m> {
    model: &'m Model,
    changes: Changes,
}

impl<'m> Overlay<'m> {
    /// Goes on where the changes were taken from [`Self::into_changes`].
    pub fn on(model: &'m Model, changes: Changes) -> Self {
        Self { model, changes }
    }

    /// Lets go of the model.
    pub fn into_changes(self) -> Changes {
        self.changes
    }

    /// The event that the command leads to; none when it is accepted and there is nothing to change (an empty patch, the
    /// removal of what is gone). Changes nothing: hand the event, in its envelope, to [`Self::apply`].
    ///
    /// # Errors
    /// Why the command is refused.
    pub fn decide(&self, command: &Command, context: &Context) -> Result<Option<Event>, Rejection> {
        command.condition.check(self.etag(command))?;
        let (key, now) = (&command.key, context.now);
        let on_segment = |action| segment::decide(&key.id, self.segment_state(key), action, now);
        let on_assignment =
            |target, action| assignment::decide(&key.id, target, &self.assignment_state(key, target), action, now);
        match &command.action {
            Action::CreateSegment(draft) => on_segment(segment::Command::Create(draft)),
            Action::PutSegment { draft, expected } => on_segment(segment::Command::Put { draft, expected: *expected }),
            Action::PatchSegment(patch) => on_segment(segment::Command::Patch(patch)),
            Action::DeleteSegment { force } => on_segment(segment::Command::Delete { force: *force }),
            Action::Assign { target, draft, expected } => {
                on_assignment(target, assignment::Command::Assign { draft, expected: *expected })
            }
            Action::Unassign { target } => on_assignment(target, assignment::Command::Unassign),
        }
    }

    /// The present tag of the document that the command is about; none when there is no such document.
    pub fn etag(&self, command: &Command) -> Option<ETag> {
        match &command.action {
            Action::CreateSegment(_)
            | Action::PutSegment { .. }
            | Action::PatchSegment(_)
            | Action::DeleteSegment { .. } => self.segment_state(&command.key).etag(),
            Action::Assign { target, .. } | Action::Unassign { target } => {
                self.assignment_state(&command.key, target).etag()
            }
        }
    }

    /// The number that the segment's next event has to carry.
    pub fn next_sequence(&self, key: &SegmentKey) -> u64 {
        self.segment_state(key).next_sequence()
    }

    /// Takes an event that was decided here.
    ///
    /// # Errors
    /// When it does not fit; nothing has changed then.
    pub fn apply(&mut self, envelope: &Envelope) -> Result<Receipt, Contradiction> {
        let key = envelope.key();
        let before = |target: &Target| self.assignment_state(&key, target);
        let Transition { segment, assignment, receipt } = match transition(self.segment_state(&key), before, envelope) {
            Ok(transition) => transition,
            Err(mismatch) => return Err(Contradiction { key, sequence: envelope.sequence, mismatch }),
        };
        let untouched = || Change { segment: segment::State::Absent, hides_model: false, assignments: HashMap::new() };
        let change = self.changes.segments.entry(key).or_insert_with(untouched);
        if segment == segment::State::Absent {
            change.hides_model = true;
            change.assignments.clear();
        }
        change.segment = segment;
        change.assignments.extend(assignment);
        Ok(receipt)
    }

    fn segment_state(&self, key: &SegmentKey) -> &segment::State {
        let changed = self.changes.segments.get(key).map(|change| &change.segment);
        changed.unwrap_or_else(|| self.model.segment_state(key))
    }

    fn assignment_state(&self, key: &SegmentKey, target: &Target) -> assignment::State {
        use assignment::State::{Assigned, Free, SegmentMissing};
        let Some(change) = self.changes.segments.get(key) else { return self.model.assignment_state(key, target) };
        match (&change.segment, change.assignments.get(target)) {
            (segment::State::Absent, _) => SegmentMissing,
            (segment::State::Live(_), Some(state)) => *state,
            (segment::State::Live(_), None) if change.hides_model => Free,
            (segment::State::Live(_), None) => match self.model.assignment_state(key, target) {
                SegmentMissing => Free, // created here
                known @ (Free | Assigned(_)) => known,
            },
        }
    }
}
