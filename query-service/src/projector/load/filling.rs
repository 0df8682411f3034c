//! The tables of events of a new version, filled in one transaction: all of the log that is there, or nothing.

use shared::log::Acceptance;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, postgres::PgConnectOptions};
use tokio::sync::mpsc;

use super::{
    copier::Chunk,
    target::{BEGIN, Target},
};
use crate::{projector::position, verify::Fold};

/// A transaction that has begun.
#[derive(Debug)]
pub struct Filling {
    connection: PgConnection,
    /// How many rows were copied, by the numbers of tables.
    rows: [u64; Target::ALL.len()],
}

impl Filling {
    /// Whether nothing has been loaded yet.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn is_due(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar("select not exists (select from projection)").fetch_one(connection).await
    }

    /// Begins.
    ///
    /// # Errors
    /// When the database does not let it.
    pub async fn begin(database: &PgConnectOptions) -> Result<Self, sqlx::Error> {
        let mut connection = PgConnection::connect_with(database).await?;
        // Ends with the connection, if it does not come to the commit.
        connection.execute("begin").await?;
        sqlx::raw_sql(BEGIN).execute(&mut connection).await?;
        Ok(Self { connection, rows: [0; Target::ALL.len()] })
    }

    /// Copies all that comes. One at a time: the service that goes on may be on the same machine.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn copy(&mut self, mut chunks: mpsc::Receiver<Chunk>) -> Result<(), sqlx::Error> {
        while let Some((target, chunk)) = chunks.recv().await {
            let mut copying = self.connection.copy_in_raw(&target.copy()).await?;
            copying.send(chunk).await?;
            self.rows[target as usize] += copying.finish().await?;
        }
        Ok(())
    }

    /// All is there: moves what is over, notes how far the log was read, and commits. Tables that lost most of their rows are
    /// written anew.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn finish(mut self, folds: &[Fold]) -> Result<(), sqlx::Error> {
        let mut hollow = Vec::new();
        for passing in Target::ALL {
            let rows = self.rows[passing as usize];
            if let Some((settle, loses)) = passing.settlement().filter(|_| rows > 0) {
                self.connection.execute(AssertSqlSafe(format!("analyze {}", passing.name()))).await?;
                self.connection.execute(settle).await?;
                hollow.extend(loses.filter(|target| rows > self.rows[*target as usize] / 2));
            }
        }
        let partitions = folds.len() as u16;
        for acceptance in folds.iter().map(Fold::acceptance) {
            position::load(&mut self.connection, acceptance.partition, partitions).await?;
            position::advance(
                &mut self.connection,
                Acceptance::new(acceptance.partition, partitions).next_offset(),
                acceptance,
            )
            .await?;
        }
        self.connection.execute("commit").await?;
        for target in hollow {
            self.connection.execute(AssertSqlSafe(format!("vacuum full {}", target.name()))).await?;
        }
        self.connection.close().await
    }
}
