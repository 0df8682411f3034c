//! What matches, case by case. The rules themselves are held against the SQL on random histories (`tests/it/shadow.rs`).

use serde_json::{Value, json};
use shared::{
    Timestamp,
    events::{Event, EventType, Headers, headers},
    ids::{SegmentId, Tenant},
    log::{self, Partition},
    reference,
};

use super::*;
use crate::index::fact;

/// A tenant's world, told by records.
#[derive(Default)]
struct Teller {
    worlds: Worlds,
    offset: i64,
}

impl Teller {
    fn tell(&mut self, kind: EventType, value: &Value) -> &mut Self {
        let headers = Headers::from_iter(
            [(headers::TENANT, "acme"), (headers::TYPE, kind.as_str())].map(|(name, text)| (name, text.to_owned())),
        );
        let (partition, appended_at) = (Partition::new(0), Timestamp::from_unix_millis(0));
        let value = value.to_string().into_bytes();
        Event::from_json(kind, &value).expect("such an event can be");
        let record = log::Record { partition, offset: 0, appended_at, key: None, headers, value };
        if let Some((tenant, fact)) = fact::of_event(&record).expect("an event") {
            self.worlds.apply(tenant, &fact).expect("room");
        }
        self
    }

    fn segment(&mut self, id: &str, rest: &Value) -> &mut Self {
        let metadata =
            json!({ "version": 1, "createdAt": "2024-01-01T00:00:00.000Z", "modifiedAt": "2024-01-01T00:00:00.000Z" });
        let mut segment =
            json!({ "id": id, "name": { "en": "n" }, "status": "ACTIVE", "siteCode": "main", "metadata": metadata });
        segment.as_object_mut().expect("an object").extend(rest.as_object().expect("an object").clone());
        self.tell(EventType::SegmentCreated, &json!({ "segment": segment }))
    }

    fn gone(&mut self, id: &str) -> &mut Self {
        let counts = json!({ "items": 1, "customers": 0 });
        let deleted = json!({ "segmentId": id, "force": true, "lastVersion": 1, "assignmentCounts": counts });
        self.tell(EventType::SegmentDeleted, &deleted)
    }

    fn assign(&mut self, id: &str, kind: &str, item: &str) -> &mut Self {
        let metadata =
            json!({ "version": 1, "createdAt": "2024-01-01T00:00:00.000Z", "modifiedAt": "2024-01-01T00:00:00.000Z" });
        let assigned =
            json!({ "segmentId": id, "itemType": kind, "itemId": item, "metadata": metadata, "created": true });
        self.tell(EventType::ItemAssigned, &assigned)
    }

    fn unassign(&mut self, id: &str, kind: &str, item: &str) -> &mut Self {
        let unassigned = json!({ "segmentId": id, "itemType": kind, "itemId": item, "lastVersion": 1 });
        self.tell(EventType::ItemUnassigned, &unassigned)
    }

    fn refer(&mut self, key: &str, value: Option<Value>) -> &mut Self {
        self.offset += 1;
        let (key, value) = (Some(format!("acme/{key}")), value.map(|value| value.to_string().into_bytes()));
        let record = reference::Record { partition: Partition::new(0), offset: self.offset, key, value };
        if let Some((tenant, fact)) = fact::of_reference(&record) {
            self.worlds.apply(tenant, &fact).expect("room");
        }
        self
    }

    fn category(&mut self, id: &str, parent: &str) -> &mut Self {
        self.refer(&format!("category/{id}"), Some(json!({ "id": id, "parentId": parent })))
    }

    fn pair(&mut self, product: &str, category: &str) -> &mut Self {
        let pair = json!({ "productId": product, "categoryId": category });
        self.refer(&format!("productCategory/{product}/{category}"), Some(pair))
    }

    /// What matches, asked of everything.
    fn matched(&self, segments: &str, products: &str) -> String {
        self.matched_with(segments, products, "main", None, true)
    }

