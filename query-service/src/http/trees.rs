//! `GET /segments/items/category-trees`: what of the catalogue is assigned to the caller's segments, as trees.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};
use shared::http::{ApiError, ApiResult, Call};

use super::{
    App, answer,
    fresh::Awaited,
    shape::{Languages, parsed},
    sight,
};
use crate::views::{
    PageOf,
    categories::{self, Category, MAX_DEPTH},
};

/// The members of a node that hold texts in several languages.
const LOCALIZED: [&str; 3] = ["name", "localizedDescription", "localizedSlug"];

/// `GET /segments/items/category-trees`, for customers only: also who may read everything sees no more than their own.
pub async fn list(app: App, call: Call) -> ApiResult {
    let visible = sight::own(&app, &call)?;
    let site_code = call.query().get_text("siteCode")?;
    let languages = Languages::of(&app, &call);
    let awaited = Awaited::of(&app, &call)?;
    let shown = awaited.wait(&app, &call, None).await?;
    let categories = match &visible {
        None => Vec::new(),
        Some(visible) => {
            let wanted = categories::Wanted { tenant: &call.tenant, visible, site_code };
            categories::forest(&app.reader, &wanted).await.map_err(super::database)?
        }
    };
    let trees = Forest::of(categories, &languages)?.into_trees();
    let rows = trees.iter().map(Value::to_string).collect();
    Ok(answer::many(&app, shown, PageOf { rows, total: None }))
}

/// Nodes that are not yet put together.
struct Forest {
    /// By the category above; none for roots.
    nodes: HashMap<Option<String>, Vec<Node>>,
}

struct Node {
    id: String,
    /// Nodes without one come last.
    position: Option<i64>,
    members: Map<String, Value>,
}

impl Forest {
    fn of(categories: Vec<Category>, languages: &Languages) -> Result<Self, ApiError> {
        let known: HashSet<String> = categories.iter().map(|category| category.id.clone()).collect();
        let mut nodes: HashMap<_, Vec<Node>> = HashMap::new();
        for mut category in categories {
            // A parent of which nothing is known is not shown, and its children are roots.
            let parent = category.parent_id.take().filter(|parent| known.contains(parent));
            nodes.entry(parent.clone()).or_default().push(Node::of(category, parent, languages)?);
        }
        Ok(Self { nodes })
    }

    fn into_trees(mut self) -> Vec<Value> {
        self.below(None, 0)
    }

    /// What is deeper than categories can have ancestors is left out.
    fn below(&mut self, parent: Option<String>, depth: u16) -> Vec<Value> {
        let mut nodes = self.nodes.remove(&parent).filter(|_| depth <= MAX_DEPTH).unwrap_or_default();
        nodes.sort_by(|one, other| one.order().cmp(&other.order()));
        let mut trees = Vec::with_capacity(nodes.len());
        for Node { id, mut members, .. } in nodes {
            let subcategories = self.below(Some(id), depth + 1);
            if !subcategories.is_empty() {
                members.insert("subcategories".to_owned(), Value::Array(subcategories));
            }
            trees.push(Value::Object(members));
        }
        trees
    }
}

impl Node {
    fn of(category: Category, parent: Option<String>, languages: &Languages) -> Result<Self, ApiError> {
        let mut members = match category.doc.as_deref().map(parsed).transpose()? {
            Some(Value::Object(members)) => members,
            _ => Map::new(),
        };
        let id = category.id;
        for text in LOCALIZED {
            languages.choose(members.get_mut(text));
        }
        members.entry("code").or_insert_with(|| json!(id));
        members.entry("name").or_insert_with(|| json!({}));
        members.insert("id".to_owned(), json!(id));
        members.insert("isSegmentAssigned".to_owned(), json!(category.is_assigned));
        members.extend(parent.map(|parent| ("parentId".to_owned(), json!(parent))));
        let position = members.get("position").and_then(Value::as_i64);
        Ok(Self { id, position, members })
    }

    fn order(&self) -> (bool, Option<i64>, &str) {
        (self.position.is_none(), self.position, &self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn category(id: &str, parent: &str, is_assigned: bool, doc: Option<Value>) -> Category {
        let parent_id = (!parent.is_empty()).then(|| parent.to_owned());
        Category { id: id.to_owned(), parent_id, is_assigned, doc: doc.map(|doc| doc.to_string()) }
    }

    fn trees(categories: Vec<Category>) -> Value {
        let forest = Forest::of(categories, &Languages::all("en")).expect("JSON");
        Value::Array(forest.into_trees())
    }

    #[test]
    fn x11_ancestors_are_there_for_what_is_assigned_below_them() {
        let tools = json!({ "code": "123", "name": { "en": "Tools" }, "position": 0, "published": true });
        let hammer = json!({ "code": "234", "name": { "en": "Hammer" }, "ecn": ["E1"] });
        let built = trees(vec![category("h", "t", true, Some(hammer)), category("t", "", false, Some(tools))]);
        let expected = json!([{
            "id": "t", "code": "123", "name": { "en": "Tools" }, "position": 0, "published": true, "isSegmentAssigned": false,
            "subcategories": [{
                "id": "h", "parentId": "t", "code": "234", "name": { "en": "Hammer" }, "ecn": ["E1"], "isSegmentAssigned": true,
            }],
        }]);
        assert_eq!(built, expected);
    }

    #[test]
    fn what_is_not_known_is_a_root_with_what_is_known() {
        let built =
            trees(vec![category("b", "gone", true, Some(json!({ "code": "B" }))), category("a", "", true, None)]);
        let expected = json!([
            { "id": "a", "code": "a", "name": {}, "isSegmentAssigned": true },
            { "id": "b", "code": "B", "name": {}, "isSegmentAssigned": true },
        ]);
        assert_eq!(built, expected);
    }

    #[test]
    fn neighbours_stand_by_position_and_then_by_id_and_last_without_position() {
        let placed = |id, position: Option<i64>| {
            category(id, "", true, Some(position.map_or(json!({}), |position| json!({ "position": position }))))
        };
        let built = trees(vec![placed("d", None), placed("c", Some(2)), placed("b", Some(10)), placed("a", Some(2))]);
        let ids: Vec<&str> = built.as_array().expect("trees").iter().filter_map(|tree| tree["id"].as_str()).collect();
        assert_eq!(ids, ["a", "c", "b", "d"]);
    }

    #[test]
    fn no_tree_is_deeper_than_its_readers_can_follow() {
        let name = |number: u16| format!("c{number}");
        let chain = (0..2_000).map(|number| {
            let parent = if number == 0 { String::new() } else { name(number - 1) };
            category(&name(number), &parent, true, None)
        });
        let text = trees(chain.collect()).to_string();
        serde_json::from_str::<Value>(&text).expect("not too deep");
        assert_eq!(text.matches("isSegmentAssigned").count(), usize::from(MAX_DEPTH) + 1);
    }
}
