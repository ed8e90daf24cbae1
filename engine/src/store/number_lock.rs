//! Locks on called numbers: claims and writes of suppressions take them *before* they read, so that one sees the other (I2).
//!
//! SQLite has one writer, whose transaction is the lock. On PostgreSQL they are advisory locks that end with the
//! transaction, one per number, under one that bulk imports take for all numbers at once.

use std::collections::HashSet;

use super::bulk::bulk;
use super::db::{Dialect, Sql, Tx, on_db};
use super::error::StoreError;

/// Arbitrary; distinct from every number's hash for all practical purposes.
const ALL_NUMBERS: i64 = 0x0063_616c_6c77_7267;

const SHARE_ALL: &str = "SELECT pg_advisory_xact_lock_shared($1)";
const TRY_SHARE_ALL: &str = "SELECT pg_try_advisory_xact_lock_shared($1)";
const TAKE_ALL: &str = "SELECT pg_advisory_xact_lock($1)";

// Ordered by the lock's own key, not by the number: two numbers that share a key would otherwise break the common order.
static TAKE_EACH: Sql = Sql::new(
    "SELECT pg_advisory_xact_lock(k.key)
     FROM (SELECT DISTINCT hashtextextended(e.value->>0, 0) AS key FROM {each} ORDER BY key) AS k",
);

static TRY_EACH: Sql = Sql::new(
    "SELECT e.value->>0 FROM {each} WHERE pg_try_advisory_xact_lock(hashtextextended(e.value->>0, 0))",
);

/// Locks these E.164 numbers until the transaction ends. Read what they protect only afterwards.
///
/// Every transaction locks all its numbers in one call: a second call could wait for a transaction that waits for this one.
pub async fn lock_numbers<T: AsRef<str> + Sync>(tx: &mut Tx, numbers: &[T]) -> Result<(), StoreError> {
    if numbers.is_empty() || tx.dialect() == Dialect::Sqlite {
        return Ok(());
    }
    let keys = bulk(&numbers.iter().map(|number| [number.as_ref()]).collect::<Vec<_>>())?;
    let sql = TAKE_EACH.on(tx.dialect());
    on_db!(tx, |conn| sqlx::query(SHARE_ALL).bind(ALL_NUMBERS).execute(conn).await.map(|_| ()))?;
    on_db!(tx, |conn| sqlx::query(sql).bind(keys).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Keeps bulk imports out until the transaction ends. First of all for whoever then uses [`try_lock_numbers`], so that nothing
/// is waited for later.
pub async fn share_all(tx: &mut Tx) -> Result<(), StoreError> {
    if tx.dialect() == Dialect::Sqlite {
        return Ok(());
    }
    on_db!(tx, |conn| sqlx::query(SHARE_ALL).bind(ALL_NUMBERS).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// The same for whoever holds other locks already: answers whether it could be had, and waits for nobody.
pub async fn try_share_all(tx: &mut Tx) -> Result<bool, StoreError> {
    if tx.dialect() == Dialect::Sqlite {
        return Ok(true);
    }
    Ok(on_db!(tx, |conn| sqlx::query_scalar(TRY_SHARE_ALL).bind(ALL_NUMBERS).fetch_one(conn).await)?)
}

/// Locks those of these E.164 numbers that nobody holds, until the transaction ends, and answers which. Waits for nobody, so it
/// may follow other locks. Only after [`share_all`] or [`try_share_all`].
pub async fn try_lock_numbers(tx: &mut Tx, numbers: &[&str]) -> Result<HashSet<String>, StoreError> {
    if tx.dialect() == Dialect::Sqlite {
        return Ok(numbers.iter().map(|number| (*number).to_owned()).collect());
    }
    let keys = bulk(&numbers.iter().map(|number| [*number]).collect::<Vec<_>>())?;
    let sql = TRY_EACH.on(tx.dialect());
    let free: Vec<String> = on_db!(tx, |conn| sqlx::query_scalar(sql).bind(keys).fetch_all(conn).await)?;
    Ok(free.into_iter().collect())
}

/// Locks every number until the transaction ends: for one chunk of a bulk import. Not after [`lock_numbers`].
pub async fn lock_all(tx: &mut Tx) -> Result<(), StoreError> {
    if tx.dialect() == Dialect::Sqlite {
        return Ok(());
    }
    on_db!(tx, |conn| sqlx::query(TAKE_ALL).bind(ALL_NUMBERS).execute(conn).await.map(|_| ()))?;
    Ok(())
}
