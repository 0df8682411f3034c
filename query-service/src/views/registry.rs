//! Which versions of the views there are, and which of them is read: one small table, outside of all versions.
//!
//! Every change is one transaction that also notifies [`CHANNEL`], so whoever follows the table learns of it at once; whoever
//! missed that looks again a second later. Which version is read is decided for each layout apart, so that programs of before
//! and after a change of the tables run beside each other, each on its own.
//!
//! Whoever reads a version holds a shared lock of it ([`read_lock`]). So a version is dropped when nobody reads it, and whoever
//! switches knows when all have followed.

mod row;

use std::time::Duration;

use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, PgConnection, PgPool, Postgres, Transaction, postgres::PgPoolOptions,
};
use tokio::time::{self, Instant};

pub use self::row::{Registered, State, UnknownState};
use super::{
    OpenError,
    opening::{self, Database},
    version::{LAYOUT, Version},
};

/// Told whenever the table changes.
pub const CHANNEL: &str = "segments_views";

/// Between two attempts to get a lock.
const TRY_EVERY: Duration = Duration::from_millis(20);

/// All that there is of it.
const MAKE: &str = "
    create schema if not exists segments_registry;
    create table if not exists segments_registry.view (
        version    smallint    not null,
        layout     smallint    not null,
        state      text        not null,
        since      timestamptz not null default now(),
        kept_until timestamptz,
        constraint view_pkey primary key (version),
        constraint view_state check
            (state in ('building', 'following', 'active', 'previous', 'rejected', 'dropping', 'dropped'))
    );
    create unique index if not exists view_active on segments_registry.view (layout) where state = 'active'";

/// Why a version does not become what it should.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The database refused or did not answer.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// It is not there, or has become something else meanwhile.
    #[error("{0} does not follow the log")]
    NotFollowing(Version),
    /// No service of this layout has begun yet.
    #[error("there are no views of this program here yet; the first start of a service makes them")]
    NoViews,
    /// There is none before the active one.
    #[error("there is no version to go back to")]
    NoWayBack,
    /// It is in use.
    #[error("{0} is {1}")]
    InUse(Version, State),
}

/// The table. Clones are the same.
#[derive(Debug, Clone)]
pub struct Registry {
    pool: PgPool,
}

impl Registry {
    /// Of a database; made if it is not there.
    ///
    /// # Errors
    /// When the database cannot be reached, or refuses.
    pub async fn open(database: &Database) -> Result<Self, OpenError> {
        let options = opening::options(database, Version::FIRST)?.application_name("views registry");
        let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(database.acquire_timeout);
        let pool = pool.connect_lazy_with(options);
        ensure(&mut *pool.acquire().await?).await?;
        Ok(Self { pool })
    }

