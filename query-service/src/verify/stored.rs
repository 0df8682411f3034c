//! What the tables of a version hold, in one snapshot of the database, and the positions of the logs that they are of.

use std::collections::BTreeMap;

use shared::{
    consistency::Positions,
    log::{Acceptance, Offset, Partition},
};
use sqlx::{Connection as _, Executor as _, PgConnection, Row as _, types::Json};

use super::{Sum, Sums};
use crate::{
    progress,
    views::{self, Database, Version},
};

const STORED: &str = include_str!("stored.sql");

/// A view of the tables that stays as it is, whatever is written meanwhile.
#[derive(Debug)]
pub struct Snapshot {
    connection: PgConnection,
    /// How far each partition of the log of events is.
    pub acceptances: BTreeMap<Partition, Acceptance>,
    /// The same of both logs.
    pub positions: Positions,
}

impl Snapshot {
    /// Of the tables as they are now.
    ///
    /// # Errors
    /// When the database cannot be reached, or does not answer.
    pub async fn of(database: &Database, version: Version) -> Result<Self, sqlx::Error> {
        let options = views::options(database, version)?.application_name("views verify");
        let mut connection = PgConnection::connect_with(&options.options([("statement_timeout", "0")])).await?;
        // Ends with the connection.
        connection.execute("begin isolation level repeatable read read only").await?;
        let stored: Vec<Json<Acceptance>> =
            sqlx::query_scalar("select acceptance from projection").fetch_all(&mut connection).await?;
        let acceptances = stored.into_iter().map(|Json(acceptance)| (acceptance.partition, acceptance)).collect();
        let positions = progress::stored(&mut connection).await?.into_iter().collect();
        Ok(Self { connection, acceptances, positions })
    }

    /// Where a partition of the log of events stands.
    pub fn next_offset(&self, partition: Partition) -> Offset {
        self.acceptances.get(&partition).map_or(0, Acceptance::next_offset)
    }

    /// What each table holds.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sums(&mut self) -> Result<Sums, sqlx::Error> {
        let mut sums = Sums::new();
        for row in sqlx::query(STORED).fetch_all(&mut self.connection).await? {
            let hash: &str = row.try_get("hash")?;
            let hash = hash.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
            sums.insert(row.try_get("name")?, Sum { rows: row.try_get("rows")?, hash });
        }
        Ok(sums)
    }

    /// Ends it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn close(self) -> Result<(), sqlx::Error> {
        self.connection.close().await
    }
}
