//! What names an entry of reference data: tenant, kind, id. As a text it is the key of a record: `tenant/kind/id`.

use std::fmt;

use crate::ids::{CustomerId, InvalidId, ItemId, LegalEntityId, Tenant};

/// The kinds of reference data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A customer, with name and e-mail address.
    Customer,
    /// A legal entity, with its name.
    LegalEntity,
    /// A product, with code and name.
    Product,
    /// A category of products, with its parent.
    Category,
    /// That a product is in a category.
    ProductCategory,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Customer, Self::LegalEntity, Self::Product, Self::Category, Self::ProductCategory];

    /// The word of paths and keys.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::LegalEntity => "legalEntity",
            Self::Product => "product",
            Self::Category => "category",
            Self::ProductCategory => "productCategory",
        }
    }

    /// The kind of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Names an entry within its tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Id {
    /// A customer.
    Customer(CustomerId),
    /// A legal entity.
    LegalEntity(LegalEntityId),
    /// A product.
    Product(ItemId),
    /// A category.
    Category(ItemId),
    /// A product in a category.
    ProductCategory {
        /// The product.
        product: ItemId,
        /// The category.
        category: ItemId,
    },
}

/// Why a text does not name an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// It does not consist of tenant, kind and id.
    #[error("a key is tenant/kind/id")]
    Shape,
    /// There is no such kind.
    #[error("the kind is customer, legalEntity, product, category or productCategory")]
    Kind,
    /// The id of a product in a category does not name both.
    #[error("the id of a productCategory is productId/categoryId")]
    Pair,
    /// A part of it cannot be what it stands for.
    #[error(transparent)]
    Id(#[from] InvalidId),
}

impl Id {
    /// Checks the text: an id of that kind; for a product in a category `productId/categoryId`.
    ///
    /// # Errors
    /// When it cannot be such an id.
    pub fn parse(kind: Kind, text: &str) -> Result<Self, InvalidKey> {
        Ok(match kind {
            Kind::Customer => Self::Customer(CustomerId::parse(text)?),
            Kind::LegalEntity => Self::LegalEntity(LegalEntityId::parse(text)?),
            Kind::Product => Self::Product(ItemId::parse(text)?),
            Kind::Category => Self::Category(ItemId::parse(text)?),
            Kind::ProductCategory => {
                let (product, category) = text.split_once('/').ok_or(InvalidKey::Pair)?;
                Self::ProductCategory { product: ItemId::parse(product)?, category: ItemId::parse(category)? }
            }
        })
    }

    /// The kind of what it names.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Customer(_) => Kind::Customer,
            Self::LegalEntity(_) => Kind::LegalEntity,
            Self::Product(_) => Kind::Product,
            Self::Category(_) => Kind::Category,
            Self::ProductCategory { .. } => Kind::ProductCategory,
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Customer(id) => id.fmt(f),
            Self::LegalEntity(id) => id.fmt(f),
            Self::Product(id) | Self::Category(id) => id.fmt(f),
            Self::ProductCategory { product, category } => write!(f, "{product}/{category}"),
        }
    }
}

/// Names an entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Whose it is.
    pub tenant: Tenant,
    /// What it is about.
    pub id: Id,
}

impl Key {
    /// Reads the key of a record.
    ///
    /// # Errors
    /// When it is not `tenant/kind/id`.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        let mut parts = text.splitn(3, '/');
        let (Some(tenant), Some(kind), Some(id)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(InvalidKey::Shape);
        };
        let kind = Kind::parse(kind).ok_or(InvalidKey::Kind)?;
        Ok(Self { tenant: Tenant::parse(tenant)?, id: Id::parse(kind, id)? })
    }
}

impl fmt::Display for Key {
    /// `tenant/kind/id`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.tenant, self.id.kind(), self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        for text in [
            "acme/customer/98029737",
            "acme/legalEntity/le 1",
            "acme/product/größe-1",
            "acme/category/c.1",
            "acme/productCategory/p1/c1",
        ] {
            assert_eq!(Key::parse(text).map(|key| key.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_is_no_key_is_refused_with_the_reason() {
        let long = format!("acme/product/{}", "x".repeat(256));
        for (text, why) in [
            ("", InvalidKey::Shape),
            ("acme/product", InvalidKey::Shape),
            ("acme/products/p1", InvalidKey::Kind),
            ("acme/Product/p1", InvalidKey::Kind),
            ("ACME/product/p1", InvalidKey::Id(InvalidId::Tenant)),
            ("acme/product/", InvalidKey::Id(InvalidId::Length)),
            (&*long, InvalidKey::Id(InvalidId::Length)),
            ("acme/product/p/1", InvalidKey::Id(InvalidId::Character)),
            ("acme/product/p\n1", InvalidKey::Id(InvalidId::Character)),
            ("acme/productCategory/p1", InvalidKey::Pair),
            ("acme/productCategory/p1/", InvalidKey::Id(InvalidId::Length)),
            ("acme/productCategory/p1/c1/x", InvalidKey::Id(InvalidId::Character)),
        ] {
            assert_eq!(Key::parse(text), Err(why), "{text}");
        }
    }
}
