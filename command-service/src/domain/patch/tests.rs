//! Every rule about patches, one row each; and the law that normalised operations obey.

use FaultKind::{Enum, Limit, Path, Range, Required, Syntax, Type};
use proptest::{prelude::*, test_runner::TestRunner};

use super::*;
use crate::domain::MAX_DEPTH;

fn now() -> Timestamp {
    "2026-01-02T03:04:05.678Z".parse().expect("a date-time")
}

fn segment(members: Value) -> Segment {
    let mut document = json!({
        "id": "g1", "name": { "en": "Gold" }, "status": "ACTIVE", "siteCode": "main",
        "metadata": { "version": 3, "createdAt": "2025-01-01T00:00:00.000Z", "modifiedAt": "2025-01-02T00:00:00.000Z" },
    });
    for (name, value) in members.as_object().expect("an object") {
        match (name.as_str(), value) {
            ("metadata", mixins) => document["metadata"]["mixins"] = mixins.clone(),
            (name, value) => document[name] = value.clone(),
        }
    }
    serde_json::from_value(document).expect("a segment")
}

fn patched(before: &Segment, operations: Value, language: ContentLanguage) -> Result<SegmentPatched, Fault> {
    Patch::parse(operations, &language)?.apply(before, now())
}

fn english() -> ContentLanguage {
    ContentLanguage::One("en".to_owned())
}

/// Applies the operations of the event as any reader of it would.
fn reapplied(before: &Segment, operations: &[PatchOperation]) -> Value {
    let operations: json_patch::Patch =
        serde_json::from_value(json!(operations)).expect("the event carries RFC 6902 operations");
    let mut document = to_json(before);
    json_patch::patch(&mut document, &operations).expect("normalised operations apply");
    document
}

fn obeys_the_law(before: &Segment, event: &SegmentPatched) -> Result<(), TestCaseError> {
    let mut by_operations = reapplied(before, &event.patch);
    let after = to_json(&event.segment);
    prop_assert_eq!(&by_operations["metadata"]["version"], &json!(event.previous_version));
    for member in ["version", "modifiedAt"] {
        by_operations["metadata"][member] = after["metadata"][member].clone();
    }
    prop_assert_eq!(by_operations, after);
    Ok(())
}

/// Case, language of the request, operation, where to look afterwards, what is there.
const SINGLE_OPERATIONS: &str = r#"
    T01                   | en | replace /status "INACTIVE"                          | /status           | "INACTIVE"
    T02                   | en | replace /name {"fr":"Or"}                           | /name             | {"fr":"Or"}
    T03                   | en | add /name/fr "Or"                                   | /name/fr          | "Or"
    T04                   | en | remove /description                                 | /description      | null
    T05                   | en | replace /mixins/a/b 2                               | /mixins/a/b       | 2
    T13                   | en | add /mixins/a~1b~0 7                                | /mixins/a~1b~0    | 7
    no status             | en | remove /status                                      | /status           | "INACTIVE"
    null status           | en | replace /status null                                | /status           | "INACTIVE"
    null in a mixin       | en | add /mixins/n null                                  | /mixins           | {"a":{"b":1,"list":[1,2]},"n":null}
    null mixins           | en | replace /mixins null                                | /mixins           | null
    null bound            | en | replace /validity/from null                         | /validity         | {}
    one text              | de | replace /name "Or"                                  | /name             | {"en":"Gold","de":"Or"}
    one text added        | fr | add /description "Or"                               | /description      | {"en":"Text","fr":"Or"}
    index of an array     | en | add /mixins/a/list/1 9                              | /mixins/a/list    | [1,9,2]
    end of an array       | en | add /mixins/a/list/- 9                              | /mixins/a/list    | [1,2,9]
    date with an offset   | en | add /validity/to "2024-06-01T02:00:00+02:00"        | /validity/to      | "2024-06-01T00:00:00.000Z"
    schema of a mixin     | en | add /metadata/mixins/b "u"                          | /metadata/mixins  | {"a":"https://example.com","b":"u"}
    unknown member        | en | add /validity/at 1                                  | /validity         | {"from":"2024-01-01T00:00:00.000Z"}
"#;

fn full_segment() -> Segment {
    segment(json!({
        "name": { "en": "Gold", "de": "Gold" }, "description": { "en": "Text" },
        "validity": { "from": "2024-01-01T00:00:00.000Z" },
        "mixins": { "a": { "b": 1, "list": [1, 2] } }, "metadata": { "a": "https://example.com" },
    }))
}

