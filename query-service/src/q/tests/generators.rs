//! Random documents and random queries over one small vocabulary, so that they often meet.

use std::collections::BTreeMap;

use proptest::{
    collection::{btree_map, vec},
    option,
    prelude::*,
    sample::select,
};
use serde_json::{Map, Value, json};
use shared::{
    Timestamp,
    document::{Localized, Metadata, Mixins, Segment, Status, Validity},
    ids::SegmentId,
};

use super::database::{Assignment, Target};
use crate::q::{
    Query,
    ast::{Clause, Comparison, Op, Path, Test},
    pattern::Pattern,
    scalar::Scalar,
};

const TEXTS: [&str; 21] = [
    "",
    "Golden Segment",
    "Gold",
    "gold",
    "old",
    "20",
    "20.0",
    "2e1",
    "-5",
    "true",
    "null",
    "exists",
    "a\nb",
    "Über",
    "\"q\\\"",
    "2024-04-17T08:00:00.000Z",
    "2024-04-17T10:00:00+02:00",
    "2024-04-18",
    "2024-02-30",
    "2024-04-17T08:00:00.1234567Z",
    "ACTIVE",
];
const MILLIS: [i64; 4] = [1_713_340_800_000, 1_713_340_800_001, 1_713_398_400_000, -5_000_000_000];
const FIELDS: [&str; 46] = [
    "id",
    "_id",
    "status",
    "status.deeper",
    "siteCode",
    "name",
    "name.en",
    "name.EN-us",
    "name.fr",
    "name.en.deeper",
    "description",
    "description.de",
    "validity",
    "validity.from",
    "validity.to",
    "validity.other",
    "metadata",
    "metadata.version",
    "metadata.createdAt",
    "metadataModifiedAt",
    "metadata.other",
    "metadata.mixins",
    "metadata.mixins.a",
    "mixins",
    "mixins.a",
    "mixins.b",
    "mixins.a.b",
    "mixins.a.a.b",
    "unknown",
    "segmentId",
    "type",
    "item",
    "item.id",
    "item.code",
    "item.name",
    "item.name.en",
    "item.name.EN-us",
    "item.name.en.deeper",
    "customer",
    "customer.id",
    "customer.email",
    "customer.firstName",
    "legalEntity",
    "legalEntity.id",
    "legalEntity.name",
    "assignmentType",
];
const PATTERNS: [&str; 12] = [
    "old",
    "^Gold",
    "(?i)gold",
    "o.*t$",
    r"\bold\b",
    "^$",
    r"\d",
    "(Golden Seg)",
    r"(?m)^b",
    "[^a-z]",
    "ü|Ü",
    r"^\w+$",
];

/// So many cases, and no files: a failing case is printed.
pub fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn text() -> impl Strategy<Value = String> {
    select(&TEXTS[..]).prop_map(str::to_owned)
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    select(&MILLIS[..]).prop_map(Timestamp::from_unix_millis)
}

fn localized() -> impl Strategy<Value = Localized> {
    btree_map(select(vec!["en", "de", "en-US", "EN-us"]).prop_map(str::to_owned), text(), 1..3)
}

fn json_value() -> impl Strategy<Value = Value> {
    let number =
        select(vec![json!(20), json!(20.0), json!(-5), json!(0.1), json!(1e300), json!(9_007_199_254_740_993_i64)]);
    let leaf = prop_oneof![4 => text().prop_map(Value::from), 2 => number, 1 => any::<bool>().prop_map(Value::from), 1 => Just(Value::Null)];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![vec(inner.clone(), 0..3).prop_map(Value::from), members(inner).prop_map(Value::Object)]
    })
}

