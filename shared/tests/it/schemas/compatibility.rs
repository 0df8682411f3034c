//! What may change in a published schema: nothing that a reader or a record of the past could trip over.
//!
//! Readers of the past meet new records, and new readers old records, so only an optional member may be added, and words for
//! people may change. Everything else needs a new major version: a new type and a new file.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Keywords that say nothing about what is valid.
const FOR_PEOPLE: [&str; 4] = ["title", "description", "examples", "$comment"];

/// What of the published schemas is not there any more, or not as it was. Schemas are given by `$id`.
pub fn differences(published: &BTreeMap<String, Value>, present: &BTreeMap<String, Value>) -> Vec<String> {
    let mut found = Vec::new();
    for (id, schema) in published {
        match present.get(id) {
            None => found.push(format!("{id} is missing")),
            Some(now) => compare(id, schema, now, &mut found),
        }
    }
    found
}

fn compare(path: &str, was: &Value, is: &Value, found: &mut Vec<String>) {
    let (Value::Object(was), Value::Object(is)) = (was, is) else {
        if was != is {
            found.push(format!("{path} was {was} and is {is}"));
        }
        return;
    };
    let keywords: std::collections::BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    for keyword in keywords.into_iter().filter(|keyword| !FOR_PEOPLE.contains(&keyword.as_str())) {
        let path = format!("{path}/{keyword}");
        match (keyword.as_str(), was.get(keyword), is.get(keyword)) {
            ("properties" | "$defs", was, is) => compare_members(&path, was, is, found),
            ("required" | "enum", Some(was), Some(is)) if sorted(was) == sorted(is) => {}
            ("required" | "enum", Some(was), Some(is)) => found.push(format!("{path} was {was} and is {is}")),
            (_, Some(was), Some(is)) => compare(&path, was, is, found),
            (_, Some(_), None) => found.push(format!("{path} is gone")),
            (_, None, Some(_)) => found.push(format!("{path} is new")),
            (_, None, None) => {}
        }
    }
}

/// Members may be added: `required`, which is compared too, keeps them optional.
fn compare_members(path: &str, was: Option<&Value>, is: Option<&Value>, found: &mut Vec<String>) {
    for (name, was) in was.and_then(Value::as_object).into_iter().flatten() {
        match is.and_then(|members| members.get(name)) {
            None => found.push(format!("{path}/{name} is gone")),
            Some(is) => compare(&format!("{path}/{name}"), was, is, found),
        }
    }
}

fn sorted(words: &Value) -> Vec<String> {
    let mut words: Vec<_> = words.as_array().into_iter().flatten().map(Value::to_string).collect();
    words.sort();
    words
}

/// The paths of all members that a schema names, those behind `$ref` and `items` included (an item is number 0).
pub fn properties(schema: &Value) -> Vec<String> {
    fn walk(root: &Value, schema: &Value, prefix: &str, found: &mut Vec<String>) {
        if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/$defs/")) {
            walk(root, &root["$defs"][name], prefix, found);
        }
        if schema.get("items").is_some() {
            walk(root, &schema["items"], &format!("{prefix}0."), found);
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            found.push(format!("{prefix}{name}"));
            walk(root, property, &format!("{prefix}{name}."), found);
        }
    }
    let mut found = Vec::new();
    walk(schema, schema, "", &mut found);
    found
}

/// Copies of the schemas, each with one member removed, renamed, or required that was not, at any depth.
pub fn incompatible_variants(schemas: &BTreeMap<String, Value>) -> Vec<(String, BTreeMap<String, Value>)> {
    let mut found = Vec::new();
    for (id, schema) in schemas {
        let mut places = Vec::new();
        places_of_members(schema, "", &mut places);
        for (place, name) in places {
            for change in ["removed", "renamed", "required"] {
                let mut changed = schema.clone();
                let holder = changed.pointer_mut(&place).expect("the place is there");
                if change_member(holder, &name, change) {
                    let mut all = schemas.clone();
                    all.insert(id.clone(), changed);
                    found.push((format!("{id}{place}: {name} {change}"), all));
                }
            }
        }
    }
    found
}

/// Where `properties` lie, as JSON Pointers to what holds them, with the name of each member.
fn places_of_members(schema: &Value, pointer: &str, found: &mut Vec<(String, String)>) {
    let Value::Object(keywords) = schema else { return };
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        found.push((pointer.to_owned(), name.clone()));
        places_of_members(property, &format!("{pointer}/properties/{name}"), found);
    }
    for (name, definition) in schema["$defs"].as_object().into_iter().flatten() {
        places_of_members(definition, &format!("{pointer}/$defs/{name}"), found);
    }
    for keyword in ["items", "additionalProperties"].into_iter().filter(|keyword| keywords.contains_key(*keyword)) {
        places_of_members(&schema[keyword], &format!("{pointer}/{keyword}"), found);
    }
}