#[test]
fn operations_do_what_the_contract_says() {
    for row in SINGLE_OPERATIONS.trim().lines() {
        let columns: Vec<&str> = row.split('|').map(str::trim).collect();
        let [case, language, operation, pointer, expected] = columns[..] else { panic!("{row}") };
        let parts: Vec<&str> = operation.splitn(3, ' ').collect();
        let mut operation = json!({ "op": parts[0], "path": parts[1] });
        if let Some(value) = parts.get(2) {
            operation["value"] = value.parse().expect(case);
        }
        let before = full_segment();
        let event = patched(&before, json!([operation]), ContentLanguage::One(language.to_owned())).expect(case);
        let after = to_json(&event.segment);
        assert_eq!(after.pointer(pointer).unwrap_or(&Value::Null), &expected.parse::<Value>().expect(case), "{case}");
        assert_eq!((event.previous_version, event.segment.metadata.version), (3, 4), "{case}: one version a request");
        assert_eq!(event.segment.metadata.modified_at, now(), "{case}");
        obeys_the_law(&before, &event).expect(case);
    }
}

#[test]
fn only_the_document_at_the_end_has_to_be_valid() {
    let operations = json!([
        { "op": "remove", "path": "/name" }, { "op": "replace", "path": "/status", "value": "on" },
        { "op": "add", "path": "/name", "value": "Or" }, { "op": "remove", "path": "/status" },
    ]);
    let event = patched(&full_segment(), operations, english()).expect("a valid patch");
    let after = to_json(&event.segment);
    assert_eq!((&after["name"], &after["status"]), (&json!({ "en": "Or" }), &json!("INACTIVE")));
    obeys_the_law(&full_segment(), &event).expect("the law holds");
}

#[test]
fn parents_are_created_where_the_contract_says() {
    for (path, expected) in [
        ("/mixins/a", json!({ "a": "x" })),
        ("/description/de", json!({ "de": "x" })),
        ("/validity/to", json!(null)),
        ("/metadata/mixins/a", json!({ "a": "x" })),
    ] {
        let before = segment(json!({}));
        let value = if path == "/validity/to" { "2024-01-01T00:00:00.000Z" } else { "x" };
        let event = patched(&before, json!([{ "op": "add", "path": path, "value": value }]), english()).expect(path);
        let (root, _) = path.rsplit_once('/').expect("a path below a root");
        let created = PatchOperation::Add { path: root.to_owned(), value: json!({}) };
        let added = PatchOperation::Add { path: path.to_owned(), value: json!(value) };
        assert_eq!(event.patch, [created, added], "{path}");
        if !expected.is_null() {
            assert_eq!(to_json(&event.segment).pointer(root), Some(&expected), "{path}");
        }
        obeys_the_law(&before, &event).expect(path);
    }
}

#[test]
fn malformed_operations_are_refused_before_the_segment_is_looked_at() {
    for (operations, field, kind) in [
        (json!({ "name": { "en": "x" } }), "", Type), // T12
        (json!("x"), "", Type),
        (json!([1]), "[0]", Type),
        (json!([{ "path": "/status" }]), "[0].op", Required),
        (json!([{ "op": 1, "path": "/status" }]), "[0].op", Type),
        (json!([{ "op": "test", "path": "/status", "value": 1 }]), "[0].op", Enum), // T06
        (json!([{ "op": "move", "path": "/status", "from": "/x" }]), "[0].op", Enum),
        (json!([{ "op": "copy", "path": "/status", "from": "/x", "value": 1 }]), "[0].op", Enum),
        (json!([{ "op": "ADD", "path": "/status", "value": "ACTIVE" }]), "[0].op", Enum),
        (json!([{ "op": "remove" }]), "[0].path", Required),
        (json!([{ "op": "remove", "path": [] }]), "[0].path", Type),
        (json!([{ "op": "remove", "path": "status" }]), "[0].path", Syntax),
        (json!([{ "op": "remove", "path": "/mixins/~2" }]), "[0].path", Syntax),
        (json!([{ "op": "remove", "path": "/mixins/~" }]), "[0].path", Syntax),
        (json!([{ "op": "replace", "path": "/status" }]), "[0].value", Required),
        (json!([{ "op": "remove", "path": "/status" }, { "op": "add", "path": "/status" }]), "[1].value", Required),
        (json!([{ "op": "replace", "path": "", "value": {} }]), "[0].path", Path), // T10 and its like
        (json!([{ "op": "replace", "path": "/id", "value": "x" }]), "[0].path", Path),
        (json!([{ "op": "replace", "path": "/metadata", "value": {} }]), "[0].path", Path),
        (json!([{ "op": "replace", "path": "/metadata/version", "value": 9 }]), "[0].path", Path),
        (json!([{ "op": "remove", "path": "/metadata/createdAt" }]), "[0].path", Path),
        (json!([{ "op": "add", "path": "/nameless", "value": 9 }]), "[0].path", Path),
        (json!([{ "op": "add", "path": "/", "value": 9 }]), "[0].path", Path),
        (Value::from(vec![json!({ "op": "remove", "path": "/status" }); MAX_OPERATIONS + 1]), "", Limit),
    ] {
        let fault = Patch::parse(operations.clone(), &english()).map_err(|fault| (fault.field, fault.kind));
        assert_eq!(fault, Err((field.to_owned(), kind)), "{operations:.200}");
    }
    let most = Value::from(vec![json!({ "op": "remove", "path": "/status" }); MAX_OPERATIONS]);
    assert!(Patch::parse(most, &english()).is_ok());
}

