//! Reference data in the views: names in rows, what is refused, and that the same log makes the same views.

use reqwest::StatusCode;
use serde_json::{Value, json};
use shared::{
    ids::ItemType::{Category, Product},
    reference::Kind,
};

use crate::{
    api::{Api, Sent as _},
    support::{Catalogue, Views},
};

async fn with_names() -> Api {
    let mut api = Api::start().await;
    for tenant in ["acme", "beta"] {
        api.story.put(tenant, "g1", json!({ "name": { "en": "n" } })).await;
        api.story.assign(tenant, "g1", Product, &["p1", "p2", "same"], None).await;
        api.story.assign(tenant, "g1", Category, &["same"], None).await;
        api.story.join(tenant, "g1", &["c1", "c1/le1", "c2/le2"], None).await;
    }
    let products = [
        json!({ "id": "p1", "code": "P-1", "name": { "en": "Bag", "de": "Tasche" } }),
        json!({ "id": "same", "code": "PROD" }),
    ];
    api.catalogue.put("acme", Kind::Product, &products).await;
    api.catalogue.put("acme", Kind::Category, &[json!({ "id": "same", "name": { "en": "Zoo" } })]).await;
    let customer = json!({ "id": "c1", "firstName": "Ada", "lastName": "L.", "email": "ada@example.com" });
    api.catalogue.put("acme", Kind::Customer, &[customer]).await;
    api.catalogue.put("acme", Kind::LegalEntity, &[json!({ "id": "le1", "name": "Analytical \"Engines\"" })]).await;
    api.catch_up().await;
    api
}

async fn shown(api: &Api, rest: &str) -> Value {
    let answer = api.get(rest).answer().await;
    assert_eq!(answer.status, StatusCode::OK, "{rest}: {}", answer.body);
    answer.body
}

#[tokio::test]
async fn rows_show_the_names_that_are_known_and_ids_otherwise() {
    let api = with_names().await;
    for (rest, member, expected) in [
        ("/g1/items/PRODUCT/p1", "item", json!({ "id": "p1", "code": "P-1", "name": { "en": "Bag", "de": "Tasche" } })),
        ("/g1/items/PRODUCT/p2", "item", json!({ "id": "p2" })),
        ("/g1/items/PRODUCT/same", "item", json!({ "id": "same", "code": "PROD" })),
        ("/g1/items/CATEGORY/same", "item", json!({ "id": "same", "name": { "en": "Zoo" } })),
        (
            "/g1/customers/c1",
            "customer",
            json!({ "id": "c1", "firstName": "Ada", "lastName": "L.", "email": "ada@example.com" }),
        ),
        ("/g1/customers/c1/le1", "legalEntity", json!({ "id": "le1", "name": "Analytical \"Engines\"" })),
        ("/g1/customers/c2/le2", "legalEntity", json!({ "id": "le2" })),
    ] {
        assert_eq!(shown(&api, rest).await[member], expected, "{rest}");
    }
    let german = api.get("/g1/items/PRODUCT/p1").header("Accept-Language", "de").answer().await;
    assert_eq!(german.body["item"]["name"], json!({ "de": "Tasche" }));
    let foreign = api.request(reqwest::Method::GET, "beta", "/g1/items/PRODUCT/p1").answer().await;
    assert_eq!(foreign.body["item"], json!({ "id": "p1" }), "another tenant");

    api.catalogue.delete("acme", Kind::Product, "p1").await;
    api.catch_up().await;
    assert_eq!(shown(&api, "/g1/items/PRODUCT/p1").await["item"], json!({ "id": "p1" }));
}

