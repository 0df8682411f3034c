//! `fields`: comma-separated paths; what an answer is reduced to.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Resource;

/// The members of a row that are wanted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fields(Option<Selection>);

/// What is wanted of a value: all of it, or these members.
#[derive(Debug, Clone, PartialEq, Default)]
struct Selection {
    whole: bool,
    members: BTreeMap<String, Selection>,
}

impl Fields {
    /// Parses a percent-decoded `fields`; blank is everything. Of a segment, `id` is always wanted.
    pub fn parse(text: &str, resource: Resource) -> Self {
        let paths: Vec<&str> = text.split(',').map(str::trim).filter(|path| !path.is_empty()).collect();
        if paths.is_empty() {
            return Self(None);
        }
        let always = match resource {
            Resource::Segment => Some("id"),
            Resource::Item | Resource::Customer => None,
        };
        let mut selection = Selection::default();
        for path in paths.into_iter().chain(always) {
            let wanted =
                path.split('.').fold(&mut selection, |at, word| at.members.entry(word.to_owned()).or_default());
            wanted.whole = true;
        }
        Self(Some(selection))
    }

    /// Whether rows stay as they are, so that nothing needs to be applied.
    pub fn is_everything(&self) -> bool {
        self.0.is_none()
    }

    /// Removes what is not wanted. Paths lead through arrays; objects of which nothing is wanted disappear.
    pub fn apply(&self, row: &mut Value) {
        if let Some(selection) = &self.0 {
            selection.keep_in(row);
        }
    }
}

impl Selection {
    /// Whether anything is left.
    fn keep_in(&self, value: &mut Value) -> bool {
        if self.whole {
            return true;
        }
        match value {
            Value::Object(members) => {
                members.retain(|name, member| self.members.get(name).is_some_and(|wanted| wanted.keep_in(member)));
                !members.is_empty()
            }
            Value::Array(items) => {
                items.retain_mut(|item| self.keep_in(item));
                !items.is_empty()
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Fields, Resource};

    #[test]
    fn only_wanted_members_stay_and_dotted_paths_keep_their_nesting() {
        let row = json!({
            "id": "g1", "name": { "en": "Gold", "de": "Gold!" }, "status": "ACTIVE",
            "mixins": { "m": { "list": [{ "a": 1, "b": 2 }, { "b": 3 }], "n": 5 } },
            "metadata": { "version": 1, "createdAt": "2024-04-17T08:00:00.000Z" },
        });
        let cases: [(&str, Value); 7] = [
            ("name,status", json!({ "id": "g1", "name": { "en": "Gold", "de": "Gold!" }, "status": "ACTIVE" })),
            ("metadata.version", json!({ "id": "g1", "metadata": { "version": 1 } })),
            (" metadata , metadata.version", json!({ "id": "g1", "metadata": row["metadata"] })),
            ("name.de", json!({ "id": "g1", "name": { "de": "Gold!" } })),
            ("mixins.m.list.a", json!({ "id": "g1", "mixins": { "m": { "list": [{ "a": 1 }] } } })),
            ("unknown,status.deeper,metadata.unknown", json!({ "id": "g1" })),
            (" , ", row.clone()),
        ];
        for (fields, expected) in cases {
            let mut reduced = row.clone();
            Fields::parse(fields, Resource::Segment).apply(&mut reduced);
            assert_eq!(reduced, expected, "{fields}");
        }
    }

    #[test]
    fn nothing_is_forced_into_rows_of_assignments() {
        let mut row = json!({ "segmentId": "g1", "item": { "id": "p1" }, "type": "PRODUCT" });
        Fields::parse("item.id", Resource::Item).apply(&mut row);
        assert_eq!(row, json!({ "item": { "id": "p1" } }));
    }
}
