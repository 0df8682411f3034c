//! Reads, each for one tenant: the policies of the database hide the rows of all others, whatever a statement says.
//!
//! Who the tenant is the database knows from a setting of the session, and setting it costs a message. So sessions keep it, and
//! are found again by it: while there are no more tenants than connections, a read is one message, as it would be without. That
//! is why this is not sqlx's pool, which knows nothing of its connections.
//!
//! Opening a session takes long, and longest when all are opened at once. So a read takes any that is put back before its own is
//! there, and what was begun is finished for whoever comes next.
//!
//! What must hold: the setting of an idle session is what [`Session::tenant`] says, or that says nothing. A session is put back
//! after a read that ended well; what became of any other is unknown, and so is its tenant from then on.

#[cfg(test)]
mod tests;

use std::{
    fmt,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use scopeguard::ScopeGuard;
use shared::{
    consistency::Place,
    ids::Tenant,
    log::{Acceptance, Offset},
};
use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions, types::Json};
use tokio::{
    runtime::Handle,
    sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot},
    time,
};

use super::{OpenError, wall};
use crate::progress::{self, Progress};

/// A session that was good so short a time ago is taken without asking.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// No session is used for longer, so that none grows for ever.
const USED_FOR: Duration = Duration::from_secs(30 * 60);

/// How long what is left of an abandoned read may take; its statement ends before that by itself.
const RECOVERS_WITHIN: Duration = Duration::from_secs(15);

/// How long a session may take to open. Who waits for it has less patience.
const OPENS_WITHIN: Duration = Duration::from_secs(10);

/// Names for the exporter; call once, after the recorder is installed.
pub fn describe() {
    metrics::describe_counter!(
        "views_tenant_changes_total",
        "Reads before which a connection had to change its tenant"
    );
}

/// How much it may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most sessions.
    pub connections: usize,
    /// How long a read waits for one before it is refused.
    pub acquire_timeout: Duration,
}

/// Reads the views. Clones are the same.
#[derive(Clone)]
pub struct Reader(Arc<Inner>);

struct Inner {
    options: PgConnectOptions,
    limits: Limits,
    progress: Progress,
    /// One for each session in use or on its way.
    permits: Arc<Semaphore>,
    /// The one used last stands last.
    idle: Mutex<Vec<Session>>,
    /// Tells who waits for a session whenever one was put back.
    freed: Notify,
}

/// A session in use, and the right to it.
type Lent = (Session, OwnedSemaphorePermit);

/// A connection, with what is known of it.
struct Session {
    connection: PgConnection,
    /// Whose rows it sees; none: that is not certain.
    tenant: Option<Tenant>,
    opened: Instant,
    used: Instant,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

impl Reader {
    /// Connects once, to see that the views can be read and that the wall between tenants stands. Sessions begin with what
    /// [`Progress`] must know.
    ///
    /// # Errors
    /// When the database cannot be reached, or the policies do not hold for the role of `options`.
    pub(super) async fn connect(
        options: PgConnectOptions,
        limits: Limits,
        progress: Progress,
    ) -> Result<Self, OpenError> {
        let (permits, idle) = (Arc::new(Semaphore::new(limits.connections)), Mutex::default());
        let reader = Self(Arc::new(Inner { options, limits, progress, permits, idle, freed: Notify::new() }));
        if !reader.lend(None, async |connection| wall::stands(connection).await).await? {
            return Err(OpenError::NoWall);
        }
        Ok(reader)
    }

    /// How many sessions there are.
    pub(crate) fn sessions(&self) -> usize {
        let inner = &self.0;
        inner.limits.connections - inner.permits.available_permits() + inner.idle().len()
    }

    /// Opens sessions, if there are fewer, so that many reads at once need not wait for them.
    pub(crate) async fn warm(&self, sessions: usize) -> Result<(), sqlx::Error> {
        let inner = &self.0;
        while self.sessions() < sessions.min(inner.limits.connections) {
            inner.keep(Session::open(&inner.options, &inner.progress).await?);
        }
        Ok(())
    }

    /// Whether anybody else has it.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Reads for a tenant: no row of another is there, whatever is asked.
    ///
    /// # Errors
    /// When there is no session in time, or the read fails.
    pub(super) async fn read<T>(
        &self,
        tenant: &Tenant,
        read: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        self.lend(Some(tenant), read).await
    }

    /// Where the views stand in both logs, which is nobody's secret.
    pub(crate) async fn positions(&self) -> Result<Vec<(Place, Offset)>, sqlx::Error> {
        self.lend(None, async |connection| progress::stored(connection).await).await
    }

    /// What the acceptance rule remembers where the views stand; nothing of partitions of which they show nothing yet.
    pub(crate) async fn acceptances(&self) -> Result<Vec<Acceptance>, sqlx::Error> {
        let stored = sqlx::query_scalar::<_, Json<Acceptance>>("select acceptance from projection");
        let stored = self.lend(None, async |connection| stored.fetch_all(connection).await).await?;
        Ok(stored.into_iter().map(|Json(acceptance)| acceptance).collect())
    }

