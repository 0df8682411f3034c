//! Cases C: `POST /segments`.

use e2e::{
    Caller, Shop,
    samples::{golden, golden_without_id, named, with, without},
};
use reqwest::Method;
use serde_json::{Value, json};

const INVALID: &str = "Validation problem with request body.";

/// Posts a body that must be refused, and gives the `details` of the error.
async fn refused(shop: &Shop, body: Value) -> Value {
    let error = shop.post("", &body).await.error(400);
    assert_eq!(error["message"], INVALID, "{body}");
    error["details"].clone()
}

#[tokio::test]
async fn c01_post_answers_201_with_the_id_alone() {
    let shop = Shop::open().await;
    let answer = shop.post("", &golden()).by(Caller::Manager).await.expect(201);
    assert_eq!(answer.json(), json!({ "id": "g1" }));
    let location = format!("/customer-segment/{}/segments/g1", shop.tenant);
    assert!(
        answer.header("location").is_some_and(|given| given.ends_with(&location)),
        "{:?}",
        answer.header("location")
    );
}

#[tokio::test]
async fn c02_an_id_is_generated() {
    let shop = Shop::open().await;
    let created = shop.create(golden_without_id()).await.json();
    let id = created["id"].as_str().expect("an id");
    assert!(id.len() == 24 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{id}");
    assert_eq!(shop.segment(id).await["id"], id);
}

#[tokio::test]
async fn c03_without_status_a_segment_is_inactive() {
    let shop = Shop::open().await;
    shop.create(without(golden(), "status")).await;
    assert_eq!(shop.segment("g1").await["status"], "INACTIVE");
}

#[tokio::test]
async fn c04_a_name_is_required() {
    let shop = Shop::open().await;
    let details = refused(&shop, without(golden(), "name")).await;
    assert_eq!((&details["field"], &details["type"]), (&json!("name"), &json!("required")));
    refused(&shop, with(golden(), json!({ "name": null }))).await;
    refused(&shop, with(golden(), json!({ "name": {} }))).await;
}

#[tokio::test]
async fn c05_a_site_code_is_required() {
    let shop = Shop::open().await;
    let details = refused(&shop, without(golden(), "siteCode")).await;
    assert_eq!((&details["field"], &details["type"]), (&json!("siteCode"), &json!("required")));
    refused(&shop, with(golden(), json!({ "siteCode": "  " }))).await;
}

#[tokio::test]
async fn c06_a_status_is_one_of_two_words() {
    let shop = Shop::open().await;
    let details = refused(&shop, with(golden(), json!({ "status": "active" }))).await;
    assert_eq!((&details["field"], &details["type"]), (&json!("status"), &json!("enum")));
    refused(&shop, with(golden(), json!({ "status": 1 }))).await;
}

#[tokio::test]
async fn c07_a_name_is_texts() {
    let shop = Shop::open().await;
    for name in [json!(5), json!([]), json!({ "en": 5 }), json!({ "en": null })] {
        refused(&shop, with(golden(), json!({ "name": name }))).await;
    }
}

#[tokio::test]
async fn c08_the_same_id_again_is_a_conflict() {
    let shop = Shop::open().await;
    shop.create(golden()).await;
    let error = shop.post("", &golden()).await.error(409);
    assert_eq!((&error["message"], &error["resourceId"]), (&json!("The resource already exists."), &json!("g1")));
    assert_eq!(shop.segment("g1").await["metadata"]["version"], 1);
}

#[tokio::test]
async fn c09_a_created_document_begins_with_version_1() {
    let shop = Shop::open().await;
    shop.create(golden()).await;
    let metadata = shop.segment("g1").await["metadata"].clone();
    assert_eq!(metadata["version"], 1);
    assert_eq!(metadata["createdAt"], metadata["modifiedAt"]);
    let instant = metadata["createdAt"].as_str().expect("a time");
    // YYYY-MM-DDTHH:MM:SS.mmmZ
    assert!(instant.len() == 24 && instant.ends_with('Z') && &instant[10..11] == "T", "{instant}");
}

#[tokio::test]
async fn c10_version_and_times_of_the_client_are_ignored() {
    let shop = Shop::open().await;
    let metadata = json!({ "version": 7, "createdAt": "2001-01-01T00:00:00.000Z" });
    shop.create(with(golden(), json!({ "metadata": metadata }))).await;
    let stored = shop.segment("g1").await["metadata"].clone();
    assert_eq!(stored["version"], 1);
    assert_ne!(stored["createdAt"], "2001-01-01T00:00:00.000Z");
}

#[tokio::test]
async fn c11_ids_differ_by_case() {
    let shop = Shop::open().await;
    shop.create(with(named("VIP"), json!({ "name": { "en": "upper" } }))).await;
    shop.create(with(named("vip"), json!({ "name": { "en": "lower" } }))).await;
    assert_eq!(shop.segment("VIP").await["name"]["en"], "upper");
    assert_eq!(shop.segment("vip").await["name"]["en"], "lower");
    shop.get("/Vip").await.error(404);
}

#[tokio::test]
async fn c12_words_of_the_path_are_no_ids() {
    let shop = Shop::open().await;
    for id in ["bulk", "search", "match", "items", "me"] {
        refused(&shop, named(id)).await;
    }
    let too_long = "x".repeat(256);
    for id in ["", "a/b", "a\u{1}b", &too_long] {
        refused(&shop, named(id)).await;
    }
    refused(&shop, with(golden(), json!({ "id": 5 }))).await;
}

#[tokio::test]
async fn c13_what_is_no_json_object_is_refused() {
    let shop = Shop::open().await;
    for body in ["{\"name\":", "", "nonsense", "[]", "5", "\"text\"", "null", "{\"name\":{\"en\":\"\\u0000\"}}"] {
        shop.ask(Method::POST, "").body("application/json", body).await.error(400);
    }
    shop.ask(Method::POST, "").body("application/json", vec![b'"', 0xff, b'"']).await.error(400);
}

#[tokio::test]
async fn c14_a_window_does_not_end_before_it_begins() {
    let shop = Shop::open().await;
    let window = |from: &str, to: &str| json!({ "validity": { "from": from, "to": to } });
    refused(&shop, with(golden(), window("2025-01-01T00:00:00Z", "2024-01-01T00:00:00Z"))).await;
    refused(&shop, with(golden(), window("yesterday", "2024-01-01T00:00:00Z"))).await;
    shop.create(with(named("to"), json!({ "validity": { "to": "2024-01-01T02:00:00+02:00" } }))).await;
    let stored = shop.segment("to").await;
    assert_eq!(stored["validity"], json!({ "to": "2024-01-01T00:00:00.000Z" }));
}

#[tokio::test]
async fn c15_a_plain_text_is_stored_under_the_content_language() {
    let shop = Shop::open().await;
    let body = with(named("de"), json!({ "name": "Gold", "description": "Viel" }));
    shop.post("", &body).header("Content-Language", "de").await.expect(201);
    let stored = shop.get("/de").header("Accept-Language", "*").await.expect(200).json();
    assert_eq!((&stored["name"], &stored["description"]), (&json!({ "de": "Gold" }), &json!({ "de": "Viel" })));

    shop.create(with(named("default"), json!({ "name": "Gold" }))).await;
    assert_eq!(shop.segment("default").await["name"], json!({ "en": "Gold" }));
    for languages in ["*", "de, en"] {
        let several = with(named("no"), json!({ "name": "Gold" }));
        shop.post("", &several).header("Content-Language", languages).await.error(400);
    }
}

#[tokio::test]
async fn c16_a_map_is_stored_as_it_is_whatever_the_content_language() {
    let shop = Shop::open().await;
    let name = json!({ "en": "Gold", "de": "Goldig" });
    let body = with(golden(), json!({ "name": name }));
    shop.post("", &body).header("Content-Language", "en").await.expect(201);
    assert_eq!(shop.segment("g1").await["name"], name);
}

#[tokio::test]
async fn c17_mixins_come_back_as_they_were_sent() {
    let shop = Shop::open().await;
    let mixins = json!({
        "loyalty": {
            "points": 12, "rate": 0.1, "large": 9_007_199_254_740_993_u64, "small": -1.5e-7, "flag": true, "off": false,
            "list": [1, "two", { "three": 3 }, [], null], "empty": {}, "text": "Größe ✓ 🎉 \"quoted\" \\ / ~",
        },
        "a/b": { "~": 1 },
    });
    let schemas = json!({ "loyalty": "https://schemas.example/loyalty.json" });
    shop.create(with(golden(), json!({ "mixins": mixins, "metadata": { "mixins": schemas } }))).await;
    let stored = shop.segment("g1").await;
    assert_eq!((&stored["mixins"], &stored["metadata"]["mixins"]), (&mixins, &schemas));
}

#[tokio::test]
async fn odd_ids_are_stored_and_found_as_they_are() {
    let shop = Shop::open().await;
    for id in ["a b", "größe", "50%", "a+b&c=d?e#f", "..", "~x~", "%2F", "a:b;c,d", "日本"] {
        let created = shop.create(named(id)).await;
        assert_eq!(created.json()["id"], id);
        let location = created.header("location").expect("a location").to_owned();
        if id != ".." {
            let found = shop.ask_at(Method::GET, &location).await.expect(200).json();
            assert_eq!(found["id"], id, "{location}");
        }
        assert_eq!(shop.find(&format!("id:\"{id}\"")).await, [id]);
    }
}

#[tokio::test]
async fn null_is_absent_and_unknown_members_are_ignored() {
    let shop = Shop::open().await;
    let nulls =
        json!({ "description": null, "validity": null, "status": null, "mixins": null, "metadata": null, "x": 1 });
    shop.create(with(golden(), nulls)).await;
    let stored = shop.segment("g1").await;
    let members: Vec<&String> = stored.as_object().expect("an object").keys().collect();
    let mut expected = ["id", "name", "status", "siteCode", "metadata"];
    expected.sort_unstable();
    let mut members: Vec<&str> = members.into_iter().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, expected);
}
