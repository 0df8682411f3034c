//! Assignments of customers. Names carry the contract's case numbers.

use super::*;

fn assign(customer: CustomerRef, expected: Option<u64>) -> Action {
    Action::Assign { target: customer.into(), draft: AssignmentDraft::default(), expected }
}

fn unassign(customer: CustomerRef) -> Action {
    Action::Unassign { target: customer.into() }
}

#[test]
fn x01_x04_an_assignment_is_created_and_then_replaced() {
    let c1 = || customer("c1", None);
    let history = || [created("g1", 1), enrolled("g1", &c1(), 1, 2, 2)];
    let found = given([created("g1", 1)]).when("g1", assign(c1(), Some(7)));
    assert_eq!(found, Ok(Some(enrolled("g1", &c1(), 1, 100, 100))), "a version is not looked at when there is none");
    for expected in [None, Some(1)] {
        let found = given(history()).when("g1", assign(c1(), expected));
        assert_eq!(found, Ok(Some(enrolled("g1", &c1(), 2, 2, 100))));
    }
    let stale = Err(Rejection::StaleVersion { current: 1 });
    assert_eq!(given(history()).when("g1", assign(c1(), Some(2))), stale, "X04");
}

#[test]
fn x02_for_itself_and_for_each_legal_entity_a_customer_has_assignments_of_their_own() {
    let refs = [customer("c1", None), customer("c1", Some("le1")), customer("c1", Some("le2")), customer("c2", None)];
    let mut history = vec![created("g1", 1)];
    for (n, target) in (2..).zip(&refs) {
        let found = given(history.clone()).when("g1", assign(target.clone(), None));
        assert_eq!(found, Ok(Some(enrolled("g1", target, 1, 100, 100))), "{target:?} is new beside the others");
        history.push(enrolled("g1", target, 1, n, n));
    }
    for target in &refs {
        let found = given(history.clone()).when("g1", unassign(target.clone()));
        assert_eq!(found, Ok(Some(left("g1", target, 1))));
        let without = history.iter().cloned().chain([left("g1", target, 1)]);
        let Scenario { model, .. } = given(without);
        let mut kept: Vec<_> = model.customers(&key("g1")).map(|(customer, _)| customer.clone()).collect();
        kept.sort();
        let expected: Vec<_> = refs.iter().filter(|other| *other != target).cloned().collect();
        assert_eq!(kept, expected);
    }
}

#[test]
fn an_assignment_keeps_mixins_and_their_schemas_and_says_how_it_came_to_be() {
    let body = json!({ "mixins": { "a": 1 }, "metadata": { "version": 1, "mixins": { "a": "u" } } });
    let draft = AssignmentDraft::parse(body).expect("a valid body");
    let action = Action::Assign { target: customer("c1", Some("le1")).into(), draft, expected: None };
    let metadata = json!({ "version": 1, "createdAt": at(100), "modifiedAt": at(100), "mixins": { "a": "u" } });
    let json = json!({
        "segmentId": "g1", "customerRef": "c1", "legalEntityId": "le1", "assignmentType": "MANUAL",
        "mixins": { "a": 1 }, "metadata": metadata, "created": true,
    });
    assert_eq!(given([created("g1", 1)]).when("g1", action), Ok(Some(event(EventType::CustomerAssigned, json))));
}

#[test]
fn x03_an_assignment_needs_a_segment() {
    for history in [vec![], vec![created("g1", 1), deleted("g1", 1, 0)]] {
        let found = given(history).when("g1", assign(customer("c1", None), Some(7)));
        assert_eq!(found, Err(Rejection::SegmentMissing), "400 before 409");
    }
}

#[test]
fn x13_removing_what_is_not_assigned_is_nothing() {
    let history = || [created("g1", 1), enrolled("g1", &customer("c1", Some("le1")), 1, 2, 2)];
    assert_eq!(given([]).when("g1", unassign(customer("c1", None))), Ok(None));
    for other in [customer("c1", None), customer("c1", Some("le2")), customer("c2", Some("le1"))] {
        assert_eq!(given(history()).when("g1", unassign(other.clone())), Ok(None), "{other:?}");
    }
    let product = Action::Unassign { target: product("c1").into() };
    assert_eq!(given(history()).when("g1", product), Ok(None), "a customer is not the product of the same id");
}

