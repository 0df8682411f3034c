//! Segments: create, put, patch, delete, and what of it is looked at first. Names carry the contract's case numbers.

use super::*;

fn put(expected: Option<u64>) -> Action {
    Action::PutSegment { draft: body(), expected }
}

fn patch(operations: Value) -> Action {
    Action::PatchSegment(Patch::parse(operations, &ContentLanguage::Any).expect("well-formed operations"))
}

fn replaced(version: u64, created: u64) -> Event {
    let json = json!({ "segment": document("g1", version, created, 100), "previousVersion": version - 1 });
    event(EventType::SegmentReplaced, json)
}

#[test]
fn c01_c09_a_created_segment_has_version_1_and_was_never_modified() {
    let found = given([]).when("g1", Action::CreateSegment(body()));
    assert_eq!(found, Ok(Some(created("g1", 100))));
}

#[test]
fn c08_an_id_can_be_taken_once() {
    assert_eq!(given([created("g1", 1)]).when("g1", Action::CreateSegment(body())), Err(Rejection::AlreadyExists));
    assert_eq!(given([created("g1", 1)]).when("G1", Action::CreateSegment(body())), Ok(Some(created("G1", 100))));
}

#[test]
fn p01_p09_put_creates_whatever_version_is_expected() {
    for expected in [None, Some(1), Some(7)] {
        assert_eq!(given([]).when("g1", put(expected)), Ok(Some(created("g1", 100))), "{expected:?}");
    }
}

#[test]
fn p02_p05_p06_p07_put_replaces_unless_another_version_is_expected() {
    let replaced = Ok(Some(replaced(2, 1)));
    let stale = Err(Rejection::StaleVersion { current: 1 });
    for (expected, outcome) in
        [(None, replaced.clone()), (Some(1), replaced), (Some(0), stale.clone()), (Some(2), stale)]
    {
        assert_eq!(given([created("g1", 1)]).when("g1", put(expected)), outcome, "{expected:?}");
    }
}

#[test]
fn p03_p04_put_replaces_the_whole_document() {
    let mut full = document("g1", 1, 1, 1);
    full["status"] = json!("ACTIVE");
    full["description"] = json!({ "en": "Text" });
    full["validity"] = json!({});
    full["mixins"] = json!({ "a": 1 });
    full["metadata"]["mixins"] = json!({ "a": "u" });
    let history = [event(EventType::SegmentCreated, json!({ "segment": full }))];
    assert_eq!(given(history).when("g1", put(None)), Ok(Some(replaced(2, 1))));
}

#[test]
fn p08_identical_puts_count_up() {
    let history = [created("g1", 1), {
        let json = json!({ "segment": document("g1", 2, 1, 2), "previousVersion": 1 });
        event(EventType::SegmentReplaced, json)
    }];
    assert_eq!(given(history).when("g1", put(Some(2))), Ok(Some(replaced(3, 1))));
}

#[test]
fn t01_t14_a_patch_is_one_event_and_one_version() {
    let operations = json!([
        { "op": "replace", "path": "/status", "value": "ACTIVE" }, { "op": "add", "path": "/mixins/a", "value": 1 },
    ]);
    let mut after = document("g1", 2, 1, 100);
    after["status"] = json!("ACTIVE");
    after["mixins"] = json!({ "a": 1 });
    let patch_of_event = json!([
        { "op": "replace", "path": "/status", "value": "ACTIVE" },
        { "op": "add", "path": "/mixins", "value": {} }, { "op": "add", "path": "/mixins/a", "value": 1 },
    ]);
    let json = json!({ "patch": patch_of_event, "segment": after, "previousVersion": 1 });
    let found = given([created("g1", 1)]).when("g1", patch(operations));
    assert_eq!(found, Ok(Some(event(EventType::SegmentPatched, json))));
}

