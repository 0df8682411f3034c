//! Cases M02, M03, X11 and X12, which need categories, and the names of what is assigned.

use e2e::{
    Caller, Shop,
    samples::{golden, named},
};
use serde_json::{Value, json};

/// `g1` (active, main) has the categories `hammers` and `nowhere`, of which nothing is known; `off` (inactive) has `paint`.
/// Customer c1 has both segments. `sledges` lie in `hammers`, and these, like `saws`, in `tools`.
async fn shop_with_categories() -> Shop {
    let shop = Shop::open().await;
    shop.create_all(&[golden(), named("off")]).await;
    for (segment, category) in [("g1", "hammers"), ("g1", "nowhere"), ("off", "paint")] {
        shop.assign(segment, "CATEGORY", category).await;
    }
    shop.join("g1", "c1").await;
    shop.join("off", "c1").await;
    let categories = json!([
        { "id": "sledges", "parentId": "hammers" },
        { "id": "hammers", "parentId": "tools", "code": "234", "name": { "en": "Hammers" } },
        { "id": "tools", "code": "123", "name": { "en": "Tools", "de": "Werkzeug" }, "position": 1 },
        { "id": "saws", "parentId": "tools" },
        { "id": "paint" },
    ]);
    shop.know("category", &categories).await;
    let pairs = json!([
        { "productId": "claw", "categoryId": "hammers" },
        { "productId": "heavy", "categoryId": "sledges" },
        { "productId": "box", "categoryId": "tools" },
        { "productId": "red", "categoryId": "paint" },
    ]);
    shop.know("productCategory", &pairs).await;
    shop
}

async fn matched(shop: &Shop, products: &[&str]) -> Value {
    let items: Vec<Value> = products.iter().map(|id| json!({ "id": id })).collect();
    let question = json!({ "items": items, "segmentIds": ["g1", "off"], "site": "main" });
    shop.post("/match", &question).by(Caller::Manager).await.expect(200).json()
}

const ALL: [&str; 6] = ["red", "heavy", "claw", "box", "hammers", "nope"];

#[tokio::test]
async fn m02_m03_products_match_through_their_category_and_through_one_above() {
    let shop = shop_with_categories().await;
    assert_eq!(matched(&shop, &ALL).await, json!([{ "id": "heavy" }, { "id": "claw" }]), "m02 m03");

    shop.know("category", &json!([{ "id": "sledges", "parentId": "saws" }])).await;
    assert_eq!(matched(&shop, &ALL).await, json!([{ "id": "claw" }]), "moved away");
    let patch = json!([{ "op": "replace", "path": "/status", "value": "INACTIVE" }]);
    shop.patch("/g1", &patch).await.empty(204);
    assert_eq!(matched(&shop, &ALL).await, json!([]), "m04");
}

#[tokio::test]
async fn x11_x12_customers_see_the_trees_of_what_is_assigned() {
    let shop = shop_with_categories().await;
    let path = "/items/category-trees";
    let hammers = json!({
        "id": "hammers", "parentId": "tools", "code": "234", "name": { "en": "Hammers" }, "isSegmentAssigned": true,
    });
    let expected = json!([
        {
            "id": "tools", "code": "123", "name": { "en": "Tools", "de": "Werkzeug" }, "position": 1,
            "isSegmentAssigned": false, "subcategories": [hammers],
        },
        { "id": "nowhere", "code": "nowhere", "name": {}, "isSegmentAssigned": true },
    ]);
    let trees = async |path: &str| shop.get(path).by(Caller::Customer("c1")).await.expect(200).json();
    assert_eq!(trees(path).await, expected, "x11");
    assert_eq!(trees(&format!("{path}?siteCode=nope")).await, json!([]));
    let german = shop.get(path).by(Caller::Customer("c1")).header("Accept-Language", "de").await.expect(200).json();
    assert_eq!(german[0]["name"], json!({ "de": "Werkzeug" }));
    for (caller, trees) in [(Caller::Customer("c2"), json!([])), (Caller::ServiceWithOwnScope, json!([]))] {
        assert_eq!(shop.get(path).by(caller).await.expect(200).json(), trees);
    }
    for caller in [Caller::Reader, Caller::Manager] {
        shop.get(path).by(caller).await.error(403);
    }
}

#[tokio::test]
async fn names_are_shown_where_they_are_known() {
    let shop = shop_with_categories().await;
    shop.know("customer", &json!([{ "id": "c1", "firstName": "Ada", "email": "ada@example.com" }])).await;
    let path = "/g1/items/CATEGORY/hammers";
    let item = json!({ "id": "hammers", "code": "234", "name": { "en": "Hammers" } });
    assert_eq!(shop.get(path).await.expect(200).json()["item"], item);
    let customer = json!({ "id": "c1", "firstName": "Ada", "email": "ada@example.com" });
    assert_eq!(shop.get("/g1/customers/c1").await.expect(200).json()["customer"], customer);
    let found = shop.get("/g1/items").query("q", "item.name:Hammers").await.expect(200);
    assert_eq!(found.rows().len(), 1);
}

#[tokio::test]
async fn a_tag_changes_with_the_names_and_with_the_language_and_holds_for_writes() {
    let shop = shop_with_categories().await;
    let path = "/g1/items/CATEGORY/hammers";
    let tag = shop.get(path).await.expect(200).etag();
    shop.get(path).header("If-None-Match", &tag).await.empty(304);
    let german = shop.get(path).header("Accept-Language", "de").header("If-None-Match", &tag).await.expect(200);
    assert_ne!(german.etag(), tag, "another body");

    let renamed = json!([{ "id": "hammers", "parentId": "tools", "name": { "en": "Mallets" } }]);
    shop.know("category", &renamed).await;
    let shown = shop.get(path).header("If-None-Match", &tag).await.expect(200);
    assert_eq!(shown.json()["item"]["name"], json!({ "en": "Mallets" }));
    assert_ne!(shown.etag(), tag);
    let written = shop.put(path, &json!({})).header("If-Match", &tag).await.empty(204).etag();
    shop.put(path, &json!({})).header("If-Match", &tag).await.error(412);
    shop.put(path, &json!({})).header("If-Match", &written).await.empty(204);
}
