//! What is known of an entry. Only ids are required: whatever else another system leaves out is not known, and not shown.
//! Members that are not listed here are ignored.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::key::{Id, Kind};
use crate::{
    document::{Localized, Validity},
    events::canonical,
    ids::{CustomerId, ItemId, LegalEntityId},
};

/// The longest plain text (a name, a code, an e-mail address, a language tag), in characters.
pub const MAX_TEXT_CHARS: usize = 500;

/// A customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Customer {
    /// The id.
    pub id: CustomerId,
    /// The first name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// The last name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// The e-mail address; its form is not checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// A legal entity that customers act for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LegalEntity {
    /// The id.
    pub id: LegalEntityId,
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Product {
    /// The id.
    pub id: ItemId,
    /// The code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The name by language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Localized>,
}

/// A category of products.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Category {
    /// The id.
    pub id: ItemId,
    /// The category that it lies in; none for a root. It need not be known (yet).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<ItemId>,
    /// The code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The name by language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Localized>,
    /// The description by language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub localized_description: Option<Localized>,
    /// The name or code as it stands in URLs, by language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub localized_slug: Option<Localized>,
    /// External category numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ecn: Option<Vec<String>>,
    /// When the category is valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validity: Option<Validity>,
    /// The place among the categories of the same parent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<i32>,
    /// Whether the category is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<bool>,
}

/// That a product is in a category. It may be in several, and neither need be known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProductCategory {
    /// The product.
    pub product_id: ItemId,
    /// The category.
    pub category_id: ItemId,
}

/// One entry of reference data.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// See [`Customer`].
    Customer(Customer),
    /// See [`LegalEntity`].
    LegalEntity(LegalEntity),
    /// See [`Product`].
    Product(Product),
    /// See [`Category`].
    Category(Category),
    /// See [`ProductCategory`].
    ProductCategory(ProductCategory),
}

/// Why a value is no entry of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEntry {
    /// A member is missing or not of its type.
    #[error("the entry does not have the shape of its kind: {0}")]
    Shape(String),
    /// A plain text is too long.
    #[error("a text is longer than {MAX_TEXT_CHARS} characters")]
    Length,
    /// A text holds U+0000, which no view can store.
    #[error("texts and names must not contain U+0000")]
    Nul,
    /// The category would lie in itself.
    #[error("a category cannot be its own parent")]
    OwnParent,
}

impl Entry {
    /// Reads an entry of this kind.
    ///
    /// # Errors
    /// When it is not one.
    pub fn from_json(kind: Kind, value: Value) -> Result<Self, InvalidEntry> {
        if !value.is_object() {
            // serde would take a list for the members of a struct.
            return Err(InvalidEntry::Shape("an object is wanted".to_owned()));
        }
        let entry = Self::read(kind, value).map_err(|error| InvalidEntry::Shape(error.to_string()))?;
        entry.check()?;
        Ok(entry)
    }

    /// Reads an entry from the text of an object. None is no verdict: of names that are there twice the last one counts, which
    /// only [`from_json`](Self::from_json) knows, and only it says what is wrong.
    pub(super) fn from_usual_json(kind: Kind, json: &[u8]) -> Option<Self> {
        if !json.starts_with(b"{") {
            return None;
        }
        let mut reader = serde_json::Deserializer::from_slice(json);
        let entry = Self::read(kind, &mut reader).ok()?;
        reader.end().ok()?;
        entry.check().is_ok().then_some(entry)
    }

    fn read<'de, D: Deserializer<'de>>(kind: Kind, from: D) -> Result<Self, D::Error> {
        match kind {
            Kind::Customer => Deserialize::deserialize(from).map(Self::Customer),
            Kind::LegalEntity => Deserialize::deserialize(from).map(Self::LegalEntity),
            Kind::Product => Deserialize::deserialize(from).map(Self::Product),
            Kind::Category => Deserialize::deserialize(from).map(Self::Category),
            Kind::ProductCategory => Deserialize::deserialize(from).map(Self::ProductCategory),
        }
    }

    /// Whether this is its id, as [`id`](Self::id) would be written.
    pub(super) fn is_named(&self, id: &str) -> bool {
        match self {
            Self::Customer(entry) => entry.id.as_str() == id,
            Self::LegalEntity(entry) => entry.id.as_str() == id,
            Self::Product(entry) => entry.id.as_str() == id,
            Self::Category(entry) => entry.id.as_str() == id,
            Self::ProductCategory(ProductCategory { product_id, category_id }) => {
                id.split_once('/') == Some((product_id.as_str(), category_id.as_str()))
            }
        }
    }

    /// The value of a record: JSON with sorted member names.
    pub fn to_json(&self) -> Vec<u8> {
        match self {
            Self::Customer(entry) => canonical(entry),
            Self::LegalEntity(entry) => canonical(entry),
            Self::Product(entry) => canonical(entry),
            Self::Category(entry) => canonical(entry),
            Self::ProductCategory(entry) => canonical(entry),
        }
    }

