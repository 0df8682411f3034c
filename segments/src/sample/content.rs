//! What the sample holds. The same on every machine: nothing is drawn by chance.

use serde_json::{Value, json};

/// How many segments there are.
pub const SEGMENTS: usize = 360;
/// Assigned to every segment, after all others.
pub const LAST_PRODUCT: &str = "gift-card";

const SITES: [&str; 4] = ["main", "de", "fr", "us"];
const PRODUCTS: usize = 5000;

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
        "siteCode": SITES[number / (AUDIENCES.len() * REGIONS.len()) % SITES.len()],
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
    let mut products: Vec<String> =
        (0..count).map(|step| format!("product-{:04}", (number * 131 + step * 17) % PRODUCTS)).collect();
    products.push(LAST_PRODUCT.to_owned());
    products
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_sample_has_hundreds_of_segments_and_tens_of_thousands_of_assignments() {
        let products: Vec<Vec<String>> = (0..SEGMENTS).map(products).collect();
        assert!(products.iter().map(Vec::len).sum::<usize>() > 20_000);
        for products in products {
            assert_eq!(products.iter().collect::<HashSet<_>>().len(), products.len(), "no product twice");
        }
    }
}
