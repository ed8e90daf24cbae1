//! What commands print: for people, or one JSON value for machines. Everything else goes to the log.

use clap::ValueEnum;

/// How a command answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Human,
    /// One JSON value on the last line.
    Json,
}

/// Prints to standard output. A reader that went away (`| head`) is no error.
pub fn print(text: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", text.trim_end_matches('\n'));
}
