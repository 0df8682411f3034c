//! What a segment document puts into the columns of the view that filters and sorting use. The projector takes them from
//! here, so that what is written and what is asked cannot drift apart.

use serde_json::{Map, Value, json};
use shared::document::{Localized, Mixins, Segment};

/// The free-form and localized parts of a segment, as the view keeps them for searching.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentColumns {
    /// For `segment.site_code`.
    pub site_code: String,
    /// For `segment.search`.
    pub search: Value,
    /// For `segment.texts`.
    pub texts: String,
    /// For `metadata_text`.
    pub metadata_texts: Vec<String>,
}

impl SegmentColumns {
    /// The columns of a document.
    pub fn of(segment: &Segment) -> Self {
        let description = segment.description.as_ref();
        let mut search = free_form(segment.mixins.as_ref(), segment.metadata.mixins.as_ref());
        insert_localized(&mut search, "name", Some(&segment.name));
        insert_localized(&mut search, "description", description);

        let translations = segment.name.values().chain(description.into_iter().flat_map(|map| map.values()));
        let texts: Vec<&str> = translations.map(String::as_str).collect();
        let mut metadata_texts = Vec::new();
        segment
            .metadata
            .mixins
            .iter()
            .flat_map(Map::values)
            .for_each(|value| collect_strings(value, &mut metadata_texts));
        Self {
            site_code: storable(&segment.site_code),
            search: Value::Object(search),
            texts: storable(&texts.join("\n")),
            metadata_texts: metadata_texts.into_iter().map(storable).collect(),
        }
    }
}

/// For the `search` of an assignment: the mixins of the row and of its metadata, or nothing if it has neither.
pub fn assignment_search(mixins: Option<&Mixins>, metadata_mixins: Option<&Mixins>) -> Option<Value> {
    let search = free_form(mixins, metadata_mixins);
    (!search.is_empty()).then_some(Value::Object(search))
}

fn free_form(mixins: Option<&Mixins>, metadata_mixins: Option<&Mixins>) -> Map<String, Value> {
    let kept = |mixins: Option<&Mixins>| mixins.filter(|mixins| !mixins.is_empty()).map(storable_object);
    let mut search = Map::new();
    search.extend(kept(mixins).map(|mixins| ("mixins".to_owned(), mixins)));
    search.extend(kept(metadata_mixins).map(|mixins| ("metadata".to_owned(), json!({ "mixins": mixins }))));
    search
}

fn insert_localized(search: &mut Map<String, Value>, member: &str, texts: Option<&Localized>) {
    let entry = |(language, text): (&String, &String)| json!({ "l": storable(&language.to_ascii_lowercase()), "v": storable(text) });
    let entries: Vec<Value> = texts.into_iter().flatten().map(entry).collect();
    if !entries.is_empty() {
        search.insert(member.to_owned(), Value::Array(entries));
    }
}

fn collect_strings<'a>(value: &'a Value, into: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => into.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect_strings(item, into)),
        Value::Object(members) => members.values().for_each(|member| collect_strings(member, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Postgres stores no U+0000, and no query can name it; the document itself keeps it.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{FFFD}")
}

fn storable_object(members: &Mixins) -> Value {
    Value::Object(members.iter().map(|(name, value)| (storable(name), storable_value(value))).collect())
}

fn storable_value(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(storable(text)),
        Value::Array(items) => Value::Array(items.iter().map(storable_value).collect()),
        Value::Object(members) => storable_object(members),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}
