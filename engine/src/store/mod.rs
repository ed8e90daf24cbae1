//! The only place that knows sqlx: one SQL text for SQLite and PostgreSQL, one file per noun.
//! Functions take a [`db::Tx`]: whoever calls decides what commits together. Bulk arguments travel as one JSON bind.

pub mod db;
pub mod error;

pub use db::{Db, Dialect, Durability, Sql, Tx};
pub use error::StoreError;
