//! The categories above a category. The rule is that of `projector::reference::closure`, walked when asked instead of stored:
//! the nearest [`MAX_DEPTH`] ancestors count, and of a cycle of at most so many categories the last record is refused its parent.

use shared::log::{Offset, Partition};

use crate::views::categories::MAX_DEPTH;

/// The place of a record in the reference log, in the order that decides which one is the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// In its partition.
    pub offset: Offset,
    /// The partition; between partitions of the same offset there is no other order.
    pub partition: Partition,
}

/// The last record of each category, by its number.
#[derive(Debug, Default)]
pub struct Tree {
    nodes: Vec<Option<Node>>,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    parent: Option<u32>,
    rank: Rank,
    /// Whether it stands without parent, since its parents lead back to it.
    is_cut: bool,
}

impl Tree {
    /// The category is told to be below this one, or to be a root.
    pub fn put(&mut self, category: u32, parent: Option<u32>, rank: Rank) {
        self.change(category, Some(Node { parent, rank, is_cut: false }));
    }

    /// Nothing is known of the category any more.
    pub fn remove(&mut self, category: u32) {
        self.change(category, None);
    }

    /// The categories above, the nearest first. Those that nothing is known of are among them.
    pub fn ancestors(&self, category: u32) -> impl Iterator<Item = u32> + '_ {
        let above = |category: u32| self.node(category).filter(|node| !node.is_cut)?.parent;
        std::iter::successors(above(category), move |category| above(*category)).take(usize::from(MAX_DEPTH))
    }

    /// Only cycles through the category itself come or go with its record.
    fn change(&mut self, category: u32, node: Option<Node>) {
        for member in self.cycle(category) {
            self.set_cut(member, false);
        }
        let place = category as usize;
        if self.nodes.len() <= place {
            self.nodes.resize(place + 1, None);
        }
        self.nodes[place] = node;
        let last = self.cycle(category).into_iter().max_by_key(|member| self.node(*member).map(|node| node.rank));
        if let Some(last) = last {
            self.set_cut(last, true);
        }
    }

    /// The categories through which parents lead back to this one; none if they do not, or not soon enough.
    fn cycle(&self, start: u32) -> Vec<u32> {
        let mut members = vec![start];
        let mut above = self.parent(start);
        while let Some(category) = above {
            if category == start {
                return members;
            }
            if members.len() == usize::from(MAX_DEPTH) {
                break;
            }
            members.push(category);
            above = self.parent(category);
        }
        Vec::new()
    }

    fn node(&self, category: u32) -> Option<&Node> {
        self.nodes.get(category as usize)?.as_ref()
    }

    /// As told, cut or not.
    fn parent(&self, category: u32) -> Option<u32> {
        self.node(category)?.parent
    }

    fn set_cut(&mut self, category: u32, is_cut: bool) {
        if let Some(Some(node)) = self.nodes.get_mut(category as usize) {
            node.is_cut = is_cut;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank(offset: Offset, partition: u16) -> Rank {
        Rank { offset, partition: Partition::new(partition) }
    }

    fn above(tree: &Tree, category: u32) -> Vec<u32> {
        tree.ancestors(category).collect()
    }

    #[test]
    fn of_a_cycle_the_last_record_stands_without_parent_until_it_is_gone() {
        let mut tree = Tree::default();
        tree.put(1, Some(2), rank(5, 0));
        tree.put(2, Some(3), rank(9, 0));
        assert_eq!(above(&tree, 1), [2, 3], "3 is not known");
        tree.put(3, Some(1), rank(9, 1));
        assert_eq!([1, 2, 3].map(|category| above(&tree, category)), [vec![2, 3], vec![3], vec![]], "3 is the last");
        tree.put(2, Some(3), rank(10, 0));
        assert_eq!([1, 2, 3].map(|category| above(&tree, category)), [vec![2], vec![], vec![1, 2]], "2 is the last");
        tree.put(1, None, rank(11, 0));
        assert_eq!([1, 2, 3].map(|category| above(&tree, category)), [vec![], vec![3, 1], vec![1]], "no cycle");
        tree.remove(3);
        assert_eq!(above(&tree, 2), [3]);
    }

    #[test]
    fn only_the_nearest_ancestors_count_and_long_cycles_do_no_harm() {
        let mut tree = Tree::default();
        let depth = u32::from(MAX_DEPTH);
        for category in 0..100 {
            tree.put(category, Some((category + 1) % 100), rank(category.into(), 0));
        }
        assert_eq!(above(&tree, 90).len() as u32, depth);
        for category in 0..depth {
            tree.put(category, Some((category + 1) % depth), rank(category.into(), 0));
        }
        assert_eq!(above(&tree, 0).len() as u32, depth - 1, "as long as a cycle can be to be cut");
        assert!(above(&tree, depth - 1).is_empty());
    }
}