    fn matched_with(&self, segments: &str, products: &str, site_code: &str, at: Option<&str>, deep: bool) -> String {
        let segment_ids: Vec<_> = segments.split(' ').map(|id| SegmentId::parse(id).expect("an id")).collect();
        let products: Vec<_> = products.split(' ').map(|id| ItemId::parse(id).expect("an id")).collect();
        let question = Question {
            tenant: &Tenant::parse("acme").expect("a tenant"),
            segment_ids: &segment_ids,
            site_code,
            valid_at: at.map(|at| at.parse().expect("a time")),
            with_descendants: deep,
            products: &products,
        };
        self.worlds.products(&question).iter().map(ItemId::as_str).collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn only_active_segments_of_the_site_count_and_the_order_is_that_of_the_question() {
    let mut teller = Teller::default();
    teller.segment("g1", &json!({})).segment("off", &json!({ "status": "INACTIVE" }));
    teller.segment("far", &json!({ "siteCode": "other" }));
    for (segment, product) in [("g1", "p1"), ("g1", "p2"), ("off", "p3"), ("far", "p4")] {
        teller.assign(segment, "PRODUCT", product);
    }
    teller.assign("g1", "CATEGORY", "k1");
    let all = "p4 p3 p2 k1 nope p1";
    assert_eq!(teller.matched("off g1 far nope g1", all), "p2 p1");
    assert_eq!(teller.matched_with("off g1 far", all, "other", None, true), "p4");
    assert_eq!(teller.matched("off", all), "");
    teller.segment("off", &json!({})).unassign("g1", "PRODUCT", "p2").unassign("g1", "PRODUCT", "never");
    assert_eq!(teller.matched("g1 off", all), "p3 p1");
}

#[test]
fn validity_counts_with_both_of_its_ends_if_it_counts() {
    let mut teller = Teller::default();
    let (early, late) = ("2024-01-01T00:00:00.000Z", "2024-06-01T00:00:00.000Z");
    teller.segment("g1", &json!({ "validity": { "from": early, "to": late } })).assign("g1", "PRODUCT", "p1");
    for (at, expected) in [
        (None, "p1"),
        (Some("2023-12-31T23:59:59.999Z"), ""),
        (Some(early), "p1"),
        (Some(late), "p1"),
        (Some("2024-06-01T00:00:00.001Z"), ""),
    ] {
        assert_eq!(teller.matched_with("g1", "p1", "main", at, true), expected, "{at:?}");
    }
}

#[test]
fn products_match_through_their_categories_and_those_above() {
    let mut teller = Teller::default();
    teller.segment("g1", &json!({})).assign("g1", "CATEGORY", "tools");
    teller.pair("heavy", "sledges").pair("heavy", "gifts").pair("box", "tools").pair("box", "tools");
    assert_eq!(teller.matched("g1", "heavy box"), "box");
    teller.category("sledges", "hammers").category("hammers", "tools");
    assert_eq!(teller.matched("g1", "heavy box"), "heavy box");
    assert_eq!(teller.matched_with("g1", "heavy box", "main", None, false), "box");
    teller.refer("category/hammers", None);
    assert_eq!(teller.matched("g1", "heavy box"), "box");
    teller.category("gifts", "tools");
    assert_eq!(teller.matched("g1", "heavy box"), "heavy box", "through its other category");
    teller.refer("productCategory/box/tools", None);
    assert_eq!(teller.matched("g1", "heavy box"), "heavy");
    teller.refer("category/gifts", Some(json!("not a category")));
    assert_eq!(teller.matched("g1", "heavy box"), "heavy", "what is not understood changes nothing");
}

#[test]
fn a_segment_that_is_created_again_holds_nothing() {
    let mut teller = Teller::default();
    teller.segment("g1", &json!({})).assign("g1", "PRODUCT", "p1").assign("g1", "CATEGORY", "k1").pair("p2", "k1");
    assert_eq!(teller.matched("g1", "p1 p2"), "p1 p2");
    teller.gone("g1");
    assert_eq!(teller.matched("g1", "p1 p2"), "");
    teller.segment("g1", &json!({}));
    assert_eq!(teller.matched("g1", "p1 p2"), "");
    teller.assign("g1", "PRODUCT", "p2");
    assert_eq!(teller.matched("g1", "p1 p2"), "p2");
}

#[test]
fn of_many_segments_the_answer_is_the_same() {
    let mut teller = Teller::default();
    let names: Vec<String> = (0..3 * ASKED_ONE_BY_ONE).map(|number| format!("g{number}")).collect();
    for (number, name) in names.iter().enumerate() {
        teller.segment(name, &json!({})).assign(name, "PRODUCT", &format!("p{number}"));
        teller.assign(name, "CATEGORY", &format!("k{number}")).pair(&format!("q{number}"), &format!("k{number}"));
    }
    let all = "p0 q5 p23 q23 p24 q24";
    assert_eq!(teller.matched(&names.join(" "), all), "p0 q5 p23 q23");
    assert_eq!(teller.matched(&names[..ASKED_ONE_BY_ONE].join(" "), all), "p0 q5");
}
