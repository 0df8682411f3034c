//! Assignments of products and categories. Names carry the contract's case numbers.

use super::*;

fn assign(item: ItemRef, expected: Option<u64>) -> Action {
    Action::Assign { target: item.into(), draft: AssignmentDraft::default(), expected }
}

#[test]
fn x07_an_assignment_is_created_and_then_replaced() {
    let history = || [created("g1", 1), assigned("g1", "p1", 1, 2, 2)];
    let found = given([created("g1", 1)]).when("g1", assign(product("p1"), Some(7)));
    assert_eq!(found, Ok(Some(assigned("g1", "p1", 1, 100, 100))), "a version is not looked at when there is none");
    for expected in [None, Some(1)] {
        let found = given(history()).when("g1", assign(product("p1"), expected));
        assert_eq!(found, Ok(Some(assigned("g1", "p1", 2, 2, 100))));
    }
    let stale = Err(Rejection::StaleVersion { current: 1 });
    assert_eq!(given(history()).when("g1", assign(product("p1"), Some(2))), stale, "X04");
}

#[test]
fn an_assignment_keeps_mixins_and_their_schemas() {
    let body = json!({ "mixins": { "a": 1 }, "metadata": { "version": 1, "mixins": { "a": "u" } } });
    let draft = AssignmentDraft::parse(body).expect("a valid body");
    let action = Action::Assign { target: item(ItemType::Category, "c1").into(), draft, expected: None };
    let metadata = json!({ "version": 1, "createdAt": at(100), "modifiedAt": at(100), "mixins": { "a": "u" } });
    let json = json!({
        "segmentId": "g1", "itemType": "CATEGORY", "itemId": "c1",
        "mixins": { "a": 1 }, "metadata": metadata, "created": true,
    });
    assert_eq!(given([created("g1", 1)]).when("g1", action), Ok(Some(event(EventType::ItemAssigned, json))));
}

#[test]
fn x03_an_assignment_needs_a_segment() {
    let gone = [created("g1", 1), deleted("g1", 1, 0)];
    for history in [vec![], gone.to_vec()] {
        let found = given(history).when("g1", assign(product("p1"), Some(7)));
        assert_eq!(found, Err(Rejection::SegmentMissing), "400 before 409");
    }
}

#[test]
fn x13_removing_what_is_not_assigned_is_nothing() {
    let unassign = || Action::Unassign { target: product("p1").into() };
    let history = || [created("g1", 1), assigned("g1", "p1", 1, 2, 2)];
    assert_eq!(given([]).when("g1", unassign()), Ok(None));
    assert_eq!(given([created("g1", 1)]).when("g1", unassign()), Ok(None));
    assert_eq!(given(history()).when("g1", unassign()), Ok(Some(unassigned("g1", "p1", 1))));
    let category = Action::Unassign { target: item(ItemType::Category, "p1").into() };
    assert_eq!(given(history()).when("g1", category), Ok(None), "a product is not the category of the same id");
}

#[test]
fn p11_x13_segments_and_their_assignments_count_their_own_versions() {
    let replaced = json!({ "segment": document("g1", 2, 1, 3), "previousVersion": 1 });
    let history = [
        created("g1", 1),
        assigned("g1", "p1", 1, 2, 2),
        event(EventType::SegmentReplaced, replaced),
        assigned("g1", "p1", 2, 2, 4),
    ];
    let Scenario { model, .. } = given(history);
    let segment: Vec<_> = model.segments().map(|(_, _, etag)| etag.to_string()).collect();
    let items: Vec<_> = model.items(&key("g1")).map(|(_, etag)| etag.to_string()).collect();
    assert_eq!((segment, items), (vec!["00000001.2".to_owned()], vec!["00000002.2".to_owned()]));
    assert_eq!(model.overlay().next_sequence(&key("g1")), 5, "events of both are numbered together");
}

#[test]
fn preconditions_are_about_the_assignment() {
    let history = || [created("g1", 1), assigned("g1", "p1", 1, 2, 2)];
    let failed = || Err(Rejection::PreconditionFailed);
    let any = || Condition { if_match: Some(IfMatch::Any), if_none_match_any: false };
    let create_only = || Condition { if_match: None, if_none_match_any: true };
    let found = given(history()).under(tagged(2, 1)).when("g1", assign(product("p1"), None));
    assert_eq!(found, Ok(Some(assigned("g1", "p1", 2, 2, 100))));
    assert_eq!(given(history()).under(tagged(1, 1)).when("g1", assign(product("p1"), None)), failed());
    assert_eq!(given(history()).under(any()).when("g1", assign(product("p2"), None)), failed());
    assert_eq!(given([]).under(any()).when("g1", assign(product("p1"), None)), failed(), "412 before 400");
    assert_eq!(given([]).under(any()).when("g1", Action::Unassign { target: product("p1").into() }), failed());
    assert_eq!(given(history()).under(create_only()).when("g1", assign(product("p1"), None)), failed());
}

#[test]
fn receipts_tell_what_happened_and_the_tag_of_what_is_left() {
    let mut model = Model::default();
    let replaced = json!({ "segment": document("g1", 2, 1, 2), "previousVersion": 1 });
    for (n, event, effect, etag) in [
        (1, created("g1", 1), Effect::Created, Some((1, 1))),
        (2, event(EventType::SegmentReplaced, replaced), Effect::Updated, Some((1, 2))),
        (3, assigned("g1", "p1", 1, 3, 3), Effect::Created, Some((3, 1))),
        (4, assigned("g1", "p1", 2, 3, 4), Effect::Updated, Some((3, 2))),
        (5, unassigned("g1", "p1", 2), Effect::Removed, None),
        (6, deleted("g1", 2, 0), Effect::Removed, None),
    ] {
        let etag = etag.map(|(incarnation, version)| ETag { incarnation, version });
        let envelope = envelope(n, n, event);
        let expected = Ok(Receipt { effect, etag });
        assert_eq!(model.overlay().apply(&envelope), expected);
        assert_eq!(model.apply(&envelope), expected);
    }
    assert_eq!(model, Model::default());
}
