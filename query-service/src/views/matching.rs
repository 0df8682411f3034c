//! Which products belong to one of the given segments.

use shared::{
    Timestamp,
    ids::{ItemId, SegmentId, Tenant},
};
use sqlx::PgPool;

/// What is asked.
#[derive(Debug)]
pub struct Question<'a> {
    /// Whose segments.
    pub tenant: &'a Tenant,
    /// The segments that count, if they are active and of the site.
    pub segment_ids: &'a [SegmentId],
    /// The site.
    pub site_code: &'a str,
    /// The time at which the segments must be valid, if they must.
    pub valid_at: Option<Timestamp>,
    /// The products, each once.
    pub products: &'a [ItemId],
}

/// The products that are assigned to one of the segments, in the order of the question.
///
/// # Errors
/// When the database cannot answer.
pub async fn products(pool: &PgPool, question: &Question<'_>) -> Result<Vec<String>, sqlx::Error> {
    let texts = |ids: &mut dyn Iterator<Item = &str>| ids.map(str::to_owned).collect::<Vec<String>>();
    sqlx::query_scalar(
        "with live as materialized (
             select segment_id from segment
             where tenant = $1 and segment_id = any ($2) and site_code = $3 and status = 'ACTIVE'
               and ($5::timestamptz is null
                    or (coalesce(valid_from, '-infinity') <= $5 and coalesce(valid_to, 'infinity') >= $5))
         )
         select asked.item_id
         from unnest($4::text[]) with ordinality as asked (item_id, place)
         where exists (
             select from live_item_assignment a join live using (segment_id)
             where a.tenant = $1 and a.type = 'PRODUCT' and a.item_id = asked.item_id
         )
         order by asked.place",
    )
    .bind(question.tenant.as_str())
    .bind(texts(&mut question.segment_ids.iter().map(SegmentId::as_str)))
    .bind(question.site_code)
    .bind(texts(&mut question.products.iter().map(ItemId::as_str)))
    .bind(question.valid_at.map(Timestamp::datetime))
    .fetch_all(pool)
    .await
}
