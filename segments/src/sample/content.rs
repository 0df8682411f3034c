//! What the sample holds. The same on every machine: nothing is drawn by chance.

use serde_json::{Value, json};
use shared::reference::Kind;

/// How many segments there are.
pub const SEGMENTS: usize = 360;
/// Assigned to every segment, after all others.
pub const LAST_PRODUCT: &str = "gift-card";

/// Matches the first segment, but only through its category.
pub const PRODUCT_IN_A_CATEGORY: &str = "product-4001";

const SITES: [&str; 4] = ["main", "de", "fr", "us"];
const PRODUCTS: usize = 5000;

/// The tree of categories: one root, departments, and the categories in each of them.
const ROOT: &str = "all";
const DEPARTMENTS: [[&str; 3]; 8] = [
    ["Shoes", "Schuhe", "Chaussures"],
    ["Clothes", "Kleidung", "Vêtements"],
    ["Bags", "Taschen", "Sacs"],
    ["Garden", "Garten", "Jardin"],
    ["Kitchen", "Küche", "Cuisine"],
    ["Sports", "Sport", "Sports"],
    ["Toys", "Spielzeug", "Jouets"],
    ["Books", "Bücher", "Livres"],
];
const OF_EACH: usize = 5;

/// English, German and French words of the same meaning.
const AUDIENCES: [[&str; 3]; 10] = [
    ["Gold customers", "Goldkunden", "Clients Or"],
    ["New customers", "Neukunden", "Nouveaux clients"],
    ["Wholesalers", "Großhändler", "Grossistes"],
    ["Students", "Studierende", "Étudiants"],
    ["Employees", "Mitarbeitende", "Employés"],
    ["Newsletter readers", "Newsletter-Leser", "Lecteurs de la newsletter"],
    ["Restaurants", "Restaurants", "Restaurants"],
    ["Sports clubs", "Sportvereine", "Clubs de sport"],
    ["Public sector", "Öffentlicher Dienst", "Secteur public"],
    ["Resellers", "Wiederverkäufer", "Revendeurs"],
];

const REGIONS: [[&str; 3]; 9] = [
    ["North", "Nord", "Nord"],
    ["South", "Süd", "Sud"],
    ["East", "Ost", "Est"],
    ["West", "West", "Ouest"],
    ["Alps", "Alpen", "Alpes"],
    ["Coast", "Küste", "Côte"],
    ["Islands", "Inseln", "Îles"],
    ["Capital", "Hauptstadt", "Capitale"],
    ["Abroad", "Ausland", "Étranger"],
];

/// `seg-001` and so on.
pub fn segment_id(number: usize) -> String {
    format!("seg-{:03}", number + 1)
}

/// A segment as it is put.
pub fn segment(number: usize) -> Value {
    let audience = AUDIENCES[number % AUDIENCES.len()];
    let region = REGIONS[number / AUDIENCES.len() % REGIONS.len()];
    let name = |language: usize| format!("{} {}", audience[language], region[language]);
    let mut segment = json!({
        "id": segment_id(number),
        "name": { "en": name(0), "de": name(1), "fr": name(2) },
        "description": { "en": format!("{} in the region {}", audience[0], region[0]) },
        "status": if number % 5 == 4 { "INACTIVE" } else { "ACTIVE" },
        "siteCode": site(number),
        "mixins": { "campaign": { "priority": number % 7, "channels": ["web", "store"] } },
        "metadata": { "mixins": { "campaign": "https://schemas.acme.example/campaign.v1.json" } },
    });
    if number.is_multiple_of(3) {
        segment["validity"] = json!({ "from": "2026-01-01T00:00:00.000Z", "to": "2027-12-31T23:59:59.000Z" });
    }
    segment
}

/// The products assigned to a segment.
pub fn products(number: usize) -> Vec<String> {
    let count = 40 + number * 7 % 90;
    let mut products: Vec<String> = (0..count).map(|step| product_id((number * 131 + step * 17) % PRODUCTS)).collect();
    products.push(LAST_PRODUCT.to_owned());
    products
}

