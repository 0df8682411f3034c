//! Lists and single segments. Names begin with the number of the contract's black-box case.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::api::{Api, Sent as _};

fn golden() -> Value {
    json!({
        "name": { "en": "Golden Segment" }, "description": { "en": "Golden Segment" },
        "validity": { "from": "2024-04-17T08:00:00.000Z", "to": "2025-04-17T08:00:00.000Z" },
        "status": "ACTIVE", "siteCode": "main"
    })
}

async fn with_segments(count: usize) -> Api {
    let mut api = Api::start().await;
    let segments =
        (0..count).map(|number| (format!("s{number:03}"), json!({ "name": { "en": format!("n{number}") } })));
    let token = api.story.put_all("acme", segments).await;
    api.reach(&token).await;
    api
}

#[tokio::test]
async fn g01_to_g04_one_segment_is_answered_as_written_and_only_to_its_tenant() {
    let mut api = Api::start().await;
    assert_eq!(api.get("").answer().await.body, json!([]), "G03");
    api.story.put("acme", "g1", golden()).await;
    api.story.put("beta", "g1", json!({ "name": { "en": "other" } })).await;
    api.catch_up().await;

    let answer = api.get("/g1").answer().await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let mut expected = golden();
    expected["id"] = json!("g1");
    expected["metadata"] = answer.body["metadata"].clone();
    assert_eq!(answer.body, expected, "G01");
    assert_eq!(answer.body["metadata"]["version"], 1);

    let missing = api.get("/nope").answer().await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND, "G02");
    assert_eq!(missing.body["message"], "The resource with id nope has not been found.");
    assert_eq!(missing.body["resourceId"], "nope");

    let other = api.request(Method::GET, "beta", "/g1").answer().await;
    assert_eq!(other.body["name"], json!({ "en": "other" }), "G04");
    assert_eq!(api.request(Method::GET, "beta", "").answer().await.ids(), ["g1"]);
}

#[tokio::test]
async fn ids_that_nothing_can_have_are_not_found_and_odd_ones_are() {
    let mut api = Api::start().await;
    for id in ["a b", "ü", "100%", "a+b", "null", "."] {
        api.story.put("acme", id, golden()).await;
    }
    api.catch_up().await;
    for (path, id) in [("a%20b", "a b"), ("%C3%BC", "ü"), ("100%25", "100%"), ("a+b", "a+b"), ("null", "null")] {
        let answer = api.get(&format!("/{path}")).answer().await;
        assert_eq!((answer.status, &answer.body["id"]), (StatusCode::OK, &json!(id)), "{path}");
    }
    for path in ["a%2Fb", "%00", "x%0Ay", &"x".repeat(256)] {
        assert_eq!(api.get(&format!("/{path}")).answer().await.status, StatusCode::NOT_FOUND, "{path}");
        let items = api.get(&format!("/{path}/items")).answer().await;
        assert_eq!((items.status, items.body), (StatusCode::OK, json!([])), "{path}");
    }
}

#[tokio::test]
async fn l01_to_l07_pages_hold_what_they_say_and_the_total_only_on_request() {
    let api = with_segments(61).await;
    assert_eq!(api.ids("").await.len(), 60, "L01");
    assert_eq!(api.ids("?pageNumber=2").await, ["s060"], "L05");
    let mut union = Vec::new();
    for page in 1..=3 {
        union.extend(api.ids(&format!("?pageSize=25&pageNumber={page}")).await);
    }
    let all: Vec<String> = (0..61).map(|number| format!("s{number:03}")).collect();
    assert_eq!(union, all, "L02");
    assert_eq!(api.ids("?pageNumber=99").await, Vec::<String>::new(), "L03");
    assert_eq!(api.ids("?pageNumber=99999999999999999999").await, Vec::<String>::new(), "L03");
    for bad in ["pageSize=0", "pageSize=-1", "pageSize=abc", "pageNumber=0", "pageSize=2001"] {
        assert_eq!(api.get(&format!("?{bad}")).answer().await.status, StatusCode::BAD_REQUEST, "L04 {bad}");
    }
    let counted = api.get("?pageSize=5").header("X-Total-Count", "true").answer().await;
    assert_eq!((counted.ids().len(), counted.header("X-Total-Count")), (5, Some("61")), "L06");
    assert_eq!(api.get("?pageSize=5").answer().await.header("X-Total-Count"), None, "L06");
    let behind = api.get("?pageNumber=99").header("x-total-count", "TRUE").answer().await;
    assert_eq!((behind.ids().len(), behind.header("X-Total-Count")), (0, Some("61")), "L06");
    let filtered = api.get("?q=id:(s001,s002)&pageSize=1").header("X-Total-Count", "true").answer().await;
    assert_eq!((filtered.ids().len(), filtered.header("X-Total-Count")), (1, Some("2")), "L07");
}