#[test]
fn preconditions_are_about_the_assignment() {
    let (alone, for_le1) = (|| customer("c1", None), || customer("c1", Some("le1")));
    let history = || [created("g1", 1), enrolled("g1", &alone(), 1, 2, 2), enrolled("g1", &for_le1(), 1, 3, 3)];
    let failed = || Err(Rejection::PreconditionFailed);
    let found = given(history()).under(tagged(3, 1)).when("g1", assign(for_le1(), None));
    assert_eq!(found, Ok(Some(enrolled("g1", &for_le1(), 2, 3, 100))));
    assert_eq!(given(history()).under(tagged(2, 1)).when("g1", assign(for_le1(), None)), failed(), "another row's tag");
    assert_eq!(given(history()).under(tagged(2, 2)).when("g1", unassign(alone())), failed());
    assert_eq!(given(history()).under(tagged(2, 1)).when("g1", unassign(alone())), Ok(Some(left("g1", &alone(), 1))));
}

#[test]
fn d03_d04_customers_forbid_deletion_unless_it_is_forced_and_then_it_is_one_event() {
    let customers = || (2..5).map(|n| enrolled("g1", &customer("c1", Some(&format!("le{n}"))), 1, n, n));
    let history = || [created("g1", 1)].into_iter().chain(customers()).chain([assigned("g1", "p1", 1, 5, 5)]);
    let found = given(history()).when("g1", Action::DeleteSegment { force: false });
    assert_eq!(found, Err(Rejection::HasAssignments));
    let found = given(history()).when("g1", Action::DeleteSegment { force: true });
    assert_eq!(found, Ok(Some(deleted_with("g1", 1, 1, 3))));
    let without_item = || history().chain([unassigned("g1", "p1", 1)]);
    let found = given(without_item()).when("g1", Action::DeleteSegment { force: false });
    assert_eq!(found, Err(Rejection::HasAssignments), "customers alone forbid it");
    let Scenario { model, .. } = given(history().chain([deleted_with("g1", 1, 1, 3), created("g1", 7)]));
    assert_eq!(model.assignment_count(), 0, "D06: no old assignments");
}

#[test]
fn x13_p11_segments_and_their_customers_count_their_own_versions() {
    let c1 = customer("c1", None);
    let Scenario { model, .. } = given([created("g1", 1), enrolled("g1", &c1, 1, 2, 2), enrolled("g1", &c1, 2, 2, 3)]);
    let segment: Vec<_> = model.segments().map(|(_, _, etag)| etag.to_string()).collect();
    let customers: Vec<_> = model.customers(&key("g1")).map(|(_, etag)| etag.to_string()).collect();
    assert_eq!((segment, customers), (vec!["00000001.1".to_owned()], vec!["00000002.2".to_owned()]));
    assert_eq!(model.overlay().next_sequence(&key("g1")), 4, "events of both are numbered together");
}

#[test]
fn events_about_customers_that_do_not_fit_are_contradictions() {
    use Mismatch::*;
    let (c1, for_le1) = (customer("c1", None), customer("c1", Some("le1")));
    let history = || [created("g1", 1), assigned("g1", "c1", 1, 2, 2), enrolled("g1", &c1, 1, 3, 3)];
    for (case, event, expected) in [
        ("assigned twice", enrolled("g1", &c1, 1, 4, 4), Existence),
        ("a version is missing", enrolled("g1", &c1, 3, 3, 4), Version { expected: 2, found: 3 }),
        ("created at another time", enrolled("g1", &c1, 2, 1, 4), CreatedAt),
        ("not there to be replaced", enrolled("g1", &for_le1, 2, 4, 4), Existence),
        ("not there to be removed", left("g1", &for_le1, 1), Existence),
        ("another version was removed", left("g1", &c1, 2), Version { expected: 1, found: 2 }),
        ("a customer counted as an item", deleted_with("g1", 1, 2, 0), Assignments),
        ("the customer is not counted", deleted_with("g1", 1, 1, 0), Assignments),
    ] {
        let Scenario { mut model, .. } = given(history());
        let before = model.clone();
        let envelope = envelope(4, 4, event);
        assert_eq!(model.overlay().apply(&envelope).map_err(|found| found.mismatch), Err(expected), "{case}");
        assert_eq!(model.apply(&envelope).map_err(|found| found.mismatch), Err(expected), "{case}");
        assert_eq!(model, before, "{case}");
    }
}
