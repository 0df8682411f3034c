//! The wall between tenants, in a real database: tables and views are those of the catalog, so new ones are among them.

use std::{collections::BTreeSet, future::poll_fn, pin::pin, task::Poll};

use actix_web::{ResponseError as _, http::StatusCode};
use futures::{StreamExt as _, stream};
use local_parts::testing::TestDatabase;
use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use sqlx::{AssertSqlSafe, Executor as _, PgPool};
use tokio::runtime::Builder;

use super::*;
use crate::views::{Access, Database, Version, open};

const TENANTS: [&str; 5] = ["acme", "beta", "gamma", "delta", "epsilon"];

fn tenant(name: &str) -> Tenant {
    Tenant::parse(name).expect("a tenant")
}

/// Views in which every table has a row of every tenant.
struct Views {
    owner: PgPool,
    reader: Reader,
    _database: TestDatabase,
}

impl Views {
    async fn with_connections(connections: u32) -> Self {
        let database = local_parts::testing::database().await;
        let few = Database { connections, acquire_timeout: Duration::from_secs(5), ..Database::at(database.url()) };
        let Access { owner, reader, .. } =
            open(&few, Version::FIRST, Progress::new(1, 1)).await.expect("the views open");
        // One statement for each table, with some value for each column that needs one.
        let inserts: Vec<String> = sqlx::query_scalar(
            "select format('insert into %I (%s) select %s from unnest($1) tenant', class.relname,
                 string_agg(quote_ident(attname), ', '),
                 string_agg(case when attname = 'tenant' then 'tenant' else case format_type(atttypid, null)
                     when 'text' then '''x''' when 'smallint' then '0' when 'bigint' then '0' when 'boolean' then 'false'
                     when 'timestamp with time zone' then 'now()' when 'json' then '''{}''' when 'jsonb' then '''{}'''
                     when 'uuid' then 'gen_random_uuid()'
                 end end, ', '))
             from pg_class class join pg_attribute column_ on column_.attrelid = class.oid
             where relnamespace = 'v1'::regnamespace and relkind = 'r' and attnum > 0 and attnotnull and not atthasdef
               and exists (select from pg_attribute where attrelid = class.oid and attname = 'tenant')
             group by class.relname",
        )
        .fetch_all(&owner)
        .await
        .expect("the tables");
        for insert in inserts {
            sqlx::query(AssertSqlSafe(&*insert)).bind(TENANTS).execute(&owner).await.expect(&insert);
        }
        Self { owner, reader, _database: database }
    }

    /// Whose rows are there: in each table or view with a tenant.
    async fn relations(&self) -> Vec<String> {
        let all = "select class.relname::text from pg_class class
                   where relnamespace = 'v1'::regnamespace and relkind in ('r', 'p', 'v', 'm')
                     and exists (select from pg_attribute where attrelid = class.oid and attname = 'tenant') order by 1";
        let relations: Vec<String> = sqlx::query_scalar(all).fetch_all(&self.owner).await.expect("the relations");
        assert!(relations.len() >= 13 && relations.contains(&"live_item_assignment".to_owned()), "{relations:?}");
        relations
    }
}

/// A statement that forgets the tenant.
fn tenants_in(relation: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("select distinct tenant from {relation} order by tenant"))
}

#[tokio::test]
async fn a_statement_that_forgets_the_tenant_sees_only_the_rows_of_its_session() {
    let views = Views::with_connections(2).await;
    let mut all = TENANTS.to_vec();
    all.sort_unstable();
    for relation in views.relations().await {
        let there: Vec<String> = sqlx::query_scalar(tenants_in(&relation)).fetch_all(&views.owner).await.expect("rows");
        assert_eq!(there, all, "{relation}");
        for name in TENANTS {
            let name = tenant(name);
            let seen = views.reader.read(&name, async |connection| {
                sqlx::query_scalar::<_, String>(tenants_in(&relation)).fetch_all(connection).await
            });
            assert_eq!(seen.await.expect("an answer"), [name.as_str()], "{relation}");
        }
    }
}