    /// Every version that is not gone, in order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list(&self) -> Result<Vec<Registered>, sqlx::Error> {
        list(&mut *self.pool.acquire().await?).await
    }

    /// The version that programs of this layout read.
    ///
    /// # Errors
    /// When there is none yet.
    pub async fn active(&self) -> Result<Version, Refused> {
        active(&mut *self.pool.acquire().await?).await?.ok_or(Refused::NoViews)
    }

    /// The same; where there is none it is made: the first of all, or a new one beside those of other programs, which is then
    /// projected from the beginning.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn active_or_new(&self) -> Result<Version, sqlx::Error> {
        let mut change = self.change().await?;
        let version = match active(&mut change).await? {
            Some(version) => version,
            None => add(&mut change, State::Active).await?,
        };
        change.commit().await?;
        Ok(version)
    }

    /// A new version that is being built.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn begin(&self) -> Result<Version, sqlx::Error> {
        let mut change = self.change().await?;
        let version = add(&mut change, State::Building).await?;
        change.commit().await?;
        Ok(version)
    }

    /// A version that is being built becomes something else.
    ///
    /// # Errors
    /// When it has become something else already.
    pub async fn settle(&self, version: Version, state: State) -> Result<(), Refused> {
        let mut change = self.change().await?;
        let settle = "update segments_registry.view set state = $2, since = now()
                      where version = $1 and state in ('building', 'following')";
        let settled = sqlx::query(settle).bind(version.number()).bind(state.as_str()).execute(&mut *change).await?;
        if settled.rows_affected() == 0 {
            return Err(Refused::NotFollowing(version));
        }
        Ok(change.commit().await?)
    }

    /// From now on this version is read. The one before is kept for as long as said, and whatever was kept before that no longer.
    /// The one before, if there was one.
    ///
    /// # Errors
    /// When it does not follow the log.
    pub async fn switch(&self, to: Version, keep: Duration) -> Result<Option<Version>, Refused> {
        let mut change = self.change().await?;
        let retire = "update segments_registry.view set kept_until = now() where layout = $1 and state = 'previous'";
        sqlx::query(retire).bind(LAYOUT).execute(&mut *change).await?;
        let step_back = "update segments_registry.view set state = 'previous', since = now(),
                             kept_until = now() + make_interval(secs => $3)
                         where layout = $1 and state = 'active' and version <> $2 returning version";
        let step_back = sqlx::query_scalar(step_back).bind(LAYOUT).bind(to.number()).bind(keep.as_secs_f64());
        let before: Option<i16> = step_back.fetch_optional(&mut *change).await?;
        let step_forward = "update segments_registry.view set state = 'active', since = now(), kept_until = null
                            where layout = $1 and version = $2 and state in ('following', 'previous')";
        let moved = sqlx::query(step_forward).bind(LAYOUT).bind(to.number()).execute(&mut *change).await?;
        if moved.rows_affected() == 0 {
            return Err(Refused::NotFollowing(to));
        }
        change.commit().await?;
        Ok(before.and_then(|before| Version::try_from(before).ok()))
    }

    /// The version that was read before the active one, and still follows the log.
    ///
    /// # Errors
    /// When there is none.
    pub async fn previous(&self) -> Result<Version, Refused> {
        let kept = |row: &Registered| row.layout == LAYOUT && row.state == State::Previous;
        let all = self.list().await?;
        all.into_iter().filter(kept).max_by_key(|row| row.since).map(|row| row.version).ok_or(Refused::NoWayBack)
    }

    /// A version is no longer wanted: nobody follows it from now on, and [`sweep`](Self::sweep) removes it.
    ///
    /// # Errors
    /// When it is read by programs of this layout.
    pub async fn give_up(&self, version: Version) -> Result<(), Refused> {
        let mut change = self.change().await?;
        let find = "select * from segments_registry.view where version = $1";
        let found: Option<Registered> =
            sqlx::query_as(find).bind(version.number()).fetch_optional(&mut *change).await?;
        let found = found.ok_or(Refused::NotFollowing(version))?;
        if found.state == State::Active && found.layout == LAYOUT {
            return Err(Refused::InUse(version, found.state));
        }
        let give_up = "update segments_registry.view set state = 'dropping', since = now() where version = $1";
        sqlx::query(give_up).bind(version.number()).execute(&mut *change).await?;
        Ok(change.commit().await?)
    }

    /// Gives up what was kept long enough.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn expire(&self) -> Result<(), sqlx::Error> {
        let mut change = self.change().await?;
        let expire = "update segments_registry.view set state = 'dropping', since = now()
                      where layout = $1 and state = 'previous' and kept_until <= now()";
        sqlx::query(expire).bind(LAYOUT).execute(&mut *change).await?;
        change.commit().await
    }

    /// Removes what was given up, is read by nobody, and not just being written to or removed. The versions that are gone.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sweep(&self) -> Result<Vec<Version>, sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        let mut gone = Vec::new();
        for row in list(&mut connection).await?.into_iter().filter(|row| row.state == State::Dropping) {
            let mut change = connection.begin().await?;
            if !is_unread(&mut change, row.version).await? {
                change.rollback().await?;
                continue;
            }
            // Less than what the server takes for a deadlock with somebody who still projects into it.
            change.execute("set local lock_timeout = '500ms'").await?;
            let dropped = AssertSqlSafe(format!("drop schema if exists {} cascade", row.version));
            match change.execute(dropped).await {
                Ok(_) => {
                    let note = "update segments_registry.view set state = 'dropped', since = now() where version = $1";
                    sqlx::query(note).bind(row.version.number()).execute(&mut *change).await?;
                    change.commit().await?;
                    gone.push(row.version);
                }
                Err(error) if is_busy(&error) => change.rollback().await?,
                Err(error) => return Err(error),
            }
        }
        Ok(gone)
    }

    /// Waits until nobody reads the version; whether that is so in time.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn unread(&self, version: Version, patience: Duration) -> Result<bool, sqlx::Error> {
        let deadline = Instant::now() + patience;
        let mut connection = self.pool.acquire().await?;
        loop {
            let mut attempt = connection.begin().await?;
            let nobody_reads = is_unread(&mut attempt, version).await?;
            attempt.rollback().await?;
            if nobody_reads || Instant::now() >= deadline {
                return Ok(nobody_reads);
            }
            time::sleep(TRY_EVERY).await;
        }
    }

    /// A transaction that changes the table, one at a time, and tells of it.
    async fn change(&self) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        let mut change = self.pool.begin().await?;
        change.execute("select pg_advisory_xact_lock(hashtext('segments_registry'))").await?;
        change.execute("select pg_notify('segments_views', '')").await?;
        Ok(change)
    }
}