#[test]
fn operations_that_do_not_apply_or_leave_an_invalid_document_are_refused() {
    let add_then = |value: Value, path: &str| json!([{ "op": "add", "path": "/name", "value": value }, { "op": "add", "path": path, "value": "x" }]);
    let deep = (0..MAX_DEPTH - 2).fold(json!(1), |inner, _| json!([inner]));
    for (operations, field, kind) in [
        (json!([{ "op": "replace", "path": "/mixins/nope", "value": 1 }]), "[0].path", Path), // T08
        (json!([{ "op": "replace", "path": "/description", "value": "x" }]), "[0].path", Path),
        (json!([{ "op": "remove", "path": "/description" }]), "[0].path", Path),
        (json!([{ "op": "add", "path": "/mixins/a/b/c/d", "value": 1 }]), "[0].path", Path),
        (json!([{ "op": "add", "path": "/status/x", "value": 1 }]), "[0].path", Path),
        (json!([{ "op": "add", "path": "/mixins/list/01", "value": 1 }]), "[0].path", Path),
        (json!([{ "op": "add", "path": "/mixins/list/3", "value": 1 }]), "[0].path", Path),
        (json!([{ "op": "remove", "path": "/mixins/list/-" }]), "[0].path", Path),
        (json!([{ "op": "replace", "path": "/mixins/list/-", "value": 1 }]), "[0].path", Path),
        (add_then(json!([]), "/name/-"), "[1].path", Path),
        (add_then(json!(["x"]), "/name/0"), "[1].path", Path),
        (
            json!([{ "op": "replace", "path": "/status", "value": "ACTIVE" }, { "op": "remove", "path": "/mixins/nope" }]),
            "[1].path",
            Path,
        ), // T11
        (json!([{ "op": "remove", "path": "/name" }]), "name", Required), // T09
        (json!([{ "op": "remove", "path": "/name/en" }]), "name", Required),
        (json!([{ "op": "remove", "path": "/siteCode" }]), "siteCode", Required),
        (json!([{ "op": "replace", "path": "/siteCode", "value": " " }]), "siteCode", Required),
        (json!([{ "op": "replace", "path": "/name", "value": 5 }]), "name", Type),
        (json!([{ "op": "add", "path": "/name/de", "value": 5 }]), "name.de", Type),
        (json!([{ "op": "replace", "path": "/status", "value": "on" }]), "status", Enum),
        (
            json!([{ "op": "add", "path": "/validity", "value": { "from": "2024-01-02T00:00:00Z", "to": "2024-01-01T00:00:00Z" } }]),
            "validity.from",
            Range,
        ),
        (json!([{ "op": "add", "path": "/validity/from", "value": "soon" }]), "validity.from", Syntax),
        (json!([{ "op": "add", "path": "/mixins", "value": [] }]), "mixins", Type),
        (json!([{ "op": "add", "path": "/mixins/\u{0}", "value": 1 }]), "mixins", Syntax),
        (json!([{ "op": "add", "path": "/mixins/list/0", "value": deep }]), "mixins", Limit),
    ] {
        let before = segment(json!({ "mixins": { "a": { "b": {} }, "list": [1, 2] } }));
        let fault = patched(&before, operations.clone(), english()).map_err(|fault| (fault.field, fault.kind));
        assert_eq!(fault.map(|event| event.segment), Err((field.to_owned(), kind)), "{operations}");
    }
    for language in [ContentLanguage::Any, ContentLanguage::Several] {
        let fault = patched(&segment(json!({})), json!([{ "op": "replace", "path": "/name", "value": "x" }]), language);
        assert_eq!(fault.map_err(|fault| (fault.field, fault.kind)), Err(("[0].value".to_owned(), Type)));
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-c~/é]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-c~/]{1,2}", inner, 0..3).prop_map(|members| json!(members)),
        ]
    })
}

