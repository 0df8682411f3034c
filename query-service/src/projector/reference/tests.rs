//! The ancestors of categories, in the table and in memory, against a naive walk, under random edits.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, option, prelude::*, test_runner::TestRunner};
use serde_json::json;
use shared::log::Partition;
use sqlx::{Connection as _, PgConnection};
use tokio::runtime::Runtime;

use super::{
    closure::{self, CategoryKeys},
    rows::CategoryRows,
};
use crate::{
    index::tree::{Rank, Tree},
    views::{self, Database, Version, categories::MAX_DEPTH},
};

const TENANT: &str = "acme";

/// The newest record of each category: its parent and its place in the log.
#[derive(Debug, Default)]
struct World {
    categories: BTreeMap<String, (Option<String>, i64, u16)>,
    ends: [i64; 3],
    /// The same in memory.
    tree: Tree,
}

impl World {
    /// Writes one batch; a parent of none in the outer option removes.
    async fn write(&mut self, connection: &mut PgConnection, batch: &[(u8, Option<Option<u8>>)]) -> usize {
        // Within a batch only the last word about a category is there.
        let last: BTreeMap<u8, Option<Option<u8>>> = batch.iter().copied().collect();
        let (mut rows, mut gone) = (CategoryRows::default(), CategoryKeys::default());
        for (category, said) in last {
            let (id, partition) = (name(category), u16::from(category % 3));
            let end = &mut self.ends[usize::from(partition)];
            *end += 1;
            match said {
                None => {
                    self.categories.remove(&id);
                    self.tree.remove(category.into());
                    gone.push(TENANT, &id);
                }
                Some(parent) => {
                    let parent = parent.filter(|parent| *parent != category);
                    let rank = Rank { offset: *end, partition: Partition::new(partition) };
                    self.tree.put(category.into(), parent.map(u32::from), rank);
                    let parent = parent.map(name);
                    let entry = serde_json::from_value(json!({ "id": id, "parentId": parent })).expect("a category");
                    rows.put(TENANT, entry, Partition::new(partition), *end).expect("JSON");
                    self.categories.insert(id, (parent, *end, partition));
                }
            }
        }
        closure::write(connection, &rows, &gone).await.expect("written").len()
    }

    fn parent(&self, id: &str) -> Option<&str> {
        self.categories.get(id)?.0.as_deref()
    }

    /// The last record of every cycle.
    fn cut(&self) -> BTreeSet<&str> {
        let mut cut = BTreeSet::new();
        for start in self.categories.keys() {
            let mut members = vec![&**start];
            let mut above = self.parent(start);
            while let Some(id) = above.filter(|id| **id != **start && members.len() < usize::from(MAX_DEPTH)) {
                members.push(id);
                above = self.parent(id);
            }
            if above == Some(&**start) {
                let place = |id: &&str| self.categories.get(*id).map(|(_, offset, partition)| (*offset, *partition));
                cut.extend(members.into_iter().max_by_key(place));
            }
        }
        cut
    }

    /// As [`closure`](Self::closure), of the tree in memory.
    fn walked(&self) -> Vec<String> {
        let categories = 0..=u8::MAX;
        let above = categories.flat_map(|start| {
            let ancestors = self.tree.ancestors(start.into()).zip(1..);
            ancestors.map(move |(above, depth)| format!("{} c{above} {depth}", name(start)))
        });
        let mut lines: Vec<String> = above.collect();
        lines.sort();
        lines
    }

    /// `category ancestor depth`, sorted.
    fn closure(&self) -> Vec<String> {
        let cut = self.cut();
        let mut lines = Vec::new();
        for start in self.categories.keys() {
            let mut at = &**start;
            for depth in 1..=MAX_DEPTH {
                let Some(above) = self.parent(at).filter(|_| !cut.contains(at)) else { break };
                lines.push(format!("{start} {above} {depth}"));
                at = above;
            }
        }
        lines.sort();
        lines
    }
}

fn name(category: u8) -> String {
    format!("c{category}")
}

async fn connect() -> PgConnection {
    let database = local_parts::testing::database().await;
    let options = views::options(&Database::at(database.url()), Version::FIRST).expect("a URL");
    views::make(&options, Version::FIRST).await.expect("the views are created");
    PgConnection::connect_with(&options).await.expect("the database answers")
}

async fn stored(connection: &mut PgConnection) -> Vec<String> {
    let mut lines: Vec<String> =
        sqlx::query_scalar("select category_id || ' ' || ancestor_id || ' ' || depth from category_closure")
            .fetch_all(connection)
            .await
            .expect("an answer");
    lines.sort();
    lines
}

async fn clear(connection: &mut PgConnection) {
    sqlx::query("truncate category, category_closure").execute(connection).await.expect("emptied");
}

/// Batches of words about few categories, so that moves of subtrees, removals and cycles are frequent.
fn batches() -> impl Strategy<Value = Vec<Vec<(u8, Option<Option<u8>>)>>> {
    let said = prop_oneof![1 => Just(None), 8 => option::weighted(0.85, 0..9_u8).prop_map(Some)];
    vec(vec((0..8_u8, said), 1..5), 1..25)
}

#[test]
fn the_closure_is_what_a_naive_walk_finds_after_every_batch() {
    let runtime = Runtime::new().expect("a runtime");
    let connection = tokio::sync::Mutex::new(runtime.block_on(connect()));
    let config = ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(&batches(), |batches| {
        runtime.block_on(async {
            let mut connection = connection.lock().await;
            clear(&mut connection).await;
            let mut world = World::default();
            for batch in batches {
                world.write(&mut connection, &batch).await;
                prop_assert_eq!(stored(&mut connection).await, world.closure(), "{:?}", world);
                prop_assert_eq!(world.walked(), world.closure(), "{:?}", world);
            }
            Ok(())
        })
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

#[tokio::test]
async fn what_is_above_a_limit_does_not_count_and_subtrees_move_whole() {
    let mut connection = connect().await;
    let mut world = World::default();
    let chain: Vec<_> = (0..70_u8).map(|number| (number, Some(number.checked_sub(1)))).collect();
    // From the leaves up, so that every batch comes above what is there.
    for part in chain.chunks(20).rev() {
        world.write(&mut connection, part).await;
        assert_eq!(stored(&mut connection).await, world.closure());
    }
    world.write(&mut connection, &[(30, Some(Some(5)))]).await;
    assert_eq!(stored(&mut connection).await, world.closure(), "moved up");
    let refused = world.write(&mut connection, &[(5, Some(Some(40)))]).await;
    assert_eq!((refused, stored(&mut connection).await), (1, world.closure()), "a cycle");
    let refused = world.write(&mut connection, &[(30, Some(None))]).await;
    assert_eq!((refused, stored(&mut connection).await), (0, world.closure()), "the cycle is gone");
    assert!(stored(&mut connection).await.contains(&"c5 c40 1".to_owned()));

    clear(&mut connection).await;
    let mut world = World::default();
    world.write(&mut connection, &chain).await;
    let refused = world.write(&mut connection, &[(0, Some(Some(69)))]).await;
    assert_eq!((refused, stored(&mut connection).await), (0, world.closure()), "a cycle longer than anybody looks");
    assert_eq!(world.walked(), world.closure());
}