#[test]
fn t07_t11_a_patch_needs_a_segment_and_applies_whole_or_not_at_all() {
    let fine = json!([{ "op": "replace", "path": "/status", "value": "ACTIVE" }]);
    let half =
        json!([{ "op": "replace", "path": "/status", "value": "ACTIVE" }, { "op": "remove", "path": "/mixins" }]);
    assert_eq!(given([]).when("g1", patch(fine)), Err(Rejection::NotFound));
    assert_eq!(given([]).when("g1", patch(half.clone())), Err(Rejection::NotFound), "404 before 400");
    let refused = given([created("g1", 1)]).when("g1", patch(half));
    assert!(matches!(refused, Err(Rejection::Invalid(fault)) if fault.field == "[1].path"));
}

#[test]
fn an_empty_patch_changes_nothing_but_needs_a_segment() {
    assert_eq!(given([created("g1", 1)]).when("g1", patch(json!([]))), Ok(None));
    assert_eq!(given([]).when("g1", patch(json!([]))), Err(Rejection::NotFound));
    assert_eq!(
        given([created("g1", 1)]).under(tagged(1, 9)).when("g1", patch(json!([]))),
        Err(Rejection::PreconditionFailed)
    );
}

#[test]
fn d01_d02_deleting_removes_and_deleting_what_is_gone_is_nothing() {
    let delete = || Action::DeleteSegment { force: false };
    let gone = [created("g1", 1), deleted("g1", 1, 0)];
    assert_eq!(given([created("g1", 1)]).when("g1", delete()), Ok(Some(deleted("g1", 1, 0))));
    assert_eq!(given([]).when("g1", delete()), Ok(None));
    assert_eq!(given(gone).when("g1", delete()), Ok(None));
}

#[test]
fn d03_d04_assignments_forbid_deletion_unless_it_is_forced() {
    let history = || [created("g1", 1), assigned("g1", "p1", 1, 2, 2), assigned("g1", "p2", 1, 3, 3)];
    let found = given(history()).when("g1", Action::DeleteSegment { force: false });
    assert_eq!(found, Err(Rejection::HasAssignments));
    let found = given(history()).when("g1", Action::DeleteSegment { force: true });
    assert_eq!(found, Ok(Some(deleted("g1", 1, 2))));
    let emptied = history().into_iter().chain([unassigned("g1", "p1", 1), unassigned("g1", "p2", 1)]);
    let found = given(emptied).when("g1", Action::DeleteSegment { force: false });
    assert_eq!(found, Ok(Some(deleted("g1", 1, 0))));
}

#[test]
fn d06_a_segment_created_again_starts_anew() {
    let history = || [created("g1", 1), assigned("g1", "p1", 1, 2, 2), deleted("g1", 1, 1), created("g1", 4)];
    let Scenario { model, .. } = given(history());
    assert_eq!(model.items(&key("g1")).count(), 0);
    assert_eq!(model.overlay().next_sequence(&key("g1")), 2);
    let tags: Vec<_> = model.segments().map(|(_, _, etag)| etag.to_string()).collect();
    assert_eq!(tags, ["00000004.1"]);
    assert_eq!(given(history()).when("g1", Action::DeleteSegment { force: false }), Ok(Some(deleted("g1", 1, 0))));
    let old_tag = given(history()).under(tagged(1, 1)).when("g1", put(None));
    assert_eq!(old_tag, Err(Rejection::PreconditionFailed), "a tag of the former life does not match");
}

