//! What the test suites share: databases to run on. The suites themselves are in `tests/suites`, one binary each.

pub mod database;
pub mod postgres;

pub use database::{Backend, TestDb};
