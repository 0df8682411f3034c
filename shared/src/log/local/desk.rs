//! Who commits: the thread of the log, which takes whatever waits in one transaction, or a caller that finds the desk free.

use std::{
    iter,
    sync::{Arc, Mutex, TryLockError, mpsc},
    thread::{self, JoinHandle},
};

use super::commit::{Committer, Job};
use crate::log::LogError;

/// Enough for one transaction; what waits beyond it goes into the next.
const MAX_GROUP_BYTES: usize = 16 * 1024 * 1024;

/// What the thread is asked for.
enum Order {
    Commit(Job),
    TidyUp,
}

/// None once the file is closed.
type Place = Mutex<Option<Committer>>;

/// See the module. Dropped, it waits until what is under way is committed and the file closed.
pub(super) struct Desk {
    place: Arc<Place>,
    /// None only while it is dropped.
    orders: Option<mpsc::Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Desk {
    /// Starts the thread.
    pub fn open(committer: Committer) -> Result<Self, LogError> {
        let place = Arc::new(Mutex::new(Some(committer)));
        let (orders, waiting) = mpsc::channel();
        let thread = thread::Builder::new().name("local-log".to_owned()).spawn({
            let place = place.clone();
            move || run(&place, &waiting)
        });
        let thread = thread.map_err(|error| LogError::Unavailable(format!("no thread for the log: {error}")))?;
        Ok(Self { place, orders: Some(orders), thread: Some(thread) })
    }

    /// Has the thread commit the job, together with whatever else waits. If the log is closed the job is dropped.
    pub fn hand_over(&self, job: Job) {
        self.order(Order::Commit(job));
    }

    /// Commits the job on this thread, which then waits for the disk, or hands it over if another one is being committed.
    pub fn commit_here(&self, job: Job) {
        let untidy = match self.place.try_lock() {
            Ok(mut place) => place.as_mut().is_some_and(|committer| {
                committer.commit([job]);
                committer.is_untidy()
            }),
            Err(TryLockError::WouldBlock) => return self.hand_over(job),
            // Nobody knows what a thread that panicked here left behind.
            Err(TryLockError::Poisoned(_)) => false,
        };
        if untidy {
            self.order(Order::TidyUp);
        }
    }

    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // Without a thread the order is dropped, and with it a job, whose caller hears of that.
            drop(orders.send(order));
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the log panicked");
        }
    }
}

/// Runs until nobody can send orders any more.
fn run(place: &Place, orders: &mpsc::Receiver<Order>) {
    while let Ok(order) = orders.recv() {
        let Ok(mut place) = place.lock() else { return };
        let Some(committer) = place.as_mut() else { return };
        if let Order::Commit(job) = order {
            committer.commit(group(job, orders));
        }
        if committer.is_untidy() {
            committer.tidy_up();
        }
    }
    if let Some(committer) = place.lock().ok().and_then(|mut place| place.take()) {
        committer.close();
    }
}

/// The job and those that wait behind it, up to a limit.
fn group(first: Job, orders: &mpsc::Receiver<Order>) -> impl Iterator<Item = Job> {
    let mut bytes = first.size();
    let waiting = iter::from_fn(move || {
        if bytes >= MAX_GROUP_BYTES {
            return None;
        }
        let job = orders.try_iter().find_map(Order::job)?;
        bytes += job.size();
        Some(job)
    });
    iter::once(first).chain(waiting)
}

impl Order {
    fn job(self) -> Option<Job> {
        match self {
            Self::Commit(job) => Some(job),
            // It follows anyway.
            Self::TidyUp => None,
        }
    }
}