#[tokio::test]
async fn a_session_without_tenant_sees_nothing() {
    let views = Views::with_connections(1).await;
    for relation in views.relations().await {
        let seen = views.reader.lend(None, async |connection| {
            sqlx::query_scalar::<_, String>(tenants_in(&relation)).fetch_all(connection).await
        });
        assert_eq!(seen.await.expect("an answer"), Vec::<String>::new(), "{relation}");
    }
}

#[tokio::test]
async fn who_reads_cannot_write_nor_see_what_is_not_of_the_reads() {
    let views = Views::with_connections(1).await;
    for statement in ["delete from segment", "update category set is_cut = true", "select from dead_letter"] {
        let refused = views.reader.read(&tenant("acme"), async |connection| connection.execute(statement).await).await;
        let code = refused.expect_err(statement).into_database_error().and_then(|error| error.code().map(String::from));
        assert_eq!(code.as_deref(), Some("42501"), "{statement}");
    }
}

#[tokio::test]
async fn tenants_find_their_sessions_again_while_there_are_enough() {
    let views = Views::with_connections(2).await;
    let session_of = async |name: &str| -> i32 {
        let name = tenant(name);
        let asked = views
            .reader
            .read(&name, async |connection| sqlx::query_scalar("select pg_backend_pid()").fetch_one(connection).await);
        asked.await.expect("an answer")
    };
    let (acme, beta) = (session_of("acme").await, session_of("beta").await);
    assert_ne!(acme, beta);
    assert_eq!((session_of("acme").await, session_of("beta").await, session_of("acme").await), (acme, beta, acme));
    // There are no more: that which was unused the longest changes hands.
    assert_eq!((session_of("gamma").await, session_of("acme").await, session_of("beta").await), (beta, acme, beta));
}

#[tokio::test]
async fn what_is_left_of_an_abandoned_read_counts_as_a_session_in_use() {
    let views = Views::with_connections(1).await;
    let sleep = async |connection: &mut PgConnection| connection.execute("select pg_sleep(1)").await;
    let (acme, beta) = (tenant("acme"), tenant("beta"));
    let started = Instant::now();
    assert!(time::timeout(Duration::from_millis(100), views.reader.read(&acme, sleep)).await.is_err());
    let waited = views.reader.read(&beta, async |connection| {
        sqlx::query_scalar::<_, String>(tenants_in("segment")).fetch_all(connection).await
    });
    assert_eq!(waited.await.expect("an answer"), ["beta"]);
    assert!(started.elapsed() >= Duration::from_secs(1), "{:?}", started.elapsed());
    let sessions: i64 = sqlx::query_scalar(
        "select count(*) from pg_stat_activity where application_name = 'query-service' and datname = current_database()",
    )
    .fetch_one(&views.owner)
    .await
    .expect("a number");
    assert_eq!(sessions, 1);
}

#[tokio::test]
async fn a_read_that_gets_no_session_in_time_is_refused() {
    let mut views = Views::with_connections(1).await;
    Arc::get_mut(&mut views.reader.0).expect("the only one").limits.acquire_timeout = Duration::from_millis(100);
    let acme = tenant("acme");
    let sleep = async |connection: &mut PgConnection| connection.execute("select pg_sleep(1)").await;
    let (first, second) = tokio::join!(views.reader.read(&acme, sleep), views.reader.read(&acme, sleep));
    assert!(first.is_ok() && matches!(second, Err(sqlx::Error::PoolTimedOut)), "{first:?} {second:?}");
}

