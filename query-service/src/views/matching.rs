//! Which products belong to one of the given segments.

use shared::{
    Timestamp,
    consistency::Positions,
    ids::{ItemId, SegmentId, Tenant},
};
use sqlx::{Connection as _, PgConnection};

use super::Reader;
use crate::progress;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Whose segments.
    pub tenant: &'a Tenant,
    /// The segments that count, if they are active and of the site.
    pub segment_ids: &'a [SegmentId],
    /// The site.
    pub site_code: &'a str,
    /// The time at which the segments must be valid, if they must.
    pub valid_at: Option<Timestamp>,
    /// Whether the products of a category belong to the categories above it.
    pub with_descendants: bool,
    /// The products, each once.
    pub products: &'a [ItemId],
}

/// One text, so that it is prepared once for each connection. The ways by which a product can belong are one `union all`, which
/// keeps its order and ends with the first row: whoever is assigned directly costs no look at categories. As it names the
/// product asked for from within, it can only be looked up product by product, whatever the planner believes of the tables; and
/// `limit 1` keeps it from merging the categories of a product with all that are assigned.
const PRODUCTS: &str = include_str!("matching.sql");

/// The products that are assigned to one of the segments, or are in a category that is or in a descendant of one, in the order
/// of the question.
///
/// # Errors
/// When the database cannot answer.
pub async fn products(reader: &Reader, question: &Question<'_>) -> Result<Vec<String>, sqlx::Error> {
    reader.read(question.tenant, async |connection| ask(connection, question).await).await
}

/// The same, with the positions of both logs that it is the answer of.
///
/// # Errors
/// When the database cannot answer.
pub async fn products_at(reader: &Reader, question: &Question<'_>) -> Result<(Vec<String>, Positions), sqlx::Error> {
    let both = reader.read(question.tenant, async |connection| {
        let mut snapshot = connection.begin_with("begin isolation level repeatable read read only").await?;
        let shown = progress::stored(&mut snapshot).await?.into_iter().collect();
        let found = ask(&mut snapshot, question).await?;
        snapshot.commit().await?;
        Ok((found, shown))
    });
    both.await
}

async fn ask(connection: &mut PgConnection, question: &Question<'_>) -> Result<Vec<String>, sqlx::Error> {
    let texts = |ids: &mut dyn Iterator<Item = &str>| ids.map(str::to_owned).collect::<Vec<String>>();
    sqlx::query_scalar(PRODUCTS)
        .bind(question.tenant.as_str())
        .bind(texts(&mut question.segment_ids.iter().map(SegmentId::as_str)))
        .bind(question.site_code)
        .bind(texts(&mut question.products.iter().map(ItemId::as_str)))
        .bind(question.valid_at.map(Timestamp::datetime))
        .bind(question.with_descendants)
        .fetch_all(connection)
        .await
}
