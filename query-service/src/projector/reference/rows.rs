//! From the net effect of a batch to columns of arrays, one element a row, as `unnest` takes them.

use shared::{
    ids::Tenant,
    log::{Offset, Partition},
    reference::{Category, Entry, Id, Key},
};

use super::{
    batch::{Batch, Said},
    closure::CategoryKeys,
};
use crate::projector::position::column;

/// What a batch writes.
#[derive(Debug, Default)]
pub struct Rows {
    /// `tenant`, `customer_id`; `first_name`, `last_name`, `email`.
    pub customers: Told<2, 3>,
    /// `tenant`, `legal_entity_id`; `name`.
    pub legal_entities: Told<2, 1>,
    /// `tenant`, `product_id`; `code`, `name` as JSON.
    pub products: Told<2, 2>,
    /// `tenant`, `product_id`, `category_id`.
    pub product_categories: Told<3, 0>,
    /// Categories that are now so.
    pub categories: CategoryRows,
    /// Categories that are gone.
    pub gone_categories: CategoryKeys,
}

/// Rows of a table whose key has `KEY` columns, and the others `REST`.
#[derive(Debug)]
pub struct Told<const KEY: usize, const REST: usize> {
    /// Columns of rows that are now so.
    pub key: [Vec<String>; KEY],
    /// Their other columns.
    pub rest: [Vec<Option<String>>; REST],
    /// Columns of the keys of rows that are gone.
    pub gone: [Vec<String>; KEY],
}

/// Rows of `category`.
#[derive(Debug, Default)]
pub struct CategoryRows {
    pub key: CategoryKeys,
    pub parent_id: Vec<Option<String>>,
    pub code: Vec<Option<String>>,
    pub name: Vec<Option<String>>,
    pub doc: Vec<String>,
    pub partition: Vec<i16>,
    pub log_offset: Vec<Offset>,
}

impl Rows {
    /// What the batch writes.
    ///
    /// # Errors
    /// When an entry cannot be written as JSON.
    pub fn of(batch: Batch) -> serde_json::Result<Self> {
        let mut rows = Self::default();
        for (key, said) in batch.changes {
            match said {
                Said::Put { entry, partition, offset } => rows.put(&key.tenant, entry, partition, offset)?,
                Said::Gone => rows.remove(&key),
            }
        }
        Ok(rows)
    }

    fn put(&mut self, tenant: &Tenant, entry: Entry, partition: Partition, offset: Offset) -> serde_json::Result<()> {
        let tenant = tenant.as_str();
        match entry {
            Entry::Customer(customer) => self
                .customers
                .put([tenant, customer.id.as_str()], [customer.first_name, customer.last_name, customer.email]),
            Entry::LegalEntity(entity) => self.legal_entities.put([tenant, entity.id.as_str()], [entity.name]),
            Entry::Product(product) => {
                let name = product.name.as_ref().map(serde_json::to_string).transpose()?;
                self.products.put([tenant, product.id.as_str()], [product.code, name]);
            }
            Entry::Category(category) => self.categories.put(tenant, category, partition, offset)?,
            Entry::ProductCategory(pair) => {
                self.product_categories.put([tenant, pair.product_id.as_str(), pair.category_id.as_str()], []);
            }
        }
        Ok(())
    }

    fn remove(&mut self, key: &Key) {
        let tenant = key.tenant.as_str();
        match &key.id {
            Id::Customer(id) => self.customers.remove([tenant, id.as_str()]),
            Id::LegalEntity(id) => self.legal_entities.remove([tenant, id.as_str()]),
            Id::Product(id) => self.products.remove([tenant, id.as_str()]),
            Id::Category(id) => self.gone_categories.push(tenant, id.as_str()),
            Id::ProductCategory { product, category } => {
                self.product_categories.remove([tenant, product.as_str(), category.as_str()]);
            }
        }
    }
}

impl<const KEY: usize, const REST: usize> Default for Told<KEY, REST> {
    fn default() -> Self {
        let columns = || std::array::from_fn(|_| Vec::new());
        Self { key: columns(), rest: std::array::from_fn(|_| Vec::new()), gone: columns() }
    }
}

impl<const KEY: usize, const REST: usize> Told<KEY, REST> {
    fn put(&mut self, key: [&str; KEY], rest: [Option<String>; REST]) {
        self.key.iter_mut().zip(key).for_each(|(column, value)| column.push(value.to_owned()));
        self.rest.iter_mut().zip(rest).for_each(|(column, value)| column.push(value));
    }

    fn remove(&mut self, key: [&str; KEY]) {
        self.gone.iter_mut().zip(key).for_each(|(column, value)| column.push(value.to_owned()));
    }
}

/// What a tree shows of a category beside its place.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn category_doc(category: &Category) -> serde_json::Result<String> {
    let mut doc = serde_json::to_value(category)?;
    for apart in ["id", "parentId"] {
        doc.as_object_mut().and_then(|members| members.remove(apart));
    }
    Ok(doc.to_string())
}

impl CategoryRows {
    /// One more.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put(
        &mut self,
        tenant: &str,
        category: Category,
        partition: Partition,
        offset: Offset,
    ) -> serde_json::Result<()> {
        self.doc.push(category_doc(&category)?);
        self.name.push(category.name.as_ref().map(serde_json::to_string).transpose()?);
        self.key.push(tenant, category.id.as_str());
        self.parent_id.push(category.parent_id.map(String::from));
        self.code.push(category.code);
        self.partition.push(column(partition));
        self.log_offset.push(offset);
        Ok(())
    }
}
