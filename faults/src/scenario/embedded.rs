//! The end of every scenario on the embedded log: stop, read the log, check, start again, compare the API.

use std::time::Duration;

use crate::{check, ledger, load::Load, program::Program, report, stage::Stage, views::Reader};

/// Ends a scenario.
///
/// # Errors
/// When a promise was broken.
pub async fn finish(
    name: &str,
    stage: &Stage,
    mut up: Program,
    load: Load,
    recoveries: &[Duration],
) -> anyhow::Result<()> {
    let attempts = load.finish().await?;
    up.stop().await?;
    let records = ledger::of_file(stage.path("data/local/log.sqlite")).await?;
    let findings = check::check(&attempts, &records)?;
    up.start().await?;
    let tokens = stage.issuer.tokens().borrow().clone();
    let compared = Reader::new(up.origin(), tokens)?.compare(&findings).await?;
    up.stop().await?;
    report::print(name, &findings, compared, recoveries);
    Ok(())
}
