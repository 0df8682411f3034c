//! What is told on the way: a line for each step, when it begins.

use std::{
    fmt,
    io::{self, Write as _},
};

use serde::Serialize;

use crate::log::output::Format;

/// One line of JSON.
#[derive(Debug, Serialize)]
struct Step<'t> {
    step: &'t str,
    text: String,
}

/// A step begins. Whoever runs this may wait for the line.
pub fn step(format: Format, step: &str, text: fmt::Arguments<'_>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match format {
        Format::Text => writeln!(out, "{step:<10} {text}")?,
        Format::Json => writeln!(out, "{}", serde_json::to_string(&Step { step, text: text.to_string() })?)?,
    }
    out.flush()
}