/// The site of a segment.
pub fn site(number: usize) -> &'static str {
    SITES[number / (AUDIENCES.len() * REGIONS.len()) % SITES.len()]
}

/// The category assigned to a segment: a department, and with it everything below.
pub fn category_of(number: usize) -> String {
    department(number % DEPARTMENTS.len())
}

/// The reference data of a kind. Customers are left to those who have some.
pub fn reference(kind: Kind) -> Vec<Value> {
    match kind {
        Kind::Customer | Kind::LegalEntity => Vec::new(),
        Kind::Product => (0..PRODUCTS).map(product).collect(),
        Kind::Category => categories(),
        Kind::ProductCategory => (0..PRODUCTS).map(place_of_product).collect(),
    }
}

fn product_id(number: usize) -> String {
    format!("product-{number:04}")
}

fn department(number: usize) -> String {
    format!("dept-{}", number + 1)
}

/// A category below a department.
fn category(department: usize, number: usize) -> String {
    format!("cat-{}-{}", department + 1, number + 1)
}

fn product(number: usize) -> Value {
    let name = format!("{} {number}", DEPARTMENTS[department_of(number)][0]);
    json!({ "id": product_id(number), "code": format!("P{number:04}"), "name": { "en": name } })
}

/// Products are dealt out to the categories in turn.
fn place_of_product(number: usize) -> Value {
    let category = category(department_of(number), number % OF_EACH);
    json!({ "productId": product_id(number), "categoryId": category })
}

fn department_of(product: usize) -> usize {
    product / OF_EACH % DEPARTMENTS.len()
}

fn categories() -> Vec<Value> {
    let mut categories =
        vec![json!({ "id": ROOT, "code": "ALL", "name": { "en": "All", "de": "Alles", "fr": "Tout" } })];
    for (place, [en, de, fr]) in DEPARTMENTS.iter().enumerate() {
        let id = department(place);
        let name = json!({ "en": en, "de": de, "fr": fr });
        categories.push(
            json!({ "id": &id, "parentId": ROOT, "code": &id, "name": name, "position": place, "published": true }),
        );
        categories.extend((0..OF_EACH).map(|number| {
            let name = json!({ "en": format!("{en} {}", number + 1), "de": format!("{de} {}", number + 1) });
            let category = category(place, number);
            json!({ "id": &category, "parentId": &id, "code": &category, "name": name, "position": number })
        }));
    }
    categories
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use shared::reference::Entry;

    use super::*;

    #[test]
    fn the_sample_has_hundreds_of_segments_and_tens_of_thousands_of_assignments() {
        let products: Vec<Vec<String>> = (0..SEGMENTS).map(products).collect();
        assert!(products.iter().map(Vec::len).sum::<usize>() > 20_000);
        for products in products {
            assert_eq!(products.iter().collect::<HashSet<_>>().len(), products.len(), "no product twice");
        }
    }

    #[test]
    fn one_product_is_in_the_first_segment_through_a_category_only() {
        assert!(!products(0).iter().chain(&products(1)).any(|id| id == PRODUCT_IN_A_CATEGORY));
        let pairs = reference(Kind::ProductCategory);
        let pair = pairs.iter().find(|pair| pair["productId"] == PRODUCT_IN_A_CATEGORY).expect("it has a category");
        let categories = reference(Kind::Category);
        let category = categories.iter().find(|known| known["id"] == pair["categoryId"]).expect("it is known");
        assert_eq!(category["parentId"], category_of(0));
    }

    #[test]
    fn the_reference_data_is_valid_and_names_nothing_twice() {
        for kind in Kind::ALL {
            let entries = reference(kind);
            let read = entries.iter().map(|entry| Entry::from_json(kind, entry.clone()).expect("an entry").id());
            assert_eq!(read.collect::<HashSet<_>>().len(), entries.len(), "{kind}");
        }
    }
}