    /// What it is about.
    pub fn id(&self) -> Id {
        match self {
            Self::Customer(entry) => Id::Customer(entry.id.clone()),
            Self::LegalEntity(entry) => Id::LegalEntity(entry.id.clone()),
            Self::Product(entry) => Id::Product(entry.id.clone()),
            Self::Category(entry) => Id::Category(entry.id.clone()),
            Self::ProductCategory(ProductCategory { product_id, category_id }) => {
                Id::ProductCategory { product: product_id.clone(), category: category_id.clone() }
            }
        }
    }

    fn check(&self) -> Result<(), InvalidEntry> {
        if let Self::Category(Category { id, parent_id: Some(parent), .. }) = self
            && id == parent
        {
            return Err(InvalidEntry::OwnParent);
        }
        self.plain_texts().try_for_each(|text| {
            if text.chars().nth(MAX_TEXT_CHARS).is_some() { Err(InvalidEntry::Length) } else { without_nul(text) }
        })?;
        self.localized().flat_map(Localized::values).try_for_each(|text| without_nul(text))
    }

    /// Everything that is one text, language tags too.
    fn plain_texts(&self) -> impl Iterator<Item = &String> {
        let texts: Vec<&Option<String>> = match self {
            Self::Customer(Customer { first_name, last_name, email, .. }) => vec![first_name, last_name, email],
            Self::LegalEntity(LegalEntity { name, .. }) => vec![name],
            Self::Product(Product { code, .. }) | Self::Category(Category { code, .. }) => vec![code],
            Self::ProductCategory(_) => Vec::new(),
        };
        let numbers = match self {
            Self::Category(Category { ecn: Some(numbers), .. }) => numbers.as_slice(),
            _ => &[],
        };
        texts.into_iter().flatten().chain(numbers).chain(self.localized().flat_map(Localized::keys))
    }

    fn localized(&self) -> impl Iterator<Item = &Localized> {
        let texts: Vec<&Option<Localized>> = match self {
            Self::Product(Product { name, .. }) => vec![name],
            Self::Category(Category { name, localized_description, localized_slug, .. }) => {
                vec![name, localized_description, localized_slug]
            }
            Self::Customer(_) | Self::LegalEntity(_) | Self::ProductCategory(_) => Vec::new(),
        };
        texts.into_iter().flatten()
    }
}

fn without_nul(text: &str) -> Result<(), InvalidEntry> {
    if text.contains('\0') { Err(InvalidEntry::Nul) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_ids_are_required_and_unknown_members_are_ignored() {
        for (kind, value, id) in [
            (Kind::Customer, json!({ "id": "c1", "loyalty": 5 }), "c1"),
            (Kind::LegalEntity, json!({ "id": "le1", "department": "x" }), "le1"),
            (Kind::Product, json!({ "id": "p1", "name": null }), "p1"),
            (Kind::Category, json!({ "id": "k1", "parentId": "not-known" }), "k1"),
            (Kind::ProductCategory, json!({ "productId": "p1", "categoryId": "k1" }), "p1/k1"),
        ] {
            let entry = Entry::from_json(kind, value).expect("an entry");
            assert_eq!((entry.id().kind(), &*entry.id().to_string()), (kind, id));
        }
    }

    #[test]
    fn what_is_no_entry_of_its_kind_is_refused() {
        let long = "x".repeat(MAX_TEXT_CHARS + 1);
        for (case, kind, value) in [
            ("not an object", Kind::Customer, json!("c1")),
            ("a list", Kind::Customer, json!(["c1"])),
            ("no id", Kind::Product, json!({ "code": "P" })),
            ("an id that is none", Kind::Product, json!({ "id": "a/b" })),
            ("a text of another type", Kind::Customer, json!({ "id": "c1", "email": 5 })),
            ("a plain name of a product", Kind::Product, json!({ "id": "p1", "name": "Bag" })),
            ("too long a text", Kind::LegalEntity, json!({ "id": "le1", "name": long })),
            ("too long a number", Kind::Category, json!({ "id": "k1", "ecn": ["1", long] })),
            ("too long a language", Kind::Product, json!({ "id": "p1", "name": { long.as_str(): "Bag" } })),
            ("nul", Kind::Customer, json!({ "id": "c1", "firstName": "a\u{0}b" })),
            ("nul in a text of a language", Kind::Product, json!({ "id": "p1", "name": { "en": "\u{0}" } })),
            ("a position that is no whole number", Kind::Category, json!({ "id": "k1", "position": 1.5 })),
            ("its own parent", Kind::Category, json!({ "id": "k1", "parentId": "k1" })),
            ("no category", Kind::ProductCategory, json!({ "productId": "p1" })),
        ] {
            assert!(Entry::from_json(kind, value).is_err(), "{case}");
        }
    }
}
