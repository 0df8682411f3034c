//! What the segments of tenants hold, and which products belong to which of them. Pure.

#[cfg(test)]
mod tests;

use std::{borrow::Cow, collections::HashMap};

use roaring::{MultiOps as _, RoaringBitmap};
use shared::{
    document::{Status, Validity},
    ids::{ItemId, ItemType},
    reference::{Change, Entry, Id, Key},
};

use super::{
    dictionary::Dictionary,
    fact::{Fact, Item},
    tree::{Rank, Tree},
};
use crate::views::matching::Question;

/// The most products and categories of all tenants together, those included that were assigned once. They take about 100 bytes
/// each.
pub const MAX_IDS: u32 = 100_000_000;

/// Of so many segments each is asked; of more, what they hold is put together first.
const ASKED_ONE_BY_ONE: usize = 8;

/// There are more than [`MAX_IDS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are more than {MAX_IDS} products and categories")]
pub struct Full;

/// Every tenant.
#[derive(Debug, Default)]
pub struct Worlds {
    worlds: HashMap<Box<str>, World>,
    ids: u32,
}

/// What the segments of one tenant hold.
#[derive(Debug, Default)]
pub struct World {
    products: Dictionary,
    categories: Dictionary,
    segments: HashMap<Box<str>, Segment>,
    /// The categories of each product, by its number.
    own: Vec<Vec<u32>>,
    tree: Tree,
}

#[derive(Debug, Default)]
struct Segment {
    document: Option<Document>,
    products: RoaringBitmap,
    categories: RoaringBitmap,
}

#[derive(Debug)]
struct Document {
    site_code: Box<str>,
    status: Status,
    validity: Validity,
}

impl Worlds {
    /// The next fact of a tenant.
    ///
    /// # Errors
    /// When there is no room for more ids.
    pub fn apply(&mut self, tenant: &str, fact: &Fact<'_>) -> Result<(), Full> {
        if !self.worlds.contains_key(tenant) {
            self.worlds.insert(tenant.into(), World::default());
        }
        if let Some(world) = self.worlds.get_mut(tenant) {
            let before = world.ids();
            world.apply(fact);
            self.ids += world.ids() - before;
        }
        if self.ids > MAX_IDS { Err(Full) } else { Ok(()) }
    }

    /// As [`World::products`].
    pub fn products(&self, question: &Question<'_>) -> Vec<ItemId> {
        self.worlds.get(question.tenant.as_str()).map_or_else(Vec::new, |world| world.products(question))
    }
}

impl World {
    fn ids(&self) -> u32 {
        self.products.len() + self.categories.len()
    }

    /// The next fact.
    pub fn apply(&mut self, fact: &Fact<'_>) {
        match fact {
            Fact::Segment(told) => {
                let site_code = told.site_code.as_ref().into();
                let document = Document { site_code, status: told.status, validity: told.validity.unwrap_or_default() };
                self.segment(&told.id).document = Some(document);
            }
            Fact::SegmentGone(gone) => drop(self.segments.remove(&*gone.segment_id)),
            Fact::Assigned(item) => {
                let number = self.numbers(item.item_type).number(&item.item_id);
                self.assigned(item).insert(number);
            }
            Fact::Unassigned(item) => {
                if let Some(number) = self.numbers(item.item_type).get(&item.item_id) {
                    self.assigned(item).remove(number);
                }
            }
            Fact::Reference(change, rank) => self.refer(change, *rank),
        }
    }

