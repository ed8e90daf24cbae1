//! Idempotency keys: the same key and body get the same answer and one effect; another body is refused (I12).
//!
//! [`begin`] and [`finish`] are transactions of their own around the effect's: a second request is told that the first is under
//! way. One that was cut off by a crash is carried out again after [`CUT_OFF_AFTER`]; what it had done by then it finds by its
//! own keys (an event by its dedupe key, an enrollment by lead, cadence and entry key, a lead by its external id).

use chrono::TimeDelta;

use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use crate::clock::{Instant, micros};

/// Longer than any request may take: one that has not answered by then never will.
pub const CUT_OFF_AFTER: TimeDelta = TimeDelta::seconds(60);

/// What to do with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// The first of its key: carry it out, then [`finish`].
    Fresh,
    /// Done before: answer this again.
    Replay { status: u16, response: String },
    /// The key was used for another request.
    Mismatch,
    /// The same request has begun and not finished.
    InProgress,
}

const BEGIN: &str =
    "INSERT INTO idempotency_keys (principal, key, request_hash, created_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (principal, key) DO NOTHING";
const FIND: &str =
    "SELECT request_hash, status, response FROM idempotency_keys WHERE principal = $1 AND key = $2";
const TAKE_OVER: &str = "UPDATE idempotency_keys SET created_at = $3
     WHERE principal = $1 AND key = $2 AND status IS NULL AND created_at <= $4";
const FINISH: &str = "UPDATE idempotency_keys SET status = $3, response = $4
     WHERE principal = $1 AND key = $2 AND status IS NULL";
const ABANDON: &str = "DELETE FROM idempotency_keys WHERE principal = $1 AND key = $2 AND status IS NULL";
static PRUNE: Sql = Sql::new(
    "WITH old AS MATERIALIZED (
         SELECT principal, key FROM idempotency_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2 {skip})
     DELETE FROM idempotency_keys WHERE (principal, key) IN (SELECT principal, key FROM old)",
);

/// Opens a request at `now`, by the database's own clock. `principal` keeps callers' keys apart; `request_hash` covers method, path and body.
pub async fn begin(
    tx: &mut Tx,
    principal: &str,
    key: &str,
    request_hash: &str,
    now: Instant,
) -> Result<Begun, StoreError> {
    let inserted = on_db!(tx, |conn| sqlx::query(BEGIN)
        .bind(principal)
        .bind(key)
        .bind(request_hash)
        .bind(micros(now))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    if inserted > 0 {
        return Ok(Begun::Fresh);
    }
    let row: Option<(String, Option<i64>, Option<String>)> =
        on_db!(tx, |conn| sqlx::query_as(FIND).bind(principal).bind(key).fetch_optional(conn).await)?;
    let Some((hash, status, response)) = row else {
        // Pruned or abandoned between the two statements; the caller's retry will be the first.
        return Ok(Begun::InProgress);
    };
    if hash != request_hash {
        return Ok(Begun::Mismatch);
    }
    let Some(status) = status else {
        let is_ours = take_over(tx, principal, key, now).await?;
        return Ok(if is_ours { Begun::Fresh } else { Begun::InProgress });
    };
    let status =
        u16::try_from(status).map_err(|e| StoreError::bad_row("idempotency_keys", "status", key, e))?;
    Ok(Begun::Replay { status, response: response.unwrap_or_default() })
}

/// Takes over a request that was cut off; `false` while it may still be under way.
async fn take_over(tx: &mut Tx, principal: &str, key: &str, now: Instant) -> Result<bool, StoreError> {
    let taken = on_db!(tx, |conn| sqlx::query(TAKE_OVER)
        .bind(principal)
        .bind(key)
        .bind(micros(now))
        .bind(micros(now - CUT_OFF_AFTER))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(taken > 0)
}

/// Keeps the answer of a request that [`begin`] called fresh.
pub async fn finish(
    tx: &mut Tx,
    principal: &str,
    key: &str,
    status: u16,
    response: &str,
) -> Result<(), StoreError> {
    let done = on_db!(tx, |conn| sqlx::query(FINISH)
        .bind(principal)
        .bind(key)
        .bind(i64::from(status))
        .bind(response)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    if done == 0 {
        return Err(StoreError::Missing { what: "open request with idempotency key", id: key.to_owned() });
    }
    Ok(())
}

/// Forgets a request that had no effect, so that it may be tried again.
pub async fn abandon(tx: &mut Tx, principal: &str, key: &str) -> Result<(), StoreError> {
    on_db!(tx, |conn| sqlx::query(ABANDON).bind(principal).bind(key).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Forgets at most `limit` keys from before `until`; answers how many.
pub async fn prune(tx: &mut Tx, until: Instant, limit: u32) -> Result<u64, StoreError> {
    let sql = PRUNE.on(tx.dialect());
    Ok(on_db!(tx, |conn| sqlx::query(sql)
        .bind(micros(until))
        .bind(i64::from(limit))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}