#[tokio::test]
async fn l08_to_l12_lists_are_sorted_by_any_field_and_ties_by_id() {
    let mut api = Api::start().await;
    for (id, en, de, site) in [("a", "Bee", "Zeta", "two"), ("b", "Ant", "Yak", "one"), ("c", "Cat", "Xi", "one")] {
        api.story.put("acme", id, json!({ "name": { "en": en, "de": de }, "siteCode": site })).await;
    }
    api.story.put("acme", "c", json!({ "name": { "en": "Cat", "de": "Xi" }, "siteCode": "one" })).await;
    api.story.put("acme", "d", json!({ "name": { "fr": "Dieu" }, "siteCode": "one" })).await;
    api.catch_up().await;
    for (case, sort, expected) in [
        ("default", "", ["a", "b", "c", "d"]),
        ("L08", "name.en:DESC", ["c", "a", "b", "d"]),
        ("L08 missing first", "name.en", ["d", "b", "a", "c"]),
        ("L09", "siteCode,metadata.version:desc", ["c", "b", "d", "a"]),
        ("L10", "siteCode", ["b", "c", "d", "a"]),
        ("L10 descending keys, ascending ids", "siteCode:desc", ["a", "b", "c", "d"]),
        ("spaces", " siteCode : desc", ["a", "b", "c", "d"]),
    ] {
        let answer = api.get("").query(&[("sort", sort)]).answer().await;
        if answer.status == StatusCode::OK {
            assert_eq!(answer.ids(), expected, "{case}");
        } else {
            assert_eq!((case, answer.status), ("spaces", StatusCode::BAD_REQUEST), "{}", answer.body);
        }
    }
    for bad in ["bogus", "name:up", "siteCode,,id", "name.en:asc:desc"] {
        assert_eq!(api.get("").query(&[("sort", bad)]).answer().await.status, StatusCode::BAD_REQUEST, "L11 {bad}");
    }
    let german = api.get("?sort=name").header("Accept-Language", "de").answer().await;
    assert_eq!(german.ids(), ["d", "c", "b", "a"], "L12");
}

#[tokio::test]
async fn l13_to_l15_rows_are_reduced_to_fields_and_languages() {
    let mut api = Api::start().await;
    let name = json!({ "en": "Gold", "de": "Gold!" });
    api.story.put("acme", "g1", json!({ "name": name, "description": { "fr": "d" }, "status": "ACTIVE" })).await;
    api.catch_up().await;
    let row = async |rest: &str, language: &str| {
        let list = api.get(rest).header("Accept-Language", language).answer().await.body[0].clone();
        let one = api.get(&format!("/g1{rest}")).header("Accept-Language", language).answer().await.body;
        assert_eq!(list, one, "{rest}");
        list
    };
    assert_eq!(row("?fields=name,status", "*").await, json!({ "id": "g1", "name": name, "status": "ACTIVE" }), "L13");
    assert_eq!(row("?fields=metadata.version", "*").await, json!({ "id": "g1", "metadata": { "version": 1 } }), "L14");
    assert_eq!(row("?fields=unknown", "").await, json!({ "id": "g1" }), "L14");
    for (language, expected) in [
        ("de", json!({ "de": "Gold!" })),
        ("fr,de;q=0.5", json!({ "de": "Gold!" })),
        ("it", json!({ "en": "Gold" })),
        ("de-CH", json!({ "de": "Gold!" })),
        ("*", name.clone()),
        ("", name.clone()),
        ("%%%", name.clone()),
    ] {
        assert_eq!(row("", language).await["name"], expected, "L15 {language}");
    }
    assert_eq!(row("", "de").await["description"], json!({ "fr": "d" }), "L15 no match and no default");
}

