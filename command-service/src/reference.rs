//! Where changes of reference data go, whatever kind of log that is.

use std::{fmt, sync::Arc};

use futures::future::{BoxFuture, FutureExt as _};
use shared::{
    consistency::{Place, Positions},
    reference::{Change, InDoubt, ReferenceLog},
};

type Write = dyn Fn(Vec<Change>) -> BoxFuture<'static, Result<Positions, InDoubt>> + Send + Sync;

/// Writes changes of reference data. Clones write to the same log.
#[derive(Clone)]
pub struct ReferenceWriter(Arc<Write>);

impl fmt::Debug for ReferenceWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReferenceWriter").finish_non_exhaustive()
    }
}

impl ReferenceWriter {
    /// Writes to this log.
    pub fn new(log: impl ReferenceLog) -> Self {
        Self(Arc::new(move |changes| {
            let log = log.clone();
            async move {
                let written = log.write(changes).await?;
                Ok(written.into_iter().map(|(partition, behind)| (Place::Reference(partition), behind)).collect())
            }
            .boxed()
        }))
    }

    /// Writes these changes, durably when it returns; the positions behind them.
    ///
    /// # Errors
    /// When it is unknown which of them were written; all can be written again.
    pub async fn write(&self, changes: Vec<Change>) -> Result<Positions, InDoubt> {
        (self.0)(changes).await
    }
}