/// Whether the change is one: what is required already cannot become so.
fn change_member(holder: &mut Value, name: &str, change: &str) -> bool {
    if change == "required" {
        let mut required = holder["required"].as_array().cloned().unwrap_or_default();
        let is_new = !required.contains(&json!(name));
        required.push(json!(name));
        holder["required"] = Value::Array(required);
        return is_new;
    }
    let members = holder["properties"].as_object_mut().expect("members");
    let member = members.remove(name).expect("the member is there");
    if change == "renamed" {
        members.insert(format!("{name}Anew"), member);
    }
    true
}

fn published() -> Value {
    json!({
        "$id": "urn:a", "description": "A thing.", "type": "object", "required": ["id", "kind"],
        "properties": {
            "id": { "type": "string", "minLength": 1 },
            "kind": { "enum": ["A", "B"] },
            "note": { "type": ["string", "null"] },
            "part": { "$ref": "#/$defs/part" },
        },
        "$defs": { "part": { "type": "object", "required": ["n"], "properties": { "n": { "type": "integer" } } } },
    })
}

/// The differences after one change of the published schema.
fn after(change: impl Fn(&mut Map<String, Value>)) -> Vec<String> {
    let mut changed = published();
    change(changed.as_object_mut().expect("an object"));
    let by_id = |schema: Value| BTreeMap::from([(schema["$id"].as_str().expect("an id").to_owned(), schema)]);
    differences(&by_id(published()), &by_id(changed))
}

#[test]
fn an_incompatible_change_is_found() {
    type Change = fn(&mut Map<String, Value>);
    let changes: [(&str, Change); 19] = [
        ("another id", |schema| schema["$id"] = json!("urn:b")),
        ("a member removed", |schema| drop(schema["properties"].as_object_mut().expect("members").remove("note"))),
        ("a member renamed", |schema| {
            let members = schema["properties"].as_object_mut().expect("members");
            let note = members.remove("note").expect("a note");
            members.insert("remark".to_owned(), note);
        }),
        ("all members removed", |schema| drop(schema.remove("properties"))),
        ("a member newly required", |schema| schema["required"] = json!(["id", "kind", "note"])),
        ("a new member required", |schema| {
            schema["properties"]["fresh"] = json!({});
            schema["required"] = json!(["fresh", "id", "kind"]);
        }),
        ("a member no longer required", |schema| schema["required"] = json!(["id"])),
        ("nothing required any more", |schema| drop(schema.remove("required"))),
        ("a narrower enum", |schema| schema["properties"]["kind"]["enum"] = json!(["A"])),
        ("a wider enum", |schema| schema["properties"]["kind"]["enum"] = json!(["A", "B", "C"])),
        ("a new enum", |schema| schema["properties"]["id"]["enum"] = json!(["x"])),
        ("a narrower type", |schema| schema["properties"]["note"]["type"] = json!("string")),
        ("a wider type", |schema| schema["properties"]["id"]["type"] = json!(["string", "null"])),
        ("another type", |schema| schema["properties"]["id"]["type"] = json!("integer")),
        ("another bound", |schema| schema["properties"]["id"]["minLength"] = json!(2)),
        ("a new bound", |schema| schema["properties"]["id"]["maxLength"] = json!(9)),
        ("closed", |schema| schema.insert("additionalProperties".to_owned(), json!(false)).map_or((), drop)),
        ("another definition", |schema| schema["$defs"]["part"]["properties"]["n"]["type"] = json!("number")),
        ("another reference", |schema| schema["properties"]["part"]["$ref"] = json!("#/$defs/whole")),
    ];
    for (case, change) in changes {
        assert_eq!(
            after(change).len(),
            if case == "all members removed" { 4 } else { 1 },
            "{case}: {:?}",
            after(change)
        );
    }
    assert_eq!(differences(&BTreeMap::from([("urn:a".to_owned(), published())]), &BTreeMap::new()).len(), 1);
}

#[test]
fn a_compatible_change_is_not_found() {
    type Change = fn(&mut Map<String, Value>);
    let changes: [(&str, Change); 6] = [
        ("none", |_| ()),
        ("an optional member", |schema| schema["properties"]["fresh"] = json!({ "type": "string" })),
        ("an optional member of a definition", |schema| schema["$defs"]["part"]["properties"]["m"] = json!({})),
        ("a new definition", |schema| schema["$defs"]["whole"] = json!({ "type": "string" })),
        ("other words", |schema| schema["description"] = json!("Another thing.")),
        ("another order", |schema| schema["required"] = json!(["kind", "id"])),
    ];
    for (case, change) in changes {
        assert_eq!(after(change), Vec::<String>::new(), "{case}");
    }
}