#[test]
fn preconditions_come_before_everything_else() {
    let some_tag = || tagged(1, 1);
    let create_only = || Condition { if_match: None, if_none_match_any: true };
    let existing = || given([created("g1", 1), assigned("g1", "p1", 1, 2, 2)]);
    let failed = || Err(Rejection::PreconditionFailed);
    assert_eq!(given([]).under(some_tag()).when("g1", patch(json!([]))), failed(), "412 before 404");
    assert_eq!(given([]).under(some_tag()).when("g1", put(None)), failed());
    assert_eq!(given([]).under(some_tag()).when("g1", Action::DeleteSegment { force: false }), failed());
    assert_eq!(existing().under(tagged(1, 2)).when("g1", put(Some(7))), failed(), "412 before 409");
    assert_eq!(
        existing().under(tagged(1, 2)).when("g1", Action::DeleteSegment { force: false }),
        failed(),
        "before 400"
    );
    assert_eq!(existing().under(create_only()).when("g1", put(None)), failed());
    assert_eq!(given([]).under(create_only()).when("g1", put(None)), Ok(Some(created("g1", 100))));
    assert_eq!(existing().under(some_tag()).when("g1", put(Some(7))), Err(Rejection::StaleVersion { current: 1 }));
    assert_eq!(existing().under(some_tag()).when("g1", put(Some(1))), Ok(Some(replaced(2, 1))));
}

#[test]
fn events_that_do_not_fit_are_contradictions_and_change_nothing() {
    use Mismatch::*;
    let history = || [created("g1", 1), assigned("g1", "p1", 1, 2, 2)];
    let replacing = |version: u64, previous: u64, created: u64| {
        let json = json!({ "segment": document("g1", version, created, 3), "previousVersion": previous });
        event(EventType::SegmentReplaced, json)
    };
    let unforced = json!({
        "segmentId": "g1", "force": false, "lastVersion": 1, "assignmentCounts": { "items": 1, "customers": 0 },
    });
    for (case, sequence, event, expected) in [
        ("an event is missing", 4, replacing(2, 1, 1), Sequence { expected: 3, found: 4 }),
        ("an event comes twice", 2, assigned("g1", "p1", 1, 2, 2), Sequence { expected: 3, found: 2 }),
        ("created twice", 3, created("g1", 3), Existence),
        ("a version is missing", 3, replacing(3, 1, 1), Version { expected: 2, found: 3 }),
        ("another version was replaced", 3, replacing(2, 2, 1), Version { expected: 1, found: 2 }),
        ("another time of creation", 3, replacing(2, 1, 2), CreatedAt),
        ("another version was deleted", 3, deleted("g1", 2, 1), Version { expected: 1, found: 2 }),
        ("other assignments were deleted", 3, deleted("g1", 1, 2), Assignments),
        ("I8: assignments without force", 3, super::event(EventType::SegmentDeleted, unforced), Assignments),
        ("assigned twice", 3, assigned("g1", "p1", 1, 3, 3), Existence),
        ("a version of the assignment is missing", 3, assigned("g1", "p1", 3, 2, 3), Version { expected: 2, found: 3 }),
        ("the assignment was created at another time", 3, assigned("g1", "p1", 2, 1, 3), CreatedAt),
        ("an assignment that is not there", 3, assigned("g1", "p2", 2, 2, 3), Existence),
        ("not there to be removed", 3, unassigned("g1", "p2", 1), Existence),
        ("another version was removed", 3, unassigned("g1", "p1", 2), Version { expected: 1, found: 2 }),
        ("I8: assigned to nothing", 1, assigned("g2", "p1", 1, 3, 3), Existence),
        (
            "created with another version",
            1,
            {
                let json = json!({ "segment": document("g2", 2, 3, 3) });
                super::event(EventType::SegmentCreated, json)
            },
            Version { expected: 1, found: 2 },
        ),
        ("nothing to delete", 1, deleted("g2", 1, 0), Existence),
    ] {
        let Scenario { mut model, .. } = given(history());
        let before = model.clone();
        let envelope = envelope(3, sequence, event);
        let mut overlay = model.overlay();
        assert_eq!(overlay.apply(&envelope).map_err(|found| found.mismatch), Err(expected), "{case}");
        assert!(overlay.into_changes().agree_with(&before), "{case}");
        assert_eq!(model.apply(&envelope).map_err(|found| found.mismatch), Err(expected), "{case}");
        assert_eq!(model, before, "{case}");
    }
}
