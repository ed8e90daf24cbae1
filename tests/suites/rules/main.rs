//! Calling rules from outside: the files read by a second reader, and the command that explains a number.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod command;
mod reader;
mod vectors;
mod year;
