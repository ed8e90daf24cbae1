//! Idempotency keys: the same key and body get the same answer and one effect; another body is refused (I12).
//!
//! [`begin`], the effect and [`finish`] belong in one transaction: then a second request waits for the first or sees its
//! answer, and a crash leaves no trace. Where they cannot, a second request is told that the first is under way.

use super::db::{Tx, on_db};
use super::error::StoreError;
use crate::clock::{Instant, micros};

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
const FINISH: &str = "UPDATE idempotency_keys SET status = $3, response = $4
     WHERE principal = $1 AND key = $2 AND status IS NULL";
const ABANDON: &str = "DELETE FROM idempotency_keys WHERE principal = $1 AND key = $2 AND status IS NULL";
const PRUNE: &str = "DELETE FROM idempotency_keys WHERE created_at < $1";

/// Opens a request. `principal` keeps callers' keys apart; `request_hash` covers method, path and body.
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
    let Some(status) = status else { return Ok(Begun::InProgress) };
    let status =
        u16::try_from(status).map_err(|e| StoreError::bad_row("idempotency_keys", "status", key, e))?;
    Ok(Begun::Replay { status, response: response.unwrap_or_default() })
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

/// Forgets keys from before `until`; answers how many.
pub async fn prune(tx: &mut Tx, until: Instant) -> Result<u64, StoreError> {
    Ok(on_db!(tx, |conn| sqlx::query(PRUNE)
        .bind(micros(until))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}
