//! The table at the end.

use std::time::Duration;

use crate::check::Findings;

/// Prints what was found, and how long it took until everything was served again.
pub fn print(name: &str, findings: &Findings, compared: usize, recoveries: &[Duration]) {
    let rows = [
        ("attempts", findings.attempts),
        ("acknowledged", findings.acknowledged),
        ("  of them replayed", findings.replayed),
        ("refused (4xx)", findings.refused),
        ("not executed (503, 401, no connection)", findings.not_executed),
        ("unknown (504, connection lost)", findings.unknown),
        ("  of them executed all the same", findings.executed_unknown),
        ("accepted records", findings.records),
        ("announcements and stops of writers", findings.announcements),
        ("records that do not count", findings.ignored),
        ("segments compared with the API", compared),
    ];
    println!("{name}");
    for (label, value) in rows {
        println!("  {label:<42} {value:>10}");
    }
    println!("  {:<42} {:>7} ms", "slowest success", findings.slowest_millis);
    let mut recoveries = recoveries.to_vec();
    recoveries.sort();
    if let (Some(longest), Some(median)) = (recoveries.last(), recoveries.get(recoveries.len() / 2)) {
        println!("  {:<42} {:>7} ms", "until all is served again: median", median.as_millis());
        println!("  {:<42} {:>7} ms", "until all is served again: longest", longest.as_millis());
    }
    println!("{name}: ok, nothing acknowledged is lost, nothing unasked is there");
}