    async fn lend<T>(
        &self,
        tenant: Option<&Tenant>,
        read: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        let inner = &self.0;
        let session = time::timeout(inner.limits.acquire_timeout, inner.session(tenant)).await;
        let session = session.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
        // Also when the read fails, or whoever asked goes away.
        let mut lent = scopeguard::guard(session, |lent| inner.recover(lent));
        let answer = read(&mut lent.0.connection).await?;
        inner.put_back(ScopeGuard::into_inner(lent));
        Ok(answer)
    }
}

impl Inner {
    /// A session that answers, and belongs to the tenant. Dropping this while it works closes a connection at worst.
    async fn session(self: &Arc<Self>, tenant: Option<&Tenant>) -> Result<Lent, sqlx::Error> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| sqlx::Error::PoolClosed)?;
        let (mut session, permit) = match self.take_good(tenant).await {
            Some(session) => (session, permit),
            None => self.new_or_freed(permit).await?,
        };
        if let Some(tenant) = tenant {
            session.belong_to(tenant).await?;
        }
        Ok((session, permit))
    }

    /// A new one; or one that is put back before that is there, whosever it was.
    async fn new_or_freed(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> Result<Lent, sqlx::Error> {
        let mut opened = self.open(permit);
        let mut freed = pin!(self.freed.notified());
        loop {
            tokio::select! {
                biased;
                opened = &mut opened => return opened.unwrap_or(Err(sqlx::Error::PoolClosed)),
                () = &mut freed => freed.set(self.freed.notified()),
            }
            if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned()
                && let Some(session) = self.idle().pop()
            {
                return Ok((session, permit));
            }
        }
    }

    /// Opens one beside whoever asked. If nobody waits for it any more, it is kept for the next.
    fn open(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> oneshot::Receiver<Result<Lent, sqlx::Error>> {
        let (send, opened) = oneshot::channel();
        let inner = Arc::clone(self);
        tokio::spawn(async move {
            let session = time::timeout(OPENS_WITHIN, Session::open(&inner.options, &inner.progress)).await;
            let lent = session.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map(|session| (session, permit));
            if let Err(Ok(lent)) = send.send(lent) {
                inner.put_back(lent);
            }
        });
        opened
    }

    async fn take_good(&self, tenant: Option<&Tenant>) -> Option<Session> {
        while let Some(mut session) = self.take(tenant) {
            if session.answers().await {
                return Some(session);
            }
        }
        None
    }

    /// Of the idle sessions that of the tenant, or one that is nobody's. Otherwise there is none, so that a new one is opened;
    /// only when there are as many as there may be, one changes hands, that which was unused the longest.
    fn take(&self, tenant: Option<&Tenant>) -> Option<Session> {
        let mut idle = self.idle();
        let place = match tenant {
            None => idle.len().checked_sub(1),
            Some(_) => {
                let place_of = |owner| idle.iter().rposition(|session| session.tenant.as_ref() == owner);
                place_of(tenant).or_else(|| place_of(None))
            }
        };
        if let Some(place) = place {
            return Some(idle.remove(place));
        }
        // One permit is that of who asks. Sessions are put back before their permits are, so none is missing from the sum.
        let in_use = self.limits.connections - self.permits.available_permits() - 1;
        let is_full = idle.len() + in_use >= self.limits.connections;
        (is_full && !idle.is_empty()).then(|| idle.remove(0))
    }

    fn put_back(&self, (session, permit): Lent) {
        self.keep(session);
        drop(permit);
        self.freed.notify_waiters();
    }

    fn keep(&self, mut session: Session) {
        session.used = Instant::now();
        if session.used.duration_since(session.opened) < USED_FOR {
            self.idle().push(session);
        }
    }

    /// Waits, beside whoever goes on, until the database is done with what was asked; the session counts as used until then.
    fn recover(self: &Arc<Self>, (mut session, permit): Lent) {
        // At the end of a process there may be nothing left that could wait.
        let Ok(runtime) = Handle::try_current() else { return };
        let inner = Arc::clone(self);
        runtime.spawn(async move {
            session.tenant = None;
            if let Ok(Ok(())) = time::timeout(RECOVERS_WITHIN, session.connection.ping()).await {
                inner.put_back((session, permit));
            }
        });
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    async fn open(options: &PgConnectOptions, progress: &Progress) -> Result<Self, sqlx::Error> {
        let mut connection = PgConnection::connect_with(options).await?;
        progress.relearn(&mut connection).await?;
        let opened = Instant::now();
        Ok(Self { connection, tenant: None, opened, used: opened })
    }

    async fn answers(&mut self) -> bool {
        self.used.elapsed() < TRUSTED_FOR || self.connection.ping().await.is_ok()
    }

    /// From here on it sees the rows of this tenant.
    async fn belong_to(&mut self, tenant: &Tenant) -> Result<(), sqlx::Error> {
        if self.tenant.as_ref() != Some(tenant) {
            self.tenant = None;
            let set = sqlx::query("select set_config('segments.tenant', $1, false)").bind(tenant.as_str());
            set.execute(&mut self.connection).await?;
            self.tenant = Some(tenant.clone());
            metrics::counter!("views_tenant_changes_total").increment(1);
        }
        Ok(())
    }
}
