//! Packages as they were handed out: one per call, kept byte by byte.

use super::bulk::bulk_row;
use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use crate::clock::{Instant, instant_from_micros, micros};
use crate::id::AttemptId;
use crate::package::Frozen;

bulk_row! {
    /// A package as a row.
    pub struct NewRow {
        call_id: String,
        lead_id: String,
        enrollment_id: String,
        hash: String,
        body: String,
    }
}

// A call whose package was promised before it was made may have got another number meanwhile: the last word is what was sent.
static KEEP: Sql = Sql::new(
    "INSERT INTO packages (call_id, lead_id, enrollment_id, hash, body, frozen_at)
     SELECT e.value->>0, e.value->>1, e.value->>2, e.value->>3, e.value->>4, CAST($2 AS BIGINT) FROM {each} WHERE true
     ON CONFLICT (call_id) DO UPDATE SET hash = excluded.hash, body = excluded.body, frozen_at = excluded.frozen_at",
);
static OF_CALLS: Sql =
    Sql::new("SELECT p.call_id, p.body, p.frozen_at FROM {each} JOIN packages p ON p.call_id = e.value->>0");

/// Keeps packages.
pub async fn keep(tx: &mut Tx, rows: &[NewRow], now: Instant) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let (sql, bulk) = (KEEP.on(tx.dialect()), super::bulk(rows)?);
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).bind(micros(now)).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// The packages that are kept of these calls, with when they were.
pub async fn of_calls(
    tx: &mut Tx,
    calls: &[AttemptId],
) -> Result<Vec<(AttemptId, Frozen, Instant)>, StoreError> {
    if calls.is_empty() {
        return Ok(Vec::new());
    }
    let (sql, keys) = (OF_CALLS.on(tx.dialect()), super::keys(calls));
    let rows: Vec<(String, String, i64)> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(keys).fetch_all(conn).await)?;
    let read = |(id, body, at): (String, String, i64)| {
        let call = id.parse().map_err(|e| StoreError::bad_row("packages", "call_id", &id, e))?;
        Ok((call, Frozen::of(body), instant_from_micros(at)))
    };
    rows.into_iter().map(read).collect()
}
