//! The only place that knows sqlx: one SQL text for SQLite and PostgreSQL, one file per noun.
//! Functions take a [`db::Tx`]: whoever calls decides what commits together. Bulk arguments travel as one JSON bind.

pub mod db;
pub mod error;

pub use db::{Db, Dialect, Durability, Sql, Tx};
pub use error::StoreError;

mod bulk;

pub mod attempt;
pub mod call;
pub mod carrier_ledger;
pub mod decision;
pub mod enrollment;
pub mod event;
pub mod jobs;
pub mod lead_change;
pub mod limit;
pub mod second_look;
pub mod summary;
pub mod task;
pub mod totals;
pub mod walk;

pub(crate) use bulk::{bulk, keys};
