//! Indexes that are made when the tables are full, which takes a fraction of their upkeep meanwhile. What they are is read from
//! the database and kept in a table of the version until they are made, so a crash in between forgets none.

use futures::future;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, postgres::PgConnectOptions};

/// All that enforce nothing. The closure of categories is kept by its own indexes, and is small.
const PUT_OFF: &str = "
    create table index_to_make (
        name       text collate \"C\" not null,
        definition text collate \"C\" not null,
        constraint index_to_make_pkey primary key (name)
    );
    insert into index_to_make
    select index.relname, pg_get_indexdef(index.oid)
    from pg_index i
    join pg_class index on index.oid = i.indexrelid
    join pg_class of_table on of_table.oid = i.indrelid
    where of_table.relnamespace = current_schema()::regnamespace and of_table.relname <> 'category_closure'
      and not exists (select from pg_constraint where conindid = i.indexrelid);
    do $$
    declare
        dropped text;
    begin
        for dropped in select name from index_to_make loop
            execute format('drop index %I', dropped);
        end loop;
    end
    $$";

/// How many are made at once.
const AT_ONCE: usize = 2;

/// Drops the indexes of tables that nothing was ever loaded into.
pub async fn put_off(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let is_done: bool =
        sqlx::query_scalar("select to_regclass('index_to_make') is not null").fetch_one(&mut *connection).await?;
    if is_done {
        return Ok(());
    }
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql(PUT_OFF).execute(&mut *transaction).await?;
    transaction.commit().await
}

/// Makes those that are missing; whether there were any.
pub async fn make(database: &PgConnectOptions) -> Result<bool, sqlx::Error> {
    let makers = (0..AT_ONCE).map(|_| make_some(database));
    Ok(future::try_join_all(makers).await?.into_iter().sum::<usize>() > 0)
}

/// The largest ones first.
async fn make_some(database: &PgConnectOptions) -> Result<usize, sqlx::Error> {
    let mut connection = PgConnection::connect_with(database).await?;
    connection.execute("set maintenance_work_mem = '256MB'").await?;
    let mut made = 0;
    loop {
        let mut transaction = connection.begin().await?;
        let next = "delete from index_to_make where name = (
                        select name from index_to_make order by definition not like '% USING gin %', name
                        limit 1 for update skip locked
                    ) returning definition";
        let next: Option<String> = sqlx::query_scalar(next).fetch_optional(&mut *transaction).await?;
        let Some(definition) = next else { break };
        transaction.execute(AssertSqlSafe(definition)).await?;
        transaction.commit().await?;
        made += 1;
    }
    connection.close().await?;
    Ok(made)
}