    fn refer(&mut self, change: &Change, rank: Rank) {
        match change {
            Change::Put { entry: Entry::Category(category), .. } => {
                let parent = category.parent_id.as_ref().map(|id| self.categories.number(id.as_str()));
                self.tree.put(self.categories.number(category.id.as_str()), parent, rank);
            }
            Change::Put { entry: Entry::ProductCategory(pair), .. } => {
                let category = self.categories.number(pair.category_id.as_str());
                let own = self.own(&pair.product_id);
                if !own.contains(&category) {
                    own.reserve_exact(1);
                    own.push(category);
                }
            }
            Change::Delete(Key { id: Id::Category(id), .. }) => {
                if let Some(category) = self.categories.get(id.as_str()) {
                    self.tree.remove(category);
                }
            }
            Change::Delete(Key { id: Id::ProductCategory { product, category }, .. }) => {
                if let Some(category) = self.categories.get(category.as_str()) {
                    self.own(product).retain(|own| *own != category);
                }
            }
            // Names.
            Change::Put { entry: Entry::Customer(_) | Entry::LegalEntity(_) | Entry::Product(_), .. }
            | Change::Delete(Key { id: Id::Customer(_) | Id::LegalEntity(_) | Id::Product(_), .. }) => {}
        }
    }

    fn segment(&mut self, id: &str) -> &mut Segment {
        // Nearly always it is there, and then its id is not to be copied.
        if !self.segments.contains_key(id) {
            self.segments.insert(id.into(), Segment::default());
        }
        self.segments.get_mut(id).expect("it is there")
    }

    fn numbers(&mut self, kind: ItemType) -> &mut Dictionary {
        match kind {
            ItemType::Product => &mut self.products,
            ItemType::Category => &mut self.categories,
        }
    }

    fn assigned(&mut self, item: &Item<'_>) -> &mut RoaringBitmap {
        let segment = self.segment(&item.segment_id);
        match item.item_type {
            ItemType::Product => &mut segment.products,
            ItemType::Category => &mut segment.categories,
        }
    }

    fn own(&mut self, product: &ItemId) -> &mut Vec<u32> {
        let place = self.products.number(product.as_str()) as usize;
        if self.own.len() <= place {
            self.own.resize_with(place + 1, Vec::new);
        }
        &mut self.own[place]
    }

    /// What [`crate::views::matching::products`] finds: the products that are assigned to one of the segments, or are in a
    /// category that is or in a descendant of one, in the order of the question.
    pub fn products(&self, question: &Question<'_>) -> Vec<ItemId> {
        let asked = question.segment_ids.iter().filter_map(|id| self.segments.get(id.as_str()));
        let live: Vec<&Segment> = asked.filter(|segment| segment.counts(question)).collect();
        let products = together(live.iter().map(|segment| &segment.products));
        let categories = together(live.iter().map(|segment| &segment.categories));
        let is_in = |category: u32| {
            is_any_in(&categories, category)
                || question.with_descendants && self.tree.ancestors(category).any(|above| is_any_in(&categories, above))
        };
        let belongs = |product: &&ItemId| {
            self.products.get(product.as_str()).is_some_and(|product| {
                let own = self.own.get(product as usize).filter(|_| !categories.is_empty());
                is_any_in(&products, product) || own.is_some_and(|own| own.iter().any(|category| is_in(*category)))
            })
        };
        question.products.iter().filter(belongs).cloned().collect()
    }
}

/// The sets to look into, so that there are not very many.
fn together<'w>(sets: impl Iterator<Item = &'w RoaringBitmap>) -> Vec<Cow<'w, RoaringBitmap>> {
    let sets: Vec<&RoaringBitmap> = sets.filter(|set| !set.is_empty()).collect();
    if sets.len() > ASKED_ONE_BY_ONE {
        vec![Cow::Owned(sets.union())]
    } else {
        sets.into_iter().map(Cow::Borrowed).collect()
    }
}

fn is_any_in(sets: &[Cow<'_, RoaringBitmap>], number: u32) -> bool {
    sets.iter().any(|set| set.contains(number))
}

impl Segment {
    fn counts(&self, question: &Question<'_>) -> bool {
        self.document.as_ref().is_some_and(|document| {
            let Validity { from, to } = document.validity;
            document.status == Status::Active
                && *document.site_code == *question.site_code
                && question.valid_at.is_none_or(|at| from.is_none_or(|from| from <= at) && to.is_none_or(|to| at <= to))
        })
    }
}
