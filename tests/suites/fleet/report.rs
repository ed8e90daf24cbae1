//! Where figures go: to standard error, for whoever runs a suite with `--nocapture`.

use std::fmt::Arguments;

#[expect(clippy::print_stderr, reason = "figures of a run, for people")]
pub fn say(line: Arguments<'_>) {
    eprintln!("{line}");
}
