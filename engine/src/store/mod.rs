//! The only place that knows sqlx: one SQL text for SQLite and PostgreSQL, one file per noun.
//! Functions take a [`db::Tx`]: whoever calls decides what commits together. Bulk arguments travel as one JSON bind.

pub mod db;
pub mod edge;
pub mod error;

pub use db::{Db, Dialect, Durability, Sql, Tx};
pub use error::StoreError;

mod bulk;
mod journaled;
mod money;
mod packed;
mod postgres;
mod sqlite;

pub mod adopt;
pub mod analytics;
pub mod api_key;
pub mod attempt;
pub mod audience;
pub mod backup;
pub mod budget;
pub mod call;
pub mod campaign;
pub mod campaign_product;
pub mod carrier_ledger;
pub mod checkpoint;
pub mod clock;
pub mod consent;
pub mod coupon;
pub mod crowd;
pub mod decision;
pub mod definition;
pub mod emergency_stop;
pub mod enrollment;
pub mod erase;
pub mod erased_number;
pub mod event;
pub mod event_read;
pub mod gate_facts;
pub mod idempotency;
pub mod import;
pub mod intent;
pub mod interest;
pub mod jobs;
pub mod lead;
pub mod lead_change;
pub mod limit;
pub mod number_lock;
pub mod offer;
pub mod pacing_counter;
pub mod package;
pub mod page;
pub mod person;
pub mod probe;
pub mod product;
pub mod publication;
pub mod purchase;
pub mod record;
pub mod recovery;
pub mod redemption_limit;
pub mod registry;
pub mod retention;
pub mod schema;
pub mod second_look;
pub mod set_aside;
pub mod standing;
pub mod stopping;
pub mod summary;
pub mod suppression;
pub mod task;
pub mod totals;
pub mod trial;
pub mod trigger;
pub mod trigger_rule;
pub mod user;
pub mod vitals;
pub mod wake;
pub mod walk;
pub mod wipe;

pub(crate) use bulk::{bulk, keys};

/// The end of the ids made before an instant: ids are UUIDv7, so those are a range of the primary key.
pub(crate) fn id_before(before: crate::clock::Instant) -> String {
    let millis = u64::try_from(before.timestamp_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid().to_string()
}
