//! A batch in the views: one transaction for its rows and its position.

use shared::log::Acceptance;
use sqlx::{Connection as _, PgConnection};

use super::{
    batch::Batch,
    failure::Failure,
    position::{self, Outrun, column},
    rows::Rows,
    tables::{self, Writing},
};

/// Applies it; where the partition stands then. A segment that lost `bury_from` assignments at once is buried.
pub async fn apply(
    connection: &mut PgConnection,
    writing: Writing,
    batch: Batch,
    bury_from: u64,
) -> Result<Acceptance, Failure> {
    let (from, to) = (batch.from, batch.acceptance.clone());
    let rows = Rows::of(batch, bury_from)?;
    let mut transaction = connection.begin().await?;
    tables::write(&mut transaction, writing, column(to.partition), &rows).await?;
    if !position::advance(&mut transaction, from, &to).await? {
        transaction.rollback().await?;
        return Err(Outrun.into());
    }
    transaction.commit().await?;
    Ok(to)
}
