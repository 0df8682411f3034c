//! What the reference log says that the views must hold: the last record of each entry. Pure.
//!
//! Which categories stand without parent, and the ancestors of all, follow from the rows of `category`; they are not compared.

use std::collections::HashMap;

use shared::{
    document::Localized,
    reference::{Category, Change, Entry, Kind, Record},
};

use super::{Sum, Sums, row::Row};
use crate::projector::category_doc;

/// The fold of all partitions.
#[derive(Debug, Default)]
pub struct Catalogue {
    /// By a hash of the key: the kind and the row.
    entries: HashMap<i64, (Kind, i64)>,
}

impl Catalogue {
    /// Whether a table of this name follows from the reference log.
    pub fn is_of(name: &str) -> bool {
        TABLES.iter().any(|(_, table)| *table == name)
    }

    /// Adds the next record. What cannot be read says nothing.
    ///
    /// # Errors
    /// When an entry cannot be written as JSON.
    pub fn add(&mut self, record: &Record) -> serde_json::Result<()> {
        let Ok(change) = record.open() else { return Ok(()) };
        let key = Row::default().text(&change.key().to_string()).hash();
        match change {
            Change::Put { tenant, entry } => {
                let kind = entry.id().kind();
                let row = row(Row::default().text(tenant.as_str()), &entry, record)?;
                self.entries.insert(key, (kind, row.hash()));
            }
            Change::Delete(_) => {
                self.entries.remove(&key);
            }
        }
        Ok(())
    }

    /// What the tables must hold.
    pub fn sums(&self) -> Sums {
        let mut sums = Sums::from(TABLES.map(|(_, table)| (table.to_owned(), Sum::default())));
        for (kind, row) in self.entries.values() {
            for (_, table) in TABLES.iter().filter(|(other, _)| other == kind) {
                sums.entry((*table).to_owned()).or_default().add(*row);
            }
        }
        sums
    }
}

const TABLES: [(Kind, &str); 5] = [
    (Kind::Customer, "customer"),
    (Kind::LegalEntity, "legal_entity"),
    (Kind::Product, "product"),
    (Kind::Category, "category"),
    (Kind::ProductCategory, "product_category"),
];

fn row(row: Row, entry: &Entry, record: &Record) -> serde_json::Result<Row> {
    Ok(match entry {
        Entry::Customer(customer) => {
            let row = row.text(customer.id.as_str()).maybe(customer.first_name.as_deref());
            row.maybe(customer.last_name.as_deref()).maybe(customer.email.as_deref())
        }
        Entry::LegalEntity(entity) => row.text(entity.id.as_str()).maybe(entity.name.as_deref()),
        Entry::Product(product) => {
            let name = product.name.as_ref().map(jsonb);
            row.text(product.id.as_str()).maybe(product.code.as_deref()).maybe(name.as_deref())
        }
        Entry::Category(category) => {
            let Category { id, parent_id, code, name, .. } = category;
            let row = row.text(id.as_str()).maybe(parent_id.as_ref().map(|id| id.as_str())).maybe(code.as_deref());
            let row = row.maybe(name.as_ref().map(jsonb).as_deref()).text(&category_doc(category)?);
            row.small(record.partition.number()).number(record.offset)
        }
        Entry::ProductCategory(pair) => row.text(pair.product_id.as_str()).text(pair.category_id.as_str()),
    })
}

/// As PostgreSQL prints it: the shortest names first.
fn jsonb(texts: &Localized) -> String {
    let mut members: Vec<(&String, &String)> = texts.iter().collect();
    members.sort_by_key(|(name, _)| (name.len(), *name));
    let quoted = |text: &String| serde_json::Value::from(text.as_str()).to_string();
    let members: Vec<String> =
        members.into_iter().map(|(name, text)| format!("{}: {}", quoted(name), quoted(text))).collect();
    format!("{{{}}}", members.join(", "))
}
