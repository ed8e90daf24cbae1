//! The only place that knows sqlx: one SQL text for SQLite and PostgreSQL, one file per noun.
//! Functions take a [`db::Tx`]: whoever calls decides what commits together. Bulk arguments travel as one JSON bind.

pub mod db;
pub mod error;

pub use db::{Db, Dialect, Durability, Sql, Tx};
pub use error::StoreError;

pub mod attempt;
pub mod call;
pub mod decision;
pub mod enrollment;
pub mod event;
pub mod task;
pub mod walk;

/// The JSON text of a bulk bind.
pub(crate) fn bulk<T: serde::Serialize + ?Sized>(rows: &T) -> Result<String, StoreError> {
    serde_json::to_string(rows).map_err(|e| StoreError::bad_row("bulk", "argument", "", e))
}

/// The bulk bind of ids: `[["…"],["…"]]`.
pub(crate) fn keys<T: ToString>(ids: &[T]) -> String {
    let mut text = String::with_capacity(ids.len() * 41 + 2);
    text.push('[');
    for (index, id) in ids.iter().enumerate() {
        text.push_str(if index == 0 { "[\"" } else { ",[\"" });
        text.push_str(&id.to_string());
        text.push_str("\"]");
    }
    text.push(']');
    text
}
