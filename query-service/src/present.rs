//! What is so at present and may be replaced at any time; whoever took it goes on with what they took.

use std::sync::Arc;

use tokio::sync::watch;

/// A value that may be replaced. Clones are the same.
#[derive(Debug, Clone)]
pub struct Present<T>(Arc<watch::Sender<T>>);

impl<T: Clone> Present<T> {
    /// At first this.
    pub fn new(first: T) -> Self {
        Self(Arc::new(watch::Sender::new(first)))
    }

    /// What it is now.
    pub fn now(&self) -> T {
        self.0.borrow().clone()
    }

    /// From here on it is this; what it was before.
    pub(crate) fn replace(&self, next: T) -> T {
        self.0.send_replace(next)
    }
}
