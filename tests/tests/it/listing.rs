//! Cases L and S: `GET /segments` and `POST /segments/search`.

use e2e::{
    Answer, Caller, Shop,
    samples::{golden, named, with},
};
use reqwest::Method;
use serde_json::{Value, json};

/// A shop with the segments `s00` to `s60`; every other one is active, every third in site `second`.
async fn shop_of_61() -> Shop {
    let shop = Shop::open().await;
    let segments: Vec<Value> = (0..61)
        .map(|number| {
            let status = if number % 2 == 0 { "ACTIVE" } else { "INACTIVE" };
            let site = if number % 3 == 0 { "second" } else { "main" };
            let name = json!({ "en": format!("Name {:02}", 60 - number) });
            with(named(&format!("s{number:02}")), json!({ "status": status, "siteCode": site, "name": name }))
        })
        .collect();
    shop.create_all(&segments).await;
    shop
}

fn numbered(numbers: impl Iterator<Item = usize>) -> Vec<String> {
    numbers.map(|number| format!("s{number:02}")).collect()
}

async fn list(shop: &Shop, query: &str) -> Answer {
    shop.get(query).await.expect(200)
}

#[tokio::test]
async fn l01_a_page_has_60_rows_unless_asked_otherwise() {
    let shop = shop_of_61().await;
    assert_eq!(list(&shop, "").await.ids(), numbered(0..60));
}

#[tokio::test]
async fn l02_pages_together_are_everything_once() {
    let shop = shop_of_61().await;
    let mut all = Vec::new();
    for (page, rows) in [(1, 25), (2, 25), (3, 11)] {
        let ids = list(&shop, &format!("?pageSize=25&pageNumber={page}")).await.ids();
        assert_eq!(ids.len(), rows);
        all.extend(ids);
    }
    assert_eq!(all, numbered(0..61));
}

#[tokio::test]
async fn l03_a_page_behind_the_last_is_empty() {
    let shop = shop_of_61().await;
    assert_eq!(list(&shop, "?pageNumber=99").await.json(), json!([]));
    assert_eq!(list(&shop, "?pageNumber=9223372036854775807").await.json(), json!([]));
}

#[tokio::test]
async fn l04_pages_are_counted_from_1_and_hold_1_to_2000() {
    let shop = Shop::open().await;
    for query in [
        "pageSize=0",
        "pageSize=-1",
        "pageSize=abc",
        "pageSize=2001",
        "pageSize=1.5",
        "pageSize=99999999999999999999",
        "pageNumber=0",
        "pageNumber=-1",
        "pageNumber=x",
        "pageSize=5&pageSize=6",
    ] {
        shop.get(&format!("?{query}")).await.error(400);
        shop.post(&format!("/search?{query}"), &json!({})).await.error(400);
        shop.get(&format!("/items?{query}")).await.error(400);
    }
    list(&shop, "?pageSize=2000").await;
}

#[tokio::test]
async fn l05_the_second_page_of_60() {
    let shop = shop_of_61().await;
    assert_eq!(list(&shop, "?pageNumber=2").await.ids(), ["s60"]);
}

#[tokio::test]
async fn l06_the_total_is_told_when_asked_for() {
    let shop = shop_of_61().await;
    let counted = shop.get("?pageSize=5").header("x-total-count", "TRUE").await.expect(200);
    assert_eq!((counted.rows().len(), counted.header("X-Total-Count")), (5, Some("61")));
    for answer in [list(&shop, "").await, shop.get("").header("X-Total-Count", "false").await.expect(200)] {
        assert_eq!(answer.header("X-Total-Count"), None);
    }
    let behind = shop.get("?pageNumber=99").header("X-Total-Count", "true").await.expect(200);
    assert_eq!((behind.rows().len(), behind.header("X-Total-Count")), (0, Some("61")));
}

#[tokio::test]
async fn l07_the_total_counts_what_the_filter_leaves() {
    let shop = shop_of_61().await;
    let counted = async |request: e2e::Request<'_>| {
        request.header("X-Total-Count", "true").await.expect(200).header("X-Total-Count").map(str::to_owned)
    };
    assert_eq!(counted(shop.get("?q=status:ACTIVE&pageSize=1")).await.as_deref(), Some("31"));
    let search = shop.post("/search?pageSize=1", &json!({ "q": "siteCode:second" }));
    assert_eq!(counted(search).await.as_deref(), Some("21"));
    let own = shop.get("").by(Caller::Customer("c1"));
    assert_eq!(counted(own).await.as_deref(), Some("0"), "what a customer may not see is not counted");
}

#[tokio::test]
async fn l08_sorted_by_a_translation() {
    let shop = shop_of_61().await;
    assert_eq!(list(&shop, "?sort=name.en:DESC").await.ids(), numbered(0..60));
    assert_eq!(list(&shop, "?sort=name.en").await.ids(), numbered((1..61).rev()));
}

#[tokio::test]
async fn l09_sorted_by_several_keys() {
    let shop = Shop::open().await;
    let site = |id: &str, site: &str| with(named(id), json!({ "siteCode": site }));
    shop.create_all(&[site("a", "y"), site("b", "x"), site("c", "y"), site("d", "x")]).await;
    for id in ["c", "b"] {
        let patch = json!([{ "op": "replace", "path": "/status", "value": "ACTIVE" }]);
        shop.patch(&format!("/{id}"), &patch).await.empty(204);
    }
    let sorted = list(&shop, "?sort=siteCode,metadata.version:desc").await;
    assert_eq!(sorted.ids(), ["b", "d", "c", "a"]);
}

