//! What is told, to people or to programs.

use std::io::{self, BufWriter, Stdout, Write as _};

use clap::{Args, ValueEnum};
use serde::Serialize;

/// For whom it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON object, or one a line where there are many.
    Json,
}

/// How to tell it.
#[derive(Debug, Clone, Copy, Args)]
pub struct OutputArgs {
    /// `text` for people, `json` for programs: one object, or one a line where there are many.
    #[arg(long, value_enum, default_value_t)]
    pub output: Format,
}

/// Standard output, gathered. Whoever reads it may stop reading: that is an error of kind `BrokenPipe`, and no failure.
#[derive(Debug)]
pub struct Out(BufWriter<Stdout>);

impl Out {
    /// Standard output.
    pub fn new() -> Self {
        Self(BufWriter::new(io::stdout()))
    }

    /// One line.
    pub fn line(&mut self, text: &[u8]) -> io::Result<()> {
        self.0.write_all(text)?;
        self.0.write_all(b"\n")
    }

    /// One line of JSON.
    pub fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.0, value)?;
        self.0.write_all(b"\n")
    }

    /// Hands over what was gathered.
    pub fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// One object on standard output.
pub fn tell(format: Format, value: &impl Serialize, text: impl FnOnce() -> String) -> io::Result<()> {
    let mut out = Out::new();
    match format {
        Format::Text => out.line(text().trim_end().as_bytes())?,
        Format::Json => out.json(value)?,
    }
    out.flush()
}

/// A number with its thousands apart.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(number), text);
        }
    }
}