#[tokio::test]
async fn rows_are_filtered_and_sorted_by_names() {
    let api = with_names().await;
    let names = |body: &Value, member: &str| {
        let rows = body.as_array().expect("an array");
        rows.iter().map(|row| row[member]["id"].as_str().expect("an id").to_owned()).collect::<Vec<_>>().join(" ")
    };
    for (rest, expected) in [
        ("?q=item.code:P-1", "p1"),
        ("?q=item.name:Tasche", "p1"),
        ("?q=item.name.en:~o", "same"),
        ("?q=item.name.EN:exists&sort=item.name", "p1 same"),
        ("?q=item.name:missing", "p2 same"),
        ("?sort=item.name.en:desc,type", "same p1 p2 same"),
    ] {
        for list in ["/items", "/g1/items"] {
            assert_eq!(names(&shown(&api, &format!("{list}{rest}")).await, "item"), expected, "{list}{rest}");
        }
    }
    for (rest, expected) in [
        ("?q=customer.email:ada@example.com", "c1 c1"),
        ("?q=customer.lastName:~%5EL%20legalEntity.name:exists", "c1"),
        ("?q=customer.firstName:missing", "c2"),
        ("?sort=customer.email,legalEntity.name:desc", "c2 c1 c1"),
    ] {
        assert_eq!(names(&shown(&api, &format!("/g1/customers{rest}")).await, "customer"), expected, "{rest}");
    }
}

#[tokio::test]
async fn cycles_are_put_aside_once_and_end_nothing() {
    let (views, catalogue) = (Views::empty().await, Catalogue::empty().await);
    let projection = views.follow(&catalogue);
    let category = |id: &str, parent: &str| json!({ "id": id, "parentId": parent });
    catalogue.put("acme", Kind::Category, &[category("a", "b"), category("b", "c"), category("x", "a")]).await;
    views.know(&catalogue).await;
    assert_eq!(views.count("select count(*) from category_closure").await, 2 + 1 + 3);
    catalogue.put("acme", Kind::Category, &[category("c", "a")]).await;
    views.know(&catalogue).await;
    assert_eq!(views.count("select count(*) from dead_letter where key = 'acme/category/c'").await, 1);
    assert_eq!(views.count("select count(*) from category_closure").await, 2 + 1 + 3, "c stands without parent");
    catalogue.put("acme", Kind::Category, &[json!({ "id": "a" })]).await;
    views.know(&catalogue).await;
    assert_eq!(views.count("select count(*) from category where is_cut").await, 0);
    let above_b = "select count(*) from category_closure where category_id = 'b' and ancestor_id = 'a' and depth = 2";
    assert_eq!(views.count(above_b).await, 1, "c has its parent back");
    assert_eq!(views.count("select count(*) from dead_letter").await, 1);
    assert!(projection.health.problems().is_empty(), "{:?}", projection.health.problems());
}

#[tokio::test]
async fn the_same_reference_data_makes_the_same_views_also_after_crashes_and_from_what_is_left_of_the_log() {
    let (views, catalogue) = (Views::empty().await, Catalogue::empty().await);
    for round in 0..8_u32 {
        let projection = views.follow(&catalogue);
        for number in 0..15 {
            let (id, parent) = ((round * 7 + number * 3) % 11, (round * 5 + number) % 11);
            let name = json!({ "en": format!("round {round}") });
            if id != parent {
                let category = json!({ "id": format!("k{id}"), "parentId": format!("k{parent}"), "name": name });
                catalogue.put("acme", Kind::Category, &[category]).await;
            }
            catalogue.put("acme", Kind::Product, &[json!({ "id": format!("p{id}"), "name": name })]).await;
            let pair = json!({ "productId": format!("p{id}"), "categoryId": format!("k{parent}") });
            catalogue.put("acme", Kind::ProductCategory, &[pair]).await;
            if number % 5 == 0 {
                catalogue.delete("acme", Kind::ProductCategory, &format!("p{parent}/k{id}")).await;
                catalogue.delete("acme", Kind::Category, &format!("k{parent}")).await;
            }
        }
        if round % 2 == 0 {
            views.know(&catalogue).await;
        }
        drop(projection);
    }
    let _projection = views.follow(&catalogue);
    views.know(&catalogue).await;

    let fresh = Views::empty().await;
    let _other = fresh.follow(&catalogue);
    fresh.know(&catalogue).await;
    assert_eq!(views.checksum().await, fresh.checksum().await);
    assert!(fresh.count("select count(*) from category_closure").await > 0);
}