fn any_object() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-c]", any_json(), 0..4).prop_map(|members| json!(members))
}

fn any_date() -> impl Strategy<Value = Value> {
    prop::sample::select(vec!["2024-01-01T00:00:00.000Z", "2024-01-01T02:00:00+02:00", "2025-01-01T00:00:00Z", "soon"])
        .prop_map(Value::from)
}

fn any_texts() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("en|de|fr", "[A-C]{1,2}", 1..3).prop_map(|texts| json!(texts))
}

fn any_segment() -> impl Strategy<Value = Segment> {
    let optional = |name: &'static str, value: BoxedStrategy<Value>| {
        prop::option::of(value).prop_map(move |value| value.map(|value| (name, value)))
    };
    let validity = Just(json!({ "from": "2024-01-01T00:00:00.000Z" })).boxed();
    let members = (
        optional("name", any_texts().boxed()),
        optional("description", any_texts().boxed()),
        optional("validity", validity),
        optional("mixins", any_object().boxed()),
        optional("metadata", any_object().boxed()),
    );
    members.prop_map(|(a, b, c, d, e)| segment([a, b, c, d, e].into_iter().flatten().collect()))
}

/// Half of the operations fit their member, so that many patches as a whole do.
fn any_operation() -> impl Strategy<Value = Value> {
    let op = prop::sample::select(vec!["add", "add", "replace", "remove"]);
    let fitting = prop_oneof![
        (Just("/name".to_owned()), prop_oneof![any_texts(), Just(json!("Text"))]),
        ("/name/(en|de|fr)", "[A-C]{1,2}".prop_map(Value::from)),
        (Just("/description".to_owned()), prop_oneof![any_texts(), Just(json!("Text")), Just(json!(null))]),
        ("/description/(en|de|fr)", "[A-C]{1,2}".prop_map(Value::from)),
        ("/validity/(from|to|at)", any_date()),
        (Just("/status".to_owned()), prop::sample::select(vec![json!("ACTIVE"), json!("INACTIVE"), json!(null)])),
        ("/(mixins|metadata/mixins)", any_object()),
        ("/(mixins|metadata/mixins)/[a-c]", any_json()),
        ("/mixins/[a-c]/([a-c]|[0-2]|-|~0|~1)", any_json()),
    ];
    let root = prop::sample::select(ROOTS.to_vec());
    let wild = ((root, "(/[a-c0-1-]{0,2}){0,2}").prop_map(|(root, rest)| format!("{root}{rest}")), any_json());
    (op, prop_oneof![8 => fitting, 1 => wild])
        .prop_map(|(op, (path, value))| json!({ "op": op, "path": path, "value": value }))
}

#[test]
fn normalised_operations_lead_from_the_document_before_to_the_one_after() {
    let language = prop_oneof![Just(ContentLanguage::One("de".to_owned())), Just(ContentLanguage::Any)];
    let input = (any_segment(), prop::collection::vec(any_operation(), 1..6), language);
    let mut runner = TestRunner::new(ProptestConfig { cases: 1500, ..ProptestConfig::default() });
    let accepted = std::cell::Cell::new(0);
    let law = runner.run(&input, |(before, operations, language)| {
        if let Ok(event) = patched(&before, Value::from(operations), language) {
            accepted.set(accepted.get() + 1);
            obeys_the_law(&before, &event)?;
        }
        Ok(())
    });
    law.expect("the law holds");
    assert!(accepted.get() > 300, "only {} of 1500 patches were accepted", accepted.get());
}

#[test]
fn what_the_contract_leaves_alone_is_plain_rfc_6902() {
    let in_mixins = any_operation().prop_filter("in mixins", |operation| {
        operation["path"].as_str().is_some_and(|path| path.starts_with("/mixins/"))
    });
    let input = (any_object(), prop::collection::vec(in_mixins, 1..5));
    let mut runner = TestRunner::new(ProptestConfig { cases: 500, ..ProptestConfig::default() });
    let law = runner.run(&input, |(mixins, operations)| {
        let before = segment(json!({ "mixins": mixins }));
        let plain: json_patch::Patch = serde_json::from_value(json!(operations)).expect("operations");
        let mut expected = to_json(&before);
        let applies = json_patch::patch(&mut expected, &plain).is_ok();
        let found = patched(&before, Value::from(operations), ContentLanguage::Any);
        prop_assert_eq!(found.is_ok(), applies);
        if let Ok(event) = found {
            prop_assert_eq!(&to_json(&event.segment)["mixins"], &expected["mixins"]);
            prop_assert_eq!(event.patch.len(), plain.len(), "nothing is added");
        }
        Ok(())
    });
    law.expect("the law holds");
}
