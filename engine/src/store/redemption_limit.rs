//! How much of their allowance of failed redemptions clients have used, whatever process they came to. The arithmetic is
//! [`crate::domain::coupon::allowance`]; a client is stored as a digest, because shops name their customers by it.

use sha2::{Digest, Sha256};

use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use crate::clock::{Instant, instant_from_micros, micros};

// Writes nothing new, but makes the row if there is none and holds it: two guesses of one client are looked at one after the other.
static LOCK: Sql = Sql::new(
    "INSERT INTO redemption_limits (client, used_until) SELECT e.value->>0, CAST($2 AS BIGINT) FROM {each} WHERE true
     ON CONFLICT (client) DO UPDATE SET client = excluded.client RETURNING client, used_until",
);
static SAVE: Sql = Sql::new(
    "UPDATE redemption_limits SET used_until = CAST(e.value->>1 AS BIGINT) FROM {each} WHERE redemption_limits.client = e.value->>0",
);
const SWEEP: &str = "DELETE FROM redemption_limits WHERE client IN (
         SELECT client FROM redemption_limits WHERE used_until < $1 ORDER BY used_until LIMIT $2)";

/// How a client is stored.
pub fn digest(client: &str) -> String {
    hex::encode(&Sha256::digest(client.as_bytes())[..16])
}

/// Until when each of these clients has used its allowance, in order; nobody else learns it until the transaction ends.
/// The order must be the same in all transactions: the larger circle first.
pub async fn lock(tx: &mut Tx, clients: &[String], now: Instant) -> Result<Vec<Instant>, StoreError> {
    let (sql, keys) = (LOCK.on(tx.dialect()), super::keys(clients));
    let rows: Vec<(String, i64)> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(keys).bind(micros(now)).fetch_all(conn).await)?;
    let used = |client: &String| rows.iter().find(|(known, _)| known == client).map(|(_, used)| *used);
    Ok(clients.iter().map(|client| used(client).map_or(now, instant_from_micros)).collect())
}

/// Writes until when allowances are used; the rows are locked.
pub async fn save(tx: &mut Tx, used: &[(String, Instant)]) -> Result<(), StoreError> {
    let rows: Vec<(&str, i64)> =
        used.iter().map(|(client, until)| (client.as_str(), micros(*until))).collect();
    let (sql, bulk) = (SAVE.on(tx.dialect()), super::bulk(&rows)?);
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Forgets up to `limit` clients whose allowance is whole again.
pub async fn sweep(tx: &mut Tx, now: Instant, limit: u32) -> Result<u64, StoreError> {
    Ok(on_db!(tx, |conn| sqlx::query(SWEEP)
        .bind(micros(now))
        .bind(i64::from(limit))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}
