//! The statements by which a batch changes the views: one for each table and kind of change, and only those that have rows.
//!
//! What ends goes into the past before anything overwrites it. Deletions come next. Within a batch a deleted segment holds only
//! what came after, so their order is otherwise free.
//!
//! New segments and history come by COPY where nothing speaks against it; see [`Writing`].

mod assignments;
mod history;

use std::collections::BTreeSet;

use sqlx::{Executor as _, PgConnection, Postgres, postgres::PgConnectOptions, query::Query};

pub use self::assignments::{CUSTOMERS, ITEMS, Mark};
use super::{
    copying::{self, Tuple},
    rows::{Deletions, Keys, Rows, SegmentRows},
};

/// How new rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// By COPY, which costs the server a third less.
    Copied,
    /// By an insert of arrays. Over TCP each COPY would wait about 40 ms for a delayed acknowledgement, and a read of one's own
    /// write with it: the driver sends its end in a packet of its own and does not set `TCP_NODELAY`.
    Inserted,
}

impl Writing {
    /// The cheapest way over such a connection.
    pub fn over(database: &PgConnectOptions) -> Self {
        if database.get_socket().is_some() { Self::Copied } else { Self::Inserted }
    }
}

/// Writes the rows; the caller's transaction also stores the offset.
pub async fn write(
    connection: &mut PgConnection,
    writing: Writing,
    partition: i16,
    rows: &Rows,
) -> Result<(), sqlx::Error> {
    let Rows { created, changed, gone, metadata_texts, emptied, buried, history, items, customers } = rows;
    history::append(connection, writing, partition, history).await?;
    ITEMS.end(connection, items).await?;
    CUSTOMERS.end(connection, customers).await?;
    bury(connection, buried).await?;
    ITEMS.empty(connection, emptied).await?;
    CUSTOMERS.empty(connection, emptied).await?;
    delete(connection, DELETE_SEGMENTS, gone).await?;
    create(connection, writing, partition, created).await?;
    if !changed.key.is_empty() {
        connection.execute(bind_segments(UPDATE_SEGMENTS, partition, changed)).await?;
    }
    add_metadata_texts(connection, metadata_texts).await?;
    ITEMS.write(connection, partition, items).await?;
    CUSTOMERS.write(connection, partition, customers).await
}

async fn create(
    connection: &mut PgConnection,
    writing: Writing,
    partition: i16,
    created: &SegmentRows,
) -> Result<(), sqlx::Error> {
    if created.key.is_empty() {
        return Ok(());
    }
    match writing {
        Writing::Copied => {
            let row = |row: &mut Tuple<'_>, n| copying::segment(row, partition, created, n, &created.incarnation[n]);
            copying::SEGMENTS.copy(connection, created.doc.len(), row).await
        }
        Writing::Inserted => connection.execute(bind_segments(INSERT_SEGMENTS, partition, created)).await.map(drop),
    }
}

const DELETE_SEGMENTS: &str = "
    delete from segment row
    using unnest($1::text[], $2::text[]) as gone (tenant, segment_id)
    where row.tenant = gone.tenant and row.segment_id = gone.segment_id";

async fn delete(connection: &mut PgConnection, statement: &'static str, keys: &Keys) -> Result<(), sqlx::Error> {
    if !keys.is_empty() {
        connection.execute(sqlx::query(statement).bind(&keys.tenant).bind(&keys.segment_id)).await?;
    }
    Ok(())
}

/// Partitions add the same ones side by side; in one order none waits for one that waits for it.
async fn add_metadata_texts(
    connection: &mut PgConnection,
    texts: &BTreeSet<(String, String)>,
) -> Result<(), sqlx::Error> {
    if !texts.is_empty() {
        let statement = sqlx::query(
            "insert into metadata_text (tenant, text)
             select * from unnest($1::text[], $2::text[]) on conflict do nothing",
        );
        let (tenants, texts): (Vec<_>, Vec<_>) = texts.iter().map(|(tenant, text)| (&**tenant, &**text)).unzip();
        connection.execute(statement.bind(tenants).bind(texts)).await?;
    }
    Ok(())
}

async fn bury(connection: &mut PgConnection, buried: &Deletions) -> Result<(), sqlx::Error> {
    if !buried.key.is_empty() {
        let statement = sqlx::query(
            "insert into buried (tenant, segment_id, until_offset, ended_at)
             select * from unnest($1::text[], $2::text[], $3::bigint[], $4::timestamptz[])",
        );
        let statement = statement.bind(&buried.key.tenant).bind(&buried.key.segment_id);
        connection.execute(statement.bind(&buried.log_offset).bind(&buried.ended_at)).await?;
    }
    Ok(())
}

const INSERT_SEGMENTS: &str = "
    insert into segment (partition, tenant, segment_id, incarnation, version, created_at, modified_at, status, site_code,
        valid_from, valid_to, search, texts, doc)
    select $1, tenant, segment_id, incarnation, version, created_at, modified_at, status, site_code,
        valid_from, valid_to, search::jsonb, texts, doc::json
    from unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[], $7::timestamptz[], $8::text[],
        $9::text[], $10::timestamptz[], $11::timestamptz[], $12::text[], $13::text[], $14::text[])
        as new (tenant, segment_id, incarnation, version, created_at, modified_at, status, site_code,
            valid_from, valid_to, search, texts, doc)";

const UPDATE_SEGMENTS: &str = "
    update segment row set
        partition = $1, version = new.version, created_at = new.created_at, modified_at = new.modified_at,
        status = new.status, site_code = new.site_code, valid_from = new.valid_from, valid_to = new.valid_to,
        search = new.search::jsonb, texts = new.texts, doc = new.doc::json
    from unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[], $7::timestamptz[], $8::text[],
        $9::text[], $10::timestamptz[], $11::timestamptz[], $12::text[], $13::text[], $14::text[])
        as new (tenant, segment_id, incarnation, version, created_at, modified_at, status, site_code,
            valid_from, valid_to, search, texts, doc)
    where row.tenant = new.tenant and row.segment_id = new.segment_id";

fn bind_segments<'q>(
    statement: &'static str,
    partition: i16,
    rows: &'q SegmentRows,
) -> Query<'q, Postgres, sqlx::postgres::PgArguments> {
    sqlx::query(statement)
        .bind(partition)
        .bind(&rows.key.tenant)
        .bind(&rows.key.segment_id)
        .bind(&rows.incarnation)
        .bind(&rows.stamp.version)
        .bind(&rows.stamp.created_at)
        .bind(&rows.stamp.modified_at)
        .bind(&rows.status)
        .bind(&rows.site_code)
        .bind(&rows.valid_from)
        .bind(&rows.valid_to)
        .bind(&rows.search)
        .bind(&rows.texts)
        .bind(&rows.doc)
}
