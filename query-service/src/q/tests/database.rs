//! A database with the views, and rows in it.

use serde_json::{Value, json};
use shared::document::Segment;
use sqlx::{Connection, PgConnection, Postgres, QueryBuilder, postgres::PgPool};

use crate::q::{Query, Resource, columns, columns::SegmentColumns, sort::Sort, sql};

/// An item row: its three keys, and what is free-form.
#[derive(Debug, Clone)]
pub struct ItemRow {
    pub segment_id: String,
    pub kind: &'static str,
    pub item_id: String,
    pub segment: Segment,
}

impl ItemRow {
    /// The row as the API shows it.
    pub fn shown(&self) -> Value {
        let segment = serde_json::to_value(&self.segment).expect("a document");
        let mut row = json!({
            "segmentId": self.segment_id, "type": self.kind, "item": { "id": self.item_id }, "metadata": segment["metadata"],
        });
        if let Some(mixins) = segment.get("mixins") {
            row["mixins"] = mixins.clone();
        }
        row
    }
}

/// A connection to a fresh database with the views.
pub async fn connect() -> PgConnection {
    let database = local_parts::testing::database().await;
    let pool = PgPool::connect(database.url()).await.expect("the database answers");
    crate::views::migrations::run(&pool).await.expect("the views are created");
    pool.close().await;
    PgConnection::connect(database.url()).await.expect("the database answers")
}

pub async fn insert_segments(connection: &mut PgConnection, tenant: &str, segments: &[Segment]) {
    fn all<T>(segments: &[Segment], value: impl Fn(&Segment) -> T) -> Vec<T> {
        segments.iter().map(value).collect()
    }
    let columns = all(segments, SegmentColumns::of);
    let validity = |segment: &Segment| segment.validity.unwrap_or_default();
    let insert = sqlx::query(
        "insert into segment (tenant, segment_id, partition, incarnation, version, created_at, modified_at, status, \
         site_code, valid_from, valid_to, search, texts, doc) \
         select $1, id, 0, '00000000', version, created_at, modified_at, status, site_code, valid_from, valid_to, \
         search::jsonb, texts, doc::json from unnest($2::text[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], \
         $6::text[], $7::text[], $8::timestamptz[], $9::timestamptz[], $10::text[], $11::text[], $12::text[]) \
         as t(id, version, created_at, modified_at, status, site_code, valid_from, valid_to, search, texts, doc)",
    );
    let insert = insert
        .bind(tenant)
        .bind(all(segments, |segment| segment.id.as_str().to_owned()))
        .bind(all(segments, |segment| i64::try_from(segment.metadata.version).expect("a small version")))
        .bind(all(segments, |segment| segment.metadata.created_at.datetime()))
        .bind(all(segments, |segment| segment.metadata.modified_at.datetime()))
        .bind(all(segments, |segment| segment.status.as_str()))
        .bind(columns.iter().map(|columns| columns.site_code.clone()).collect::<Vec<_>>())
        .bind(all(segments, |segment| validity(segment).from.map(|from| from.datetime())))
        .bind(all(segments, |segment| validity(segment).to.map(|to| to.datetime())))
        .bind(columns.iter().map(|columns| columns.search.to_string()).collect::<Vec<_>>())
        .bind(columns.iter().map(|columns| columns.texts.clone()).collect::<Vec<_>>())
        .bind(all(segments, |segment| serde_json::to_string(segment).expect("a document")));
    insert.execute(connection).await.expect("every document can be stored");
}

pub async fn insert_items(connection: &mut PgConnection, tenant: &str, items: &[ItemRow]) {
    for item in items {
        let metadata = &item.segment.metadata;
        let search = columns::item_search(item.segment.mixins.as_ref(), metadata.mixins.as_ref());
        let insert = sqlx::query(
            "insert into item_assignment (tenant, segment_id, type, item_id, partition, log_offset, incarnation, version, \
             created_at, modified_at, search) values ($1, $2, $3, $4, 0, 0, '00000000', $5, $6, $7, $8)",
        );
        let insert = insert.bind(tenant).bind(&item.segment_id).bind(item.kind).bind(&item.item_id);
        let insert = insert.bind(i64::try_from(metadata.version).expect("a small version"));
        let insert = insert.bind(metadata.created_at.datetime()).bind(metadata.modified_at.datetime()).bind(search);
        insert.execute(&mut *connection).await.expect("every row can be stored");
    }
}

/// The ids of the segments of a tenant that a query finds, in the order asked for.
pub async fn find(connection: &mut PgConnection, tenant: &str, query: &Query, sort: &str) -> Vec<String> {
    let mut sql = QueryBuilder::new("select s.segment_id from segment s where s.tenant = ");
    sql.push_bind(tenant.to_owned());
    sql::push_filter(&mut sql, Resource::Segment, query);
    Sort::parse(sort, Resource::Segment, "en").expect("a sort").push_order_by(&mut sql);
    run(connection, sql, query).await
}

/// The ids of the items that a query finds.
pub async fn find_items(connection: &mut PgConnection, tenant: &str, query: &Query) -> Vec<String> {
    let mut sql = QueryBuilder::new("select i.item_id from live_item_assignment i where i.tenant = ");
    sql.push_bind(tenant.to_owned());
    sql::push_filter(&mut sql, Resource::Item, query);
    Sort::parse("", Resource::Item, "en").expect("a sort").push_order_by(&mut sql);
    run(connection, sql, query).await
}

async fn run(connection: &mut PgConnection, mut sql: QueryBuilder<Postgres>, query: &Query) -> Vec<String> {
    let found = sql.build_query_scalar().persistent(false).fetch_all(connection).await;
    found.unwrap_or_else(|error| panic!("{query}: {error}"))
}