/// Makes the table, if it is not there.
pub(super) async fn ensure(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    // One process at a time: "if not exists" does not save those that begin together.
    transaction.execute("select pg_advisory_xact_lock(hashtext('segments_registry'))").await?;
    sqlx::raw_sql(MAKE).execute(&mut *transaction).await?;
    transaction.commit().await
}

/// As [`Registry::list`].
///
/// # Errors
/// When the database does not answer.
pub async fn list(connection: &mut PgConnection) -> Result<Vec<Registered>, sqlx::Error> {
    sqlx::query_as("select * from segments_registry.view where state <> 'dropped' order by version")
        .fetch_all(connection)
        .await
}

/// As long as the connection lives, or until it is let go, the version is not dropped.
///
/// # Errors
/// When the database does not answer.
pub async fn read_lock(connection: &mut PgConnection, version: Version) -> Result<(), sqlx::Error> {
    let lock = "select pg_advisory_lock_shared(hashtext('segments views read'), $1)";
    sqlx::query(lock).bind(i32::from(version.number())).execute(connection).await.map(drop)
}

/// The version is not read here any more.
///
/// # Errors
/// When the database does not answer.
pub async fn read_unlock(connection: &mut PgConnection, version: Version) -> Result<(), sqlx::Error> {
    let unlock = "select pg_advisory_unlock_shared(hashtext('segments views read'), $1)";
    sqlx::query(unlock).bind(i32::from(version.number())).execute(connection).await.map(drop)
}

/// Whether somebody else has what a statement needs.
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| matches!(&*code, "55P03" | "40P01"))
}

/// Whether nobody reads the version; if so, nobody begins to before the transaction ends.
async fn is_unread(transaction: &mut PgConnection, version: Version) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select pg_try_advisory_xact_lock(hashtext('segments views read'), $1)")
        .bind(i32::from(version.number()))
        .fetch_one(transaction)
        .await
}

/// The version that programs of this layout read, if there is one.
async fn active(connection: &mut PgConnection) -> Result<Option<Version>, sqlx::Error> {
    let active = "select * from segments_registry.view where layout = $1 and state = 'active'";
    let found: Option<Registered> = sqlx::query_as(active).bind(LAYOUT).fetch_optional(connection).await?;
    Ok(found.map(|found| found.version))
}

/// The version behind all that there ever were.
async fn add(change: &mut PgConnection, state: State) -> Result<Version, sqlx::Error> {
    let add = "insert into segments_registry.view (version, layout, state)
               select coalesce(max(version), 0) + 1, $1, $2 from segments_registry.view returning version";
    let number: i16 = sqlx::query_scalar(add).bind(LAYOUT).bind(state.as_str()).fetch_one(change).await?;
    Version::try_from(number).map_err(|error| sqlx::Error::Decode(error.into()))
}
