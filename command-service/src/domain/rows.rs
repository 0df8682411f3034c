//! The assignments of one segment.

use std::collections::HashMap;

use shared::ids::{CustomerRef, ItemRef};

use super::{
    Target,
    assignment::{Assigned, State},
};

/// What is assigned to one segment. Items and customers lie apart: in one map every key would be as large as the largest.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Rows {
    items: HashMap<ItemRef, Assigned>,
    customers: HashMap<CustomerRef, Assigned>,
}

impl Rows {
    /// The state of a target in a segment that exists.
    pub fn state(&self, target: &Target) -> State {
        let row = match target {
            Target::Item(item) => self.items.get(item),
            Target::Customer(customer) => self.customers.get(customer),
        };
        row.map_or(State::Free, |row| State::Assigned(*row))
    }

    /// Brings a target to a state.
    pub fn set(&mut self, target: Target, state: State) {
        match (target, state) {
            (Target::Item(item), State::Assigned(row)) => drop(self.items.insert(item, row)),
            (Target::Item(item), State::Free | State::SegmentMissing) => drop(self.items.remove(&item)),
            (Target::Customer(id), State::Assigned(row)) => drop(self.customers.insert(id, row)),
            (Target::Customer(id), State::Free | State::SegmentMissing) => drop(self.customers.remove(&id)),
        }
    }

    /// The items, in no particular order.
    pub fn items(&self) -> impl Iterator<Item = (&ItemRef, &Assigned)> {
        self.items.iter()
    }

    /// The customers, in no particular order.
    pub fn customers(&self) -> impl Iterator<Item = (&CustomerRef, &Assigned)> {
        self.customers.iter()
    }

    /// How many assignments there are.
    pub fn len(&self) -> usize {
        self.items.len() + self.customers.len()
    }
}