#[tokio::test]
async fn l10_equal_keys_are_in_the_order_of_ids() {
    let shop = shop_of_61().await;
    let ids = list(&shop, "?sort=status&pageSize=100").await.ids();
    let expected: Vec<String> = numbered((0..61).step_by(2)).into_iter().chain(numbered((1..61).step_by(2))).collect();
    assert_eq!(ids, expected);
}

#[tokio::test]
async fn l11_what_cannot_be_sorted_by_is_refused() {
    let shop = Shop::open().await;
    for sort in ["bogus", "name:upwards", "name,,id", "name:asc:desc"] {
        shop.get("").query("sort", sort).await.error(400);
        shop.post("/search", &json!({})).query("sort", sort).await.error(400);
    }
}

#[tokio::test]
async fn l12_a_name_is_sorted_in_the_language_of_the_client() {
    let shop = Shop::open().await;
    let name = |id: &str, en: &str, de: &str| with(named(id), json!({ "name": { "en": en, "de": de } }));
    shop.create_all(&[name("a", "1", "3"), name("b", "2", "1"), name("c", "3", "2")]).await;
    let german = shop.get("?sort=name").header("Accept-Language", "de").await.expect(200);
    assert_eq!(german.ids(), ["b", "c", "a"]);
    assert_eq!(list(&shop, "?sort=name").await.ids(), ["a", "b", "c"]);
}

#[tokio::test]
async fn l13_fields_choose_members() {
    let shop = Shop::open().await;
    shop.create(golden()).await;
    let row = json!({ "id": "g1", "name": { "en": "Golden Segment" }, "status": "ACTIVE" });
    assert_eq!(list(&shop, "?fields=name,status").await.json(), json!([row]));
    assert_eq!(list(&shop, "?fields=nothing").await.json(), json!([{ "id": "g1" }]));
    let everything = list(&shop, "?fields=").await.json();
    assert_eq!(everything, list(&shop, "").await.json());
}

#[tokio::test]
async fn l14_fields_keep_the_nesting() {
    let shop = Shop::open().await;
    shop.create(golden()).await;
    let rows = list(&shop, "?fields=metadata.version").await.json();
    assert_eq!(rows, json!([{ "id": "g1", "metadata": { "version": 1 } }]));
}

#[tokio::test]
async fn l15_texts_are_answered_in_the_accepted_language() {
    let shop = Shop::open().await;
    let both = json!({ "en": "Gold", "de": "Goldig" });
    shop.create(with(named("s"), json!({ "name": both }))).await;
    for (accepted, expected) in [
        ("de", json!({ "de": "Goldig" })),
        ("fr, de;q=0.5", json!({ "de": "Goldig" })),
        ("de-CH", json!({ "de": "Goldig" })),
        ("it", json!({ "en": "Gold" })),
        ("*", both.clone()),
        ("", both.clone()),
        (";;;q", both.clone()),
    ] {
        let rows = shop.get("").header("Accept-Language", accepted).await.expect(200).rows();
        assert_eq!(rows[0]["name"], expected, "{accepted}");
    }
    assert_eq!(list(&shop, "").await.rows()[0]["name"], both);
}

#[tokio::test]
async fn s01_a_search_finds_what_the_same_list_finds() {
    let shop = shop_of_61().await;
    let found = shop.post("/search", &json!({ "q": "siteCode:main" })).by(Caller::Reader).await.expect(200);
    assert_eq!(found.json(), list(&shop, "?q=siteCode:main").await.json());
    assert_eq!(found.rows().len(), 40);
    let paged = shop.post("/search?pageSize=3&pageNumber=2&sort=id:desc&fields=id", &json!({ "q": "siteCode:main" }));
    assert_eq!(paged.await.expect(200).json(), json!([{ "id": "s55" }, { "id": "s53" }, { "id": "s52" }]));
}

#[tokio::test]
async fn s02_a_search_without_filter_finds_everything() {
    let shop = Shop::open().await;
    shop.create_all(&[named("a"), named("b")]).await;
    for body in [json!({}), json!({ "q": "" }), json!({ "q": "  " }), json!({ "q": null })] {
        assert_eq!(shop.post("/search", &body).await.expect(200).ids(), ["a", "b"], "{body}");
    }
    assert_eq!(shop.ask(Method::POST, "/search").await.expect(200).ids(), ["a", "b"]);
    let ignored = shop.post("/search?q=id:a", &json!({})).await.expect(200);
    assert_eq!(ignored.ids(), ["a", "b"], "a search has its filter in the body");
}

#[tokio::test]
async fn s03_a_filter_is_a_text() {
    let shop = Shop::open().await;
    for body in [json!({ "q": 5 }), json!({ "q": ["id:a"] }), json!([]), json!("id:a")] {
        shop.post("/search", &body).await.error(400);
    }
    shop.post("/search", &json!({ "q": "status" })).await.error(400);
}

#[tokio::test]
async fn s04_a_search_takes_a_long_filter() {
    let shop = Shop::open().await;
    shop.create_all(&[named("a"), named("b")]).await;
    let others: Vec<String> = (0..2000).map(|number| format!("other-{number}")).collect();
    let q = format!("id:({},b)", others.join(","));
    assert!(q.len() > 20_000);
    assert_eq!(shop.post("/search", &json!({ "q": q })).await.expect(200).ids(), ["b"]);
}

#[tokio::test]
async fn parameters_of_cursors_are_ignored() {
    let shop = Shop::open().await;
    shop.create(golden()).await;
    assert_eq!(list(&shop, "?next=abc&prev=def").await.ids(), ["g1"]);
}
