//! The only place that knows sqlx: one SQL text for SQLite and PostgreSQL, one file per noun.
//! Functions take a [`db::Tx`]: whoever calls decides what commits together. Bulk arguments travel as one JSON bind.

pub mod db;
pub mod error;

pub use db::{Db, Dialect, Durability, Sql, Tx};
pub use error::StoreError;

mod bulk;
mod packed;
mod postgres;

pub mod api_key;
pub mod attempt;
pub mod call;
pub mod campaign;
pub mod carrier_ledger;
pub mod clock;
pub mod consent;
pub mod crowd;
pub mod decision;
pub mod definition;
pub mod enrollment;
pub mod event;
pub mod event_read;
pub mod gate_facts;
pub mod idempotency;
pub mod import;
pub mod intent;
pub mod jobs;
pub mod lead;
pub mod lead_change;
pub mod limit;
pub mod number_lock;
pub mod pacing_counter;
pub mod page;
pub mod publication;
pub mod second_look;
pub mod standing;
pub mod summary;
pub mod suppression;
pub mod task;
pub mod totals;
pub mod trial;
pub mod user;
pub mod wake;
pub mod walk;
pub mod wipe;

pub(crate) use bulk::{bulk, keys};