#[tokio::test]
async fn who_waits_for_a_new_session_takes_one_that_is_put_back_before_and_the_new_one_is_kept() {
    let mut views = Views::with_connections(2).await;
    Arc::get_mut(&mut views.reader.0).expect("the only one").limits.acquire_timeout = Duration::from_secs(2);
    let tenants = async |connection: &mut PgConnection| {
        sqlx::query_scalar::<_, String>(tenants_in("segment")).fetch_all(connection).await
    };
    // A new session begins with a look at this table.
    let mut slow = views.owner.begin().await.expect("a transaction");
    slow.execute("lock table projection").await.expect("nothing can be opened");
    let (ends, end) = oneshot::channel();
    let (acme, beta) = (tenant("acme"), tenant("beta"));
    let first = views.reader.read(&acme, async |connection| {
        end.await.expect("told to end");
        tenants(connection).await
    });
    let second = views.reader.read(&beta, tenants);
    let second = async {
        let mut second = pin!(second);
        assert!(futures::poll!(&mut second).is_pending(), "there is a session for it");
        ends.send(()).expect("the first read goes on");
        second.await
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!((first.expect("an answer"), second.expect("an answer")), (vec!["acme".into()], vec!["beta".into()]));
    slow.commit().await.expect("a commit");
    while views.reader.0.idle().len() < 2 {
        time::sleep(Duration::from_millis(5)).await;
    }
}

/// Goes away when the future would be polled once more than so often; none: it has.
async fn polled_at_most<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let (mut future, mut left) = (pin!(future), polls);
    poll_fn(|context| {
        let Some(fewer) = left.checked_sub(1) else { return Poll::Ready(None) };
        left = fewer;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

#[tokio::test]
async fn wherever_a_read_is_abandoned_the_next_ones_see_their_own_rows() {
    let views = Views::with_connections(1).await;
    let Inner { options, limits, .. } = &*views.reader.0;
    let look = async |connection: &mut PgConnection| {
        let mut transaction = connection.begin().await?;
        let seen = sqlx::query_scalar::<_, String>(tenants_in("segment")).fetch_all(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(seen)
    };
    let mut halfway = 0;
    // How often a read is polled differs from time to time.
    for is_new in [true, false].repeat(5) {
        for polls in 0.. {
            let reader = Reader::connect(options.clone(), *limits, Progress::new(1, 1)).await.expect("connected");
            let [acme, beta] = ["acme", "beta"].map(tenant);
            if !is_new {
                reader.read(&acme, look).await.expect("an answer");
            }
            let ended = polled_at_most(polls, reader.read(&beta, look)).await.is_some();
            for owner in [&beta, &acme, &beta] {
                let seen: Vec<String> = reader.read(owner, look).await.expect("an answer");
                assert_eq!(seen, [owner.as_str()], "after {polls} polls, in a new session: {is_new}");
            }
            if ended {
                break;
            }
            halfway += usize::from(polls > 0);
        }
    }
    assert!(halfway > 10, "{halfway}");
}

#[tokio::test]
async fn reads_are_refused_as_such_when_their_role_has_lost_its_rights_and_when_it_is_gone() {
    let views = Views::with_connections(1).await;
    // The role of all tests cannot go; this one is as good. Roles belong to the server, so it has the name of the database.
    let name: String =
        sqlx::query_scalar("select 'reader_of_' || current_database()").fetch_one(&views.owner).await.expect("a name");
    let say = async |statement: &str| {
        let statement = AssertSqlSafe(statement.replace("$role", &format!("\"{name}\"")));
        sqlx::raw_sql(statement).execute(&views.owner).await.expect("done");
    };
    say("create role $role; grant usage on schema v1 to $role; grant select on all tables in schema v1 to $role").await;
    let Inner { options, limits, .. } = &*views.reader.0;
    let options = options.clone().options([("role", name.as_str())]);
    let reader = Reader::connect(options, *limits, Progress::new(1, 1)).await.expect("connected");
    let acme = tenant("acme");
    let read = async || {
        reader
            .read(&acme, async |connection| {
                sqlx::query_scalar::<_, String>(tenants_in("segment")).fetch_all(connection).await
            })
            .await
    };
    assert_eq!(read().await.expect("an answer"), ["acme"]);
    say("revoke select on all tables in schema v1 from $role").await;
    let without_rights = read().await.expect_err("no rights");
    say("drop owned by $role; drop role $role").await;
    // The session of the refused read is put back beside us; with it gone, the next read must open one.
    while reader.0.idle().is_empty() {
        time::sleep(Duration::from_millis(1)).await;
    }
    reader.0.idle().clear();
    let without_role = read().await.expect_err("no role");
    for (error, code) in [(without_rights, "42501"), (without_role, "22023")] {
        let found = error.as_database_error().and_then(|error| error.code()).map(String::from);
        assert_eq!(found.as_deref(), Some(code), "{error}");
        assert_eq!(crate::http::database(error).status_code(), StatusCode::SERVICE_UNAVAILABLE, "{code}");
    }
}

/// What becomes of a read.
#[derive(Debug, Clone)]
enum Fate {
    Ends,
    Fails,
    /// Whoever asked goes away after so many microseconds, perhaps in a transaction.
    IsAbandoned {
        after: u64,
        in_transaction: bool,
    },
    /// The database closes some session meanwhile.
    LosesItsSession,
}

fn reads() -> impl Strategy<Value = Vec<(usize, Fate)>> {
    let fate = prop_oneof![
        6 => Just(Fate::Ends),
        1 => Just(Fate::Fails),
        4 => (0..12_000_u64, any::<bool>()).prop_map(|(after, in_transaction)| Fate::IsAbandoned { after, in_transaction }),
        3 => Just(Fate::LosesItsSession),
    ];
    vec((0..TENANTS.len(), fate), 100)
}

/// What a statement that forgets the tenant sees, if it is answered.
async fn seen_by(views: &Views, name: &str, fate: &Fate) -> Option<Vec<String>> {
    let name = tenant(name);
    let look = async |connection: &mut PgConnection| {
        connection.execute("select pg_sleep(0.001)").await?;
        sqlx::query_scalar::<_, String>(tenants_in("segment")).fetch_all(connection).await
    };
    let look_in_transaction = async |connection: &mut PgConnection| {
        let mut transaction = connection.begin().await?;
        let seen = look(&mut transaction).await?;
        transaction.commit().await?;
        Ok(seen)
    };
    match fate {
        Fate::Ends => views.reader.read(&name, look).await.ok(),
        Fate::Fails => {
            let failed = views.reader.read(&name, async |connection| connection.execute("select 1 / 0").await).await;
            assert!(failed.is_err());
            None
        }
        Fate::IsAbandoned { after, in_transaction } => {
            let patience = Duration::from_micros(*after);
            let seen = if *in_transaction {
                time::timeout(patience, views.reader.read(&name, look_in_transaction)).await
            } else {
                time::timeout(patience, views.reader.read(&name, look)).await
            };
            seen.ok()?.ok()
        }
        Fate::LosesItsSession => {
            let close = "select pg_terminate_backend(pid) from pg_stat_activity
                         where application_name = 'query-service' and datname = current_database() limit 1";
            views.owner.execute(close).await.expect("closed");
            None
        }
    }
}

#[test]
fn sessions_that_change_their_tenants_never_show_one_the_rows_of_another() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let views = runtime.block_on(Views::with_connections(3));
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() });
    let outcome = runner.run(&reads(), |reads| {
        let answered: Vec<_> = runtime.block_on(
            stream::iter(reads)
                .map(async |(number, fate)| (TENANTS[number], seen_by(&views, TENANTS[number], &fate).await))
                .buffer_unordered(8)
                .filter_map(async |(name, seen)| Some((name, seen?)))
                .collect(),
        );
        for (name, seen) in &answered {
            prop_assert_eq!(seen, &[*name]);
        }
        let tenants: BTreeSet<&str> = answered.iter().map(|(name, _)| *name).collect();
        prop_assert!(tenants.len() > 1, "too few were answered");
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
