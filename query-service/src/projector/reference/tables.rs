//! The statements by which a batch of the reference log changes the views, its position among them.

use std::collections::BTreeMap;

use shared::log::{Offset, Partition};
use sqlx::{Executor as _, PgConnection};

use super::{
    batch::Refused,
    closure,
    rows::{Rows, Told},
};
use crate::projector::position::column;

/// Writes the rows; the caller's transaction also stores the position. The records whose parents are refused on the way.
pub async fn write(connection: &mut PgConnection, rows: &Rows) -> Result<Vec<Refused>, sqlx::Error> {
    put(connection, CUSTOMERS, &rows.customers).await?;
    put(connection, LEGAL_ENTITIES, &rows.legal_entities).await?;
    put(connection, PRODUCTS, &rows.products).await?;
    put(connection, PRODUCT_CATEGORIES, &rows.product_categories).await?;
    if rows.categories.key.is_empty() && rows.gone_categories.is_empty() {
        return Ok(Vec::new());
    }
    closure::write(connection, &rows.categories, &rows.gone_categories).await
}

/// How the rows of a table are put, and how they are removed. The parameters are the columns, in the order of [`Told`].
type Statements = [&'static str; 2];

const CUSTOMERS: Statements = [
    "insert into customer (tenant, customer_id, first_name, last_name, email)
     select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
     on conflict on constraint customer_pkey do update set
         first_name = excluded.first_name, last_name = excluded.last_name, email = excluded.email",
    "delete from customer row using unnest($1::text[], $2::text[]) as gone (tenant, customer_id)
     where row.tenant = gone.tenant and row.customer_id = gone.customer_id",
];

const LEGAL_ENTITIES: Statements = [
    "insert into legal_entity (tenant, legal_entity_id, name)
     select * from unnest($1::text[], $2::text[], $3::text[])
     on conflict on constraint legal_entity_pkey do update set name = excluded.name",
    "delete from legal_entity row using unnest($1::text[], $2::text[]) as gone (tenant, legal_entity_id)
     where row.tenant = gone.tenant and row.legal_entity_id = gone.legal_entity_id",
];

const PRODUCTS: Statements = [
    "insert into product (tenant, product_id, code, name)
     select tenant, product_id, code, name::jsonb
     from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as told (tenant, product_id, code, name)
     on conflict on constraint product_pkey do update set code = excluded.code, name = excluded.name",
    "delete from product row using unnest($1::text[], $2::text[]) as gone (tenant, product_id)
     where row.tenant = gone.tenant and row.product_id = gone.product_id",
];

const PRODUCT_CATEGORIES: Statements = [
    "insert into product_category (tenant, product_id, category_id)
     select * from unnest($1::text[], $2::text[], $3::text[])
     on conflict on constraint product_category_pkey do nothing",
    "delete from product_category row using unnest($1::text[], $2::text[], $3::text[]) as gone (tenant, product_id, category_id)
     where row.tenant = gone.tenant and row.product_id = gone.product_id and row.category_id = gone.category_id",
];

async fn put<const KEY: usize, const REST: usize>(
    connection: &mut PgConnection,
    [put, remove]: Statements,
    told: &Told<KEY, REST>,
) -> Result<(), sqlx::Error> {
    if !told.gone[0].is_empty() {
        let statement = told.gone.iter().fold(sqlx::query(remove), |statement, column| statement.bind(column));
        connection.execute(statement).await?;
    }
    if !told.key[0].is_empty() {
        let statement = told.key.iter().fold(sqlx::query(put), |statement, column| statement.bind(column));
        let statement = told.rest.iter().fold(statement, |statement, column| statement.bind(column));
        connection.execute(statement).await?;
    }
    Ok(())
}

/// Puts aside what was refused; how many of these records had not been put aside before.
pub async fn put_aside(connection: &mut PgConnection, refused: &[Refused]) -> Result<u64, sqlx::Error> {
    if refused.is_empty() {
        return Ok(0);
    }
    let statement = sqlx::query(
        "insert into dead_letter (partition, log_offset, key, reason)
         select * from unnest($1::smallint[], $2::bigint[], $3::text[], $4::text[])
         on conflict on constraint dead_letter_pkey do nothing",
    );
    let statement = statement
        .bind(refused.iter().map(|refused| column(refused.partition)).collect::<Vec<_>>())
        .bind(refused.iter().map(|refused| refused.offset).collect::<Vec<_>>())
        .bind(refused.iter().map(|refused| refused.key.clone()).collect::<Vec<_>>())
        .bind(refused.iter().map(|refused| refused.reason.clone()).collect::<Vec<_>>());
    Ok(connection.execute(statement).await?.rows_affected())
}

/// Whether this connection may project the reference log. The lock ends with the connection.
pub async fn try_lock(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select pg_try_advisory_lock(hashtext(current_schema() || '.reference_projection'), 0)")
        .fetch_one(connection)
        .await
}

/// Where the projection of each partition stands; before the first record it is made so.
pub async fn load(connection: &mut PgConnection, partitions: u16) -> Result<BTreeMap<Partition, Offset>, sqlx::Error> {
    let all = (0..partitions).map(Partition::new);
    sqlx::query(
        "insert into reference_projection (partition, next_offset)
         select partition, 0 from unnest($1::smallint[]) as fresh (partition) on conflict do nothing",
    )
    .bind(all.clone().map(column).collect::<Vec<_>>())
    .execute(&mut *connection)
    .await?;
    let rows: Vec<(i16, Offset)> =
        sqlx::query_as("select partition, next_offset from reference_projection").fetch_all(connection).await?;
    let stored: BTreeMap<i16, Offset> = rows.into_iter().collect();
    Ok(all.filter_map(|partition| Some((partition, *stored.get(&column(partition))?))).collect())
}

/// Moves partitions from one offset to another; `false` when one of them no longer stood there.
pub async fn advance(
    connection: &mut PgConnection,
    moved: &BTreeMap<Partition, (Offset, Offset)>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "update reference_projection row set next_offset = moved.to_offset, updated_at = now()
         from unnest($1::smallint[], $2::bigint[], $3::bigint[]) as moved (partition, from_offset, to_offset)
         where row.partition = moved.partition and row.next_offset = moved.from_offset",
    )
    .bind(moved.keys().copied().map(column).collect::<Vec<_>>())
    .bind(moved.values().map(|(from, _)| *from).collect::<Vec<_>>())
    .bind(moved.values().map(|(_, to)| *to).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == moved.len() as u64)
}