fn members(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    btree_map(select(vec!["a", "b"]), value, 0..3)
        .prop_map(|members: BTreeMap<_, _>| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn mixins() -> impl Strategy<Value = Option<Mixins>> {
    option::weighted(0.8, members(json_value()))
}

fn segment() -> impl Strategy<Value = Segment> {
    let validity =
        option::of((option::of(timestamp()), option::of(timestamp())).prop_map(|(from, to)| Validity { from, to }));
    let metadata = (1..4_u64, timestamp(), timestamp(), mixins())
        .prop_map(|(version, created_at, modified_at, mixins)| Metadata { version, created_at, modified_at, mixins });
    let id = SegmentId::parse("replaced").expect("an id");
    let status = select(vec![Status::Active, Status::Inactive]);
    (Just(id), localized(), option::of(localized()), validity, status, text(), mixins(), metadata).prop_map(
        |(id, name, description, validity, status, site_code, mixins, metadata)| Segment {
            id,
            name,
            description,
            validity,
            status,
            site_code,
            mixins,
            metadata,
        },
    )
}

/// Documents with the ids `Gold0`, `Gold1`, …
pub fn segments() -> impl Strategy<Value = Vec<Segment>> {
    vec(segment(), 1..10).prop_map(|segments| {
        let numbered = |(index, segment): (usize, Segment)| Segment {
            id: SegmentId::parse(&format!("Gold{index}")).expect("an id"),
            ..segment
        };
        segments.into_iter().enumerate().map(numbered).collect()
    })
}

/// Assignments of the items `0`, `1`, …
pub fn items() -> impl Strategy<Value = Vec<Assignment>> {
    assignments((select(vec!["PRODUCT", "CATEGORY"]), select(vec!["Gold", "old"])), |index, (kind, segment_id)| {
        Target::Item(segment_id.to_owned(), kind, index.to_string())
    })
}

/// Assignments of the customers `Gold0`, `Gold1`, …
pub fn customers() -> impl Strategy<Value = Vec<Assignment>> {
    assignments(select(vec!["", "", "Gold", "20", "2024-04-18"]), |index, legal_entity_id: &str| {
        Target::Customer(format!("Gold{index}"), legal_entity_id.to_owned())
    })
}

fn assignments<S: Strategy>(
    names: S,
    target: impl Fn(usize, S::Value) -> Target,
) -> impl Strategy<Value = Vec<Assignment>> {
    vec((names, segment()), 1..8).prop_map(move |rows| {
        let numbered = |(index, (names, segment)): (usize, (S::Value, Segment))| Assignment {
            target: target(index, names),
            segment,
        };
        rows.into_iter().enumerate().map(numbered).collect()
    })
}

fn scalar() -> impl Strategy<Value = Scalar> {
    let quoted = text().prop_map(|text| Scalar { text, quoted: true });
    let bare = select(vec![
        "Gold",
        "gold",
        "20",
        "20.0",
        "2e1",
        "-5",
        "0.1",
        "1e300",
        "1e999",
        "9007199254740993",
        "1.5",
        "2",
        "true",
        "false",
        "Gold1",
        "2024-04-17T08:00:00Z",
        "2024-04-18",
        "2024-04-17T08:00:00.123456Z",
        "ACTIVE",
        "PRODUCT",
        "Über",
    ]);
    prop_oneof![quoted, bare.prop_map(|text| Scalar { text: text.to_owned(), quoted: false })]
}

fn comparison() -> impl Strategy<Value = Comparison> {
    let op = select(vec![Op::Less, Op::AtMost, Op::Greater, Op::AtLeast]);
    (op, scalar()).prop_map(|(op, bound)| Comparison { op, bound })
}

fn test() -> impl Strategy<Value = Test> {
    let pattern = select(&PATTERNS[..]).prop_map(|source| Pattern::parse(source).expect("a pattern"));
    prop_oneof![
        1 => Just(Test::Missing),
        1 => Just(Test::Exists),
        3 => vec(scalar(), 1..4).prop_map(Test::AnyOf),
        3 => vec(comparison(), 1..3).prop_map(Test::Within),
        3 => pattern.prop_map(Test::Matches),
    ]
}

fn clause() -> impl Strategy<Value = Clause> {
    let field = select(&FIELDS[..]).prop_map(|field| Path(field.split('.').map(str::to_owned).collect()));
    (field, test()).prop_map(|(field, test)| Clause { field, test })
}

/// Queries of one or two clauses, rarely none.
pub fn query() -> impl Strategy<Value = Query> {
    let clauses = prop_oneof![1 => Just(0), 12 => Just(1), 4 => Just(2_usize)];
    clauses.prop_flat_map(|count| vec(clause(), count)).prop_map(|clauses| Query { clauses })
}
