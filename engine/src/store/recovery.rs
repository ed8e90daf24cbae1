//! The mark of a restored database: while it stands no intent is committed and nothing is asked for (D2).

use sqlx_macros::FromRow;

use super::db::{Tx, on_db};
use super::error::StoreError;
use super::number_lock;
use crate::clock::{Instant, instant_from_micros, micros};

/// What must be known again before anybody is dialed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovery {
    /// Stops after this instant, by the database's own clock, may be missing.
    pub journal_from: Instant,
    /// Calls after this instant, by the engine's clock, may be missing.
    pub calls_from: Instant,
    /// When the mark was set, by the engine's clock,
    pub marked_at: Instant,
    /// and by the database's own.
    pub marked_real_at: Instant,
}

#[derive(FromRow)]
struct Row {
    journal_from: i64,
    calls_from: i64,
    marked_at: i64,
    marked_real_at: i64,
}

const CURRENT: &str = "SELECT journal_from, calls_from, marked_at, marked_real_at FROM recovery WHERE id = 1";
const IS_MARKED: &str = "SELECT count(*) FROM recovery";
// A database restored once more has lost the most: the earliest instants count.
const MARK: &str = "INSERT INTO recovery (id, journal_from, calls_from, marked_at, marked_real_at) VALUES (1, $1, $2, $3, $4)
     ON CONFLICT (id) DO UPDATE SET
        journal_from = CASE WHEN recovery.journal_from < excluded.journal_from THEN recovery.journal_from
                            ELSE excluded.journal_from END,
        calls_from = CASE WHEN recovery.calls_from < excluded.calls_from THEN recovery.calls_from ELSE excluded.calls_from END,
        marked_at = excluded.marked_at, marked_real_at = excluded.marked_real_at";
const CLEAR: &str = "DELETE FROM recovery";

/// The mark, if it stands.
pub async fn current(tx: &mut Tx) -> Result<Option<Recovery>, StoreError> {
    let row: Option<Row> = on_db!(tx, |conn| sqlx::query_as(CURRENT).fetch_optional(conn).await)?;
    Ok(row.map(|row| Recovery {
        journal_from: instant_from_micros(row.journal_from),
        calls_from: instant_from_micros(row.calls_from),
        marked_at: instant_from_micros(row.marked_at),
        marked_real_at: instant_from_micros(row.marked_real_at),
    }))
}

/// Whether it stands. A claim asks after it has locked its numbers.
pub async fn is_marked(tx: &mut Tx) -> Result<bool, StoreError> {
    let marks: i64 = on_db!(tx, |conn| sqlx::query_scalar(IS_MARKED).fetch_one(conn).await)?;
    Ok(marks > 0)
}

/// Sets it. Waits for every claim in flight: whoever claims afterwards sees it.
pub async fn mark(tx: &mut Tx, recovery: Recovery) -> Result<(), StoreError> {
    number_lock::lock_all(tx).await?;
    on_db!(tx, |conn| sqlx::query(MARK)
        .bind(micros(recovery.journal_from))
        .bind(micros(recovery.calls_from))
        .bind(micros(recovery.marked_at))
        .bind(micros(recovery.marked_real_at))
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Takes it away; answers whether it stood.
pub async fn clear(tx: &mut Tx) -> Result<bool, StoreError> {
    let done = on_db!(tx, |conn| sqlx::query(CLEAR).execute(conn).await.map(|done| done.rows_affected()))?;
    Ok(done > 0)
}