#[tokio::test]
async fn s01_to_s04_search_is_list_with_the_filter_in_the_body() {
    let mut api = Api::start().await;
    for (id, site) in [("a", "main"), ("b", "other"), ("c", "main")] {
        api.story.put("acme", id, json!({ "name": { "en": id }, "siteCode": site })).await;
    }
    api.catch_up().await;
    let searched = api.post("/search", &json!({ "q": "siteCode:main" })).answer().await;
    assert_eq!((searched.status, searched.ids()), (StatusCode::OK, api.find("siteCode:main").await), "S01");
    assert_eq!(searched.ids(), ["a", "c"], "S01");
    for body in [json!({}), json!({ "q": null }), json!({ "q": " " })] {
        assert_eq!(api.post("/search", &body).answer().await.ids(), ["a", "b", "c"], "S02 {body}");
    }
    assert_eq!(api.request(Method::POST, "acme", "/search?q=id:a").answer().await.ids(), ["a", "b", "c"], "S02");
    for body in [json!({ "q": 5 }), json!([]), json!("q"), json!({ "q": "status:" })] {
        let refused = api.post("/search", &body).answer().await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "S03 {body}");
        assert_eq!(refused.body["message"], "Validation problem with request body.", "S03 {body}");
    }
    let ids: Vec<String> = (0..2_500).map(|number| format!("id{number:04}")).collect();
    let long = format!("id:(a,{})", ids.join(","));
    assert!(long.len() > 17_000);
    assert_eq!(api.post("/search", &json!({ "q": long })).answer().await.ids(), ["a"], "S04");
    let paged =
        api.post("/search?pageSize=1&pageNumber=2&sort=id:desc&fields=id", &json!({})).header("X-Total-Count", "true");
    let paged = paged.answer().await;
    assert_eq!((paged.body.clone(), paged.header("X-Total-Count")), (json!([{ "id": "b" }]), Some("3")), "S04 paging");
}

#[tokio::test]
async fn a_client_that_has_the_document_is_told_so() {
    let mut api = Api::start().await;
    api.story.put("acme", "g1", golden()).await;
    api.catch_up().await;
    let tag = api.get("/g1").answer().await.header("ETag").expect("a tag").to_owned();
    assert!(tag.starts_with('"') && tag.ends_with(".1\""), "{tag}");
    for condition in [tag.as_str(), "*", &format!("\"x\", W/{tag}")] {
        let unchanged = api.get("/g1").header("If-None-Match", condition).answer().await;
        assert_eq!((unchanged.status, unchanged.body.clone()), (StatusCode::NOT_MODIFIED, Value::Null), "{condition}");
        assert_eq!(unchanged.header("ETag"), Some(&*tag));
    }
    api.story.put("acme", "g1", golden()).await;
    api.catch_up().await;
    let changed = api.get("/g1").header("If-None-Match", &tag).answer().await;
    assert_eq!(changed.status, StatusCode::OK);
    assert_eq!(changed.header("ETag"), Some(&*tag.replace(".1\"", ".2\"")));
    assert_eq!(api.get("/g1").header("If-None-Match", "g1").answer().await.status, StatusCode::BAD_REQUEST);
    assert_eq!(api.get("/nope").header("If-None-Match", "*").answer().await.status, StatusCode::NOT_FOUND);
}
