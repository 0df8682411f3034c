//! A round that is being decided: the model, and on top of it what the commands before did, not accepted yet.

use std::collections::HashMap;

use shared::{
    events::{Envelope, Event},
    ids::{ItemRef, SegmentKey},
};

use super::{
    Action, Command, Context, Contradiction, ETag, Model, Receipt, Rejection, item,
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
    items: HashMap<ItemRef, item::State>,
}

impl Changes {
    /// Whether the model has come to the same; to be asked when it has folded the same events.
    pub fn agree_with(&self, model: &Model) -> bool {
        self.segments.iter().all(|(key, change)| {
            let items_agree = change.items.iter().all(|(item, state)| match change.segment {
                segment::State::Absent => model.item_state(key, item) == item::State::SegmentMissing,
                segment::State::Live(_) => model.item_state(key, item) == *state,
            });
            let assigned = change.items.values().filter(|state| matches!(state, item::State::Assigned(_)));
            let nothing_else = !change.hides_model || model.items(key).count() == assigned.count();
            change.segment == *model.segment_state(key) && items_agree && nothing_else
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
        let on_item = |item, action| item::decide(&key.id, item, &self.item_state(key, item), action, now);
        match &command.action {
            Action::CreateSegment(draft) => on_segment(segment::Command::Create(draft)),
            Action::PutSegment { draft, expected } => on_segment(segment::Command::Put { draft, expected: *expected }),
            Action::PatchSegment(patch) => on_segment(segment::Command::Patch(patch)),
            Action::DeleteSegment { force } => on_segment(segment::Command::Delete { force: *force }),
            Action::AssignItem { item, draft, expected } => {
                on_item(item, item::Command::Assign { draft, expected: *expected })
            }
            Action::UnassignItem { item } => on_item(item, item::Command::Unassign),
        }
    }

    /// The present tag of the document that the command is about; none when there is no such document.
    pub fn etag(&self, command: &Command) -> Option<ETag> {
        match &command.action {
            Action::CreateSegment(_)
            | Action::PutSegment { .. }
            | Action::PatchSegment(_)
            | Action::DeleteSegment { .. } => self.segment_state(&command.key).etag(),
            Action::AssignItem { item, .. } | Action::UnassignItem { item } => {
                self.item_state(&command.key, item).etag()
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
        let fitted = transition(self.segment_state(&key), |item| self.item_state(&key, item), envelope);
        let Transition { segment, item, receipt } = match fitted {
            Ok(transition) => transition,
            Err(mismatch) => return Err(Contradiction { key, sequence: envelope.sequence, mismatch }),
        };
        let untouched = || Change { segment: segment::State::Absent, hides_model: false, items: HashMap::new() };
        let change = self.changes.segments.entry(key).or_insert_with(untouched);
        if segment == segment::State::Absent {
            change.hides_model = true;
            change.items.clear();
        }
        change.segment = segment;
        change.items.extend(item);
        Ok(receipt)
    }

    fn segment_state(&self, key: &SegmentKey) -> &segment::State {
        let changed = self.changes.segments.get(key).map(|change| &change.segment);
        changed.unwrap_or_else(|| self.model.segment_state(key))
    }

    fn item_state(&self, key: &SegmentKey, item: &ItemRef) -> item::State {
        let Some(change) = self.changes.segments.get(key) else { return self.model.item_state(key, item) };
        match (&change.segment, change.items.get(item)) {
            (segment::State::Absent, _) => item::State::SegmentMissing,
            (segment::State::Live(_), Some(state)) => *state,
            (segment::State::Live(_), None) if change.hides_model => item::State::Free,
            (segment::State::Live(_), None) => match self.model.item_state(key, item) {
                item::State::SegmentMissing => item::State::Free, // created here
                known @ (item::State::Free | item::State::Assigned(_)) => known,
            },
        }
    }
}
