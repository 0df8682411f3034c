//! The same service once more, as simple as can be: documents as JSON in a map, no events. What the laws compare with.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

/// How many things there are to assign.
pub const TARGETS: u8 = 8;

/// What a client asks for. Ids, targets and texts come from tiny sets, so that commands meet.
#[derive(Debug, Clone)]
pub enum Ask {
    Create { id: u8, body: Value },
    Put { id: u8, body: Value, expected: Option<u64> },
    Patch { id: u8, operations: Vec<Value> },
    Delete { id: u8, force: bool },
    Assign { id: u8, target: u8, expected: Option<u64> },
    Unassign { id: u8, target: u8 },
}

/// The condition of a request, by what it takes to meet it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    None,
    Current,
    Former,
    Star,
    CreateOnly,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Created,
    Updated(u64),
    Removed,
    Nothing,
    /// The status code.
    Refused(u16),
}

/// Documents, and the versions of their assignments by target.
#[derive(Debug, Default, PartialEq)]
pub struct Naive {
    pub segments: BTreeMap<u8, (Value, BTreeMap<u8, u64>)>,
}

impl Naive {
    pub fn perform(&mut self, ask: &Ask, tag: Tag) -> Outcome {
        let exists = match ask {
            Ask::Create { id, .. } | Ask::Put { id, .. } | Ask::Patch { id, .. } | Ask::Delete { id, .. } => {
                self.segments.contains_key(id)
            }
            Ask::Assign { id, target, .. } | Ask::Unassign { id, target } => {
                self.segments.get(id).is_some_and(|(_, rows)| rows.contains_key(target))
            }
        };
        let holds = match tag {
            Tag::None => true,
            Tag::Current | Tag::Star => exists,
            Tag::Former => false,
            Tag::CreateOnly => !exists,
        };
        if !holds {
            return Outcome::Refused(412);
        }
        match ask {
            Ask::Create { id, body } => self.create(*id, body),
            Ask::Put { id, body, expected } => self.put(*id, body, *expected),
            Ask::Patch { id, operations } => self.patch(*id, operations),
            Ask::Delete { id, force } => self.delete(*id, *force),
            Ask::Assign { id, target, expected } => self.assign(*id, *target, *expected),
            Ask::Unassign { id, target } => {
                let rows = self.segments.get_mut(id).map(|(_, rows)| rows);
                rows.and_then(|rows| rows.remove(target)).map_or(Outcome::Nothing, |_| Outcome::Removed)
            }
        }
    }

    fn create(&mut self, id: u8, body: &Value) -> Outcome {
        if self.segments.contains_key(&id) {
            return Outcome::Refused(409);
        }
        let mut document = body.clone();
        document["version"] = json!(1);
        self.segments.insert(id, (document, BTreeMap::new()));
        Outcome::Created
    }

    fn put(&mut self, id: u8, body: &Value, expected: Option<u64>) -> Outcome {
        let Some((document, _)) = self.segments.get_mut(&id) else { return self.create(id, body) };
        let version = document["version"].as_u64().expect("a number");
        if expected.is_some_and(|expected| expected != version) {
            return Outcome::Refused(409);
        }
        *document = body.clone();
        document["version"] = json!(version + 1);
        Outcome::Updated(version + 1)
    }

    /// Operations here are `add` or `remove` of `/mixins/<name>` and `replace` of `/status` only.
    fn patch(&mut self, id: u8, operations: &[Value]) -> Outcome {
        let Some((document, _)) = self.segments.get_mut(&id) else { return Outcome::Refused(404) };
        let mut work = document.clone();
        for operation in operations {
            let path = operation["path"].as_str().expect("a text");
            let value = operation["value"].clone();
            match (operation["op"].as_str(), path.strip_prefix("/mixins/")) {
                (Some("add"), Some(name)) => work["mixins"][name] = value,
                (Some("remove"), Some(name)) => {
                    let mixins = work.get_mut("mixins").and_then(Value::as_object_mut);
                    if mixins.and_then(|mixins| mixins.remove(name)).is_none() {
                        return Outcome::Refused(400);
                    }
                }
                _ => work["status"] = value,
            }
        }
        if work["status"] != json!("ACTIVE") && work["status"] != json!("INACTIVE") {
            return Outcome::Refused(400);
        }
        if operations.is_empty() {
            return Outcome::Nothing;
        }
        let version = work["version"].as_u64().expect("a number") + 1;
        work["version"] = json!(version);
        *document = work;
        Outcome::Updated(version)
    }

    fn delete(&mut self, id: u8, force: bool) -> Outcome {
        match self.segments.get(&id) {
            None => Outcome::Nothing,
            Some((_, rows)) if !rows.is_empty() && !force => Outcome::Refused(400),
            Some(_) => {
                self.segments.remove(&id);
                Outcome::Removed
            }
        }
    }

    fn assign(&mut self, id: u8, target: u8, expected: Option<u64>) -> Outcome {
        let Some((_, rows)) = self.segments.get_mut(&id) else { return Outcome::Refused(400) };
        let Some(version) = rows.get_mut(&target) else {
            rows.insert(target, 1);
            return Outcome::Created;
        };
        if expected.is_some_and(|expected| expected != *version) {
            return Outcome::Refused(409);
        }
        *version += 1;
        Outcome::Updated(*version)
    }
}

fn any_body() -> impl Strategy<Value = Value> {
    let parts = ("[A-C]", prop::sample::select(vec!["ACTIVE", "INACTIVE"]), prop::option::of("[x-z]"));
    parts.prop_map(|(name, status, mixin)| {
        let mut body = json!({ "name": { "en": name }, "siteCode": "main", "status": status });
        if let Some(mixin) = mixin {
            body["mixins"] = json!({ mixin: [1] });
        }
        body
    })
}

fn any_operation() -> impl Strategy<Value = Value> {
    prop_oneof![
        ("/mixins/[x-z]", 0..9).prop_map(|(path, value)| json!({ "op": "add", "path": path, "value": value })),
        "/mixins/[x-z]".prop_map(|path| json!({ "op": "remove", "path": path })),
        prop::sample::select(vec!["ACTIVE", "INACTIVE", "ACTIVE", "on"])
            .prop_map(|status| json!({ "op": "replace", "path": "/status", "value": status })),
    ]
}

pub fn any_ask() -> impl Strategy<Value = (Ask, Tag)> {
    let id = 0..3u8;
    let target = 0..TARGETS;
    let expected = prop::option::weighted(0.3, 0..4u64);
    let ask = prop_oneof![
        2 => (id.clone(), any_body()).prop_map(|(id, body)| Ask::Create { id, body }),
        3 => (id.clone(), any_body(), expected.clone()).prop_map(|(id, body, expected)| Ask::Put { id, body, expected }),
        3 => (id.clone(), prop::collection::vec(any_operation(), 0..3))
            .prop_map(|(id, operations)| Ask::Patch { id, operations }),
        2 => (id.clone(), any::<bool>()).prop_map(|(id, force)| Ask::Delete { id, force }),
        6 => (id.clone(), target.clone(), expected)
            .prop_map(|(id, target, expected)| Ask::Assign { id, target, expected }),
        3 => (id, target).prop_map(|(id, target)| Ask::Unassign { id, target }),
    ];
    let tag = prop_oneof![
        12 => Just(Tag::None), 2 => Just(Tag::Current), 1 => Just(Tag::Former), 1 => Just(Tag::Star),
        1 => Just(Tag::CreateOnly),
    ];
    (ask, tag)
}
