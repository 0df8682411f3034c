//! The assignments of one segment.

use std::{collections::HashMap, iter};

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

    /// The items in order, so many at a time.
    pub fn items_in_order(&self, at_once: usize) -> impl Iterator<Item = Vec<(ItemRef, Assigned)>> {
        in_order(&self.items, at_once)
    }

    /// The customers in order, so many at a time.
    pub fn customers_in_order(&self, at_once: usize) -> impl Iterator<Item = Vec<(CustomerRef, Assigned)>> {
        in_order(&self.customers, at_once)
    }

    /// Adds items as they were.
    pub fn restore_items(&mut self, items: Vec<(ItemRef, Assigned)>) {
        self.items.extend(items);
    }

    /// Adds customers as they were.
    pub fn restore_customers(&mut self, customers: Vec<(CustomerRef, Assigned)>) {
        self.customers.extend(customers);
    }

    /// How many assignments there are.
    pub fn len(&self) -> usize {
        self.items.len() + self.customers.len()
    }
}

fn in_order<K: Clone + Ord>(rows: &HashMap<K, Assigned>, at_once: usize) -> impl Iterator<Item = Vec<(K, Assigned)>> {
    let mut rows: Vec<_> = rows.iter().collect();
    rows.sort_unstable_by_key(|(key, _)| *key);
    let mut rows = rows.into_iter();
    iter::from_fn(move || {
        let next: Vec<_> = rows.by_ref().take(at_once).map(|(key, row)| (key.clone(), *row)).collect();
        (!next.is_empty()).then_some(next)
    })
}
