//! The job queue on both databases: what the store functions promise, and what workers do with it (ENG-5, I8, I9).

#![expect(clippy::unwrap_used, reason = "tests fail by panicking and report skipped databases")]

mod admin;
mod claims;
mod db;
mod endings;
mod recurring;
mod workers;
