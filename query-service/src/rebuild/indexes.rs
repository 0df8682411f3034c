//! Keys and indexes that are made when the tables are full, which takes a fraction of their upkeep meanwhile. What they are is read
//! from the database and kept in a table of the version until they are made, so a crash in between forgets none.

use futures::future;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, postgres::PgConnectOptions};

/// All indexes of the tables that are filled with events, and of the others those that enforce nothing. The closure of categories
/// is kept by its own indexes, and is small. A key is made as an index, which others need not wait for, and then becomes one.
const PUT_OFF: &str = "
    create table index_to_make (
        step       smallint         not null,
        name       text collate \"C\" not null,
        definition text collate \"C\" not null,
        constraint index_to_make_pkey primary key (step, name)
    );
    insert into index_to_make
    select step, index.relname, case step when 1 then pg_get_indexdef(index.oid) else
        format('alter table %I add constraint %I primary key using index %I', of_table.relname, index.relname, index.relname) end
    from pg_index i
    join pg_class index on index.oid = i.indexrelid
    join pg_class of_table on of_table.oid = i.indrelid
    cross join generate_series(1, case when i.indisprimary then 2 else 1 end) step
    where of_table.relnamespace = current_schema()::regnamespace and (
        of_table.relname in ('segment', 'segment_history', 'item_assignment', 'past_item_assignment', 'customer_assignment',
            'past_customer_assignment')
        or of_table.relname not in ('category_closure', 'index_to_make')
            and not exists (select from pg_constraint where conindid = i.indexrelid)
    );
    do $$
    declare
        dropped record;
    begin
        for dropped in
            select index.relname, of_table.relname as of_table, i.indisprimary
            from index_to_make
            join pg_class index on index.relname = name and index.relnamespace = current_schema()::regnamespace
            join pg_index i on i.indexrelid = index.oid
            join pg_class of_table on of_table.oid = i.indrelid
            where step = 1
        loop
            if dropped.indisprimary then
                execute format('alter table %I drop constraint %I', dropped.of_table, dropped.relname);
            else
                execute format('drop index %I', dropped.relname);
            end if;
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

/// Makes those that are missing.
pub async fn make(database: &PgConnectOptions) -> Result<(), sqlx::Error> {
    future::try_join_all((0..AT_ONCE).map(|_| make_some(database, 1))).await?;
    make_some(database, 2).await
}

/// Those that take longest first.
async fn make_some(database: &PgConnectOptions, step: i16) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect_with(database).await?;
    // Each is made by one process: as many as are made at once are at work.
    connection.execute("set maintenance_work_mem = '256MB'; set max_parallel_maintenance_workers = 0").await?;
    loop {
        let mut transaction = connection.begin().await?;
        let next = "delete from index_to_make where step = $1 and name = (
                        select name from index_to_make where step = $1
                        order by definition not like '% USING gin %', definition not like '%item_assignment%', name
                        limit 1 for update skip locked
                    ) returning definition";
        let next: Option<String> = sqlx::query_scalar(next).bind(step).fetch_optional(&mut *transaction).await?;
        let Some(definition) = next else { break };
        transaction.execute(AssertSqlSafe(definition)).await?;
        transaction.commit().await?;
    }
    connection.close().await
}
