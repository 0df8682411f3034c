//! The figures: a table for people, JSON for programs.

use std::{fmt, fs, path::Path};

use anyhow::Context as _;
use serde::Serialize;

use crate::{Plan, load::Measured};

/// What a figure should be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Aim {
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
}

impl Aim {
    fn is_met_by(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, "≥ {}", Number(*least)),
            Self::AtMost(most) => write!(f, "≤ {}", Number(*most)),
        }
    }
}

/// Reads well at any size.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = match self.0.abs() {
            size if size >= 100.0 => 0,
            size if size >= 10.0 => 1,
            _ => 2,
        };
        write!(f, "{:.digits$}", self.0)
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    section: &'static str,
    what: String,
    value: f64,
    unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    aim: Option<Aim>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_met: Option<bool>,
}

/// All figures of a run, and what they were measured with.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    cores: usize,
    /// Of the minute before the run: other work on the machine makes figures of a run incomparable with another's.
    load_before: Option<String>,
    seconds: f64,
    segments: u64,
    events: u64,
    rows: Vec<Row>,
}

impl Report {
    /// Empty.
    pub fn new(plan: &Plan) -> Self {
        let load = fs::read_to_string("/proc/loadavg").ok();
        Self {
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            load_before: load.and_then(|load| load.split(' ').next().map(str::to_owned)),
            seconds: plan.times.measured.as_secs_f64(),
            segments: plan.segments,
            events: plan.events,
            rows: Vec::new(),
        }
    }

    /// Adds a figure, and shows it at once.
    pub fn add(&mut self, section: &'static str, what: impl Into<String>, value: f64, unit: &'static str) {
        self.push(Row { section, what: what.into(), value, unit, aim: None, is_met: None });
    }

    /// Adds a figure that has an aim.
    pub fn aimed(&mut self, section: &'static str, what: impl Into<String>, value: f64, unit: &'static str, aim: Aim) {
        let is_met = Some(aim.is_met_by(value));
        self.push(Row { section, what: what.into(), value, unit, aim: Some(aim), is_met });
    }

    /// Adds the rate and the usual quantiles of a loop.
    pub fn add_loop(&mut self, section: &'static str, what: &str, measured: &Measured, aim: Option<Aim>) {
        let rate = format!("{what}: rate");
        match aim {
            Some(aim) => self.aimed(section, rate, measured.per_second(), "/s", aim),
            None => self.add(section, rate, measured.per_second(), "/s"),
        }
        self.add(section, format!("{what}: p50"), measured.millis(0.5), "ms");
        self.add(section, format!("{what}: p99"), measured.millis(0.99), "ms");
    }

    fn push(&mut self, row: Row) {
        eprintln!("{}", row.line());
        self.rows.push(row);
    }

    /// The whole table, to standard output.
    pub fn print(&self) {
        let load = self.load_before.as_deref().unwrap_or("unknown");
        println!("{} cores, load before the run {load}, {} s a measurement", self.cores, self.seconds);
        for row in &self.rows {
            println!("{}", row.line());
        }
    }

    /// Everything as JSON.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        fs::write(path, serde_json::to_vec_pretty(self)?).with_context(|| format!("cannot write {}", path.display()))
    }
}

impl Row {
    fn line(&self) -> String {
        let value = Number(self.value).to_string();
        let aim = self.aim.map(|aim| aim.to_string()).unwrap_or_default();
        let verdict = match self.is_met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        };
        format!("{:<9} {:<66} {value:>9} {:<4} {aim:<9} {verdict}", self.section, self.what, self.unit)
            .trim_end()
            .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aim_is_met_from_its_own_side() {
        for (aim, value, is_met) in [
            (Aim::AtLeast(10.0), 10.0, true),
            (Aim::AtLeast(10.0), 9.9, false),
            (Aim::AtMost(10.0), 10.0, true),
            (Aim::AtMost(10.0), 10.1, false),
        ] {
            assert_eq!(aim.is_met_by(value), is_met, "{aim} {value}");
        }
    }

    #[test]
    fn numbers_have_as_many_digits_as_matter() {
        for (number, text) in [(12_345.6, "12346"), (12.34, "12.3"), (1.234, "1.23"), (0.0, "0.00")] {
            assert_eq!(Number(number).to_string(), text);
        }
    }
}
