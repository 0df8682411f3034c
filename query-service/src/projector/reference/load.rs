//! The reference log into a new version of the views, from its beginning.

use std::collections::BTreeMap;

use shared::{
    log::{Offset, Partition},
    reference::Record,
};
use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};

use super::{BATCH_RECORDS, apply, batch::Batch, tables};
use crate::projector::{failure::Failure, with_plans};

/// Records on their way into the views.
#[derive(Debug)]
pub struct CatalogueLane {
    connection: PgConnection,
    positions: BTreeMap<Partition, Offset>,
    batch: Batch,
}

impl CatalogueLane {
    /// Goes on where the views stand.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn load(partitions: u16, database: PgConnectOptions) -> Result<Self, Failure> {
        let mut connection = PgConnection::connect_with(&with_plans(database)).await?;
        let positions = tables::load(&mut connection, partitions).await?;
        Ok(Self { connection, positions, batch: Batch::of_at_most(BATCH_RECORDS) })
    }

    /// Loads the next record, unless it is loaded already.
    ///
    /// # Errors
    /// When the database does not let it.
    pub async fn add(&mut self, record: &Record) -> Result<(), Failure> {
        if let Some(position) = self.positions.get_mut(&record.partition)
            && record.offset >= *position
        {
            self.batch.add(record, position);
        }
        if self.batch.is_full() {
            self.write().await?;
        }
        Ok(())
    }

    /// Loads what is left.
    ///
    /// # Errors
    /// When the database does not let it.
    pub async fn finish(mut self) -> Result<(), Failure> {
        if self.batch.records() > 0 {
            self.write().await?;
        }
        Ok(self.connection.close().await?)
    }

    async fn write(&mut self) -> Result<(), Failure> {
        let full = std::mem::replace(&mut self.batch, Batch::of_at_most(BATCH_RECORDS));
        apply(&mut self.connection, full).await.map(drop)
    }
}
