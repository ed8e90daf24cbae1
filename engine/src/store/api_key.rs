//! API keys: `cw_PREFIX.SECRET`. Only the digest of the secret is stored; the whole key is shown once, at creation.
//!
//! A plain SHA-256 is enough: the secret is 256 random bits, which no dictionary holds, and every request checks one.

use sha2::{Digest, Sha256};
use sqlx_macros::FromRow;
use subtle::ConstantTimeEq;

use super::db::{Tx, on_db};
use super::error::StoreError;
use crate::clock::{Instant, instant_from_micros, micros};
use crate::domain::user::{ApiKey, Role};
use crate::id::ApiKeyId;

/// Bytes from the operating system's random source: eight for the public prefix, the rest is the secret.
pub const KEY_BYTES: usize = PREFIX_BYTES + 32;

const PREFIX_BYTES: usize = 8;
/// Starts every key, so that scanners find keys that leak into code.
const MARK: &str = "cw_";
/// How often a key's last use is written at most: reads must not all become writes.
const TOUCH_EVERY: chrono::TimeDelta = chrono::TimeDelta::minutes(1);

/// What is asked of a new key.
#[derive(Debug, Clone, Copy)]
pub struct NewKey<'a> {
    pub id: ApiKeyId,
    /// For people: who uses it.
    pub name: &'a str,
    pub role: Role,
}

#[derive(Debug, FromRow)]
struct KeyRow {
    id: String,
    name: String,
    prefix: String,
    digest: String,
    role: String,
    created_at: i64,
    last_used_at: Option<i64>,
    revoked_at: Option<i64>,
}

const CREATE: &str =
    "INSERT INTO api_keys (id, name, prefix, digest, role, created_at) VALUES ($1, $2, $3, $4, $5, $6)";
const BY_PREFIX: &str =
    "SELECT id, name, prefix, digest, role, created_at, last_used_at, revoked_at FROM api_keys
     WHERE prefix = $1";
const LIST: &str = "SELECT id, name, prefix, digest, role, created_at, last_used_at, revoked_at FROM api_keys
     ORDER BY created_at, id";
const REVOKE: &str = "UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
const TOUCH: &str = "UPDATE api_keys SET last_used_at = $2 WHERE id = $1";

/// Makes a key of `random` and answers it with the text to hand out, which cannot be had again.
pub async fn create(
    tx: &mut Tx,
    new: NewKey<'_>,
    random: &[u8; KEY_BYTES],
    now: Instant,
) -> Result<(ApiKey, String), StoreError> {
    let (prefix, secret) = random.split_at(PREFIX_BYTES);
    let (prefix, secret) = (hex::encode(prefix), hex::encode(secret));
    on_db!(tx, |conn| sqlx::query(CREATE)
        .bind(new.id.to_string())
        .bind(new.name)
        .bind(&prefix)
        .bind(digest(&secret))
        .bind(new.role.as_str())
        .bind(micros(now))
        .execute(conn)
        .await
        .map(|_| ()))?;
    let text = format!("{MARK}{prefix}.{secret}");
    let key = ApiKey {
        id: new.id,
        name: new.name.to_owned(),
        prefix,
        role: new.role,
        created_at: now,
        last_used_at: None,
        revoked_at: None,
    };
    Ok((key, text))
}

/// The key that `presented` is, unless it is revoked. How long it takes does not tell how much of a secret is right.
pub async fn verify(tx: &mut Tx, presented: &str) -> Result<Option<ApiKey>, StoreError> {
    let Some((prefix, secret)) = presented.strip_prefix(MARK).and_then(|rest| rest.split_once('.')) else {
        return Ok(None);
    };
    let row: Option<KeyRow> =
        on_db!(tx, |conn| sqlx::query_as(BY_PREFIX).bind(prefix).fetch_optional(conn).await)?;
    let given = digest(secret);
    let Some(row) = row else { return Ok(None) };
    let is_right = bool::from(given.as_bytes().ct_eq(row.digest.as_bytes()));
    if is_right && row.revoked_at.is_none() { ApiKey::try_from(row).map(Some) } else { Ok(None) }
}

/// Notes that a key was used, unless that was noted within the last minute.
pub async fn touch(tx: &mut Tx, key: &ApiKey, now: Instant) -> Result<(), StoreError> {
    if is_fresh(key, now) {
        return Ok(());
    }
    on_db!(tx, |conn| sqlx::query(TOUCH)
        .bind(key.id.to_string())
        .bind(micros(now))
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Was this key's use noted so lately that [`touch`] would write nothing? Saves callers a transaction.
pub fn is_fresh(key: &ApiKey, now: Instant) -> bool {
    key.last_used_at.is_some_and(|used| now - used < TOUCH_EVERY)
}

/// Ends a key; answers whether it was in force.
pub async fn revoke(tx: &mut Tx, id: ApiKeyId, now: Instant) -> Result<bool, StoreError> {
    let done = on_db!(tx, |conn| sqlx::query(REVOKE)
        .bind(id.to_string())
        .bind(micros(now))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(done > 0)
}

/// Every key, revoked ones included, oldest first.
pub async fn list(tx: &mut Tx) -> Result<Vec<ApiKey>, StoreError> {
    let rows: Vec<KeyRow> = on_db!(tx, |conn| sqlx::query_as(LIST).fetch_all(conn).await)?;
    rows.into_iter().map(ApiKey::try_from).collect()
}

fn digest(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

impl TryFrom<KeyRow> for ApiKey {
    type Error = StoreError;

    fn try_from(row: KeyRow) -> Result<Self, StoreError> {
        let bad = |column, problem: &dyn std::fmt::Display| {
            StoreError::bad_row("api_keys", column, &row.id, problem)
        };
        Ok(Self {
            id: row.id.parse().map_err(|e| bad("id", &e))?,
            role: row.role.parse().map_err(|e| bad("role", &e))?,
            created_at: instant_from_micros(row.created_at),
            last_used_at: row.last_used_at.map(instant_from_micros),
            revoked_at: row.revoked_at.map(instant_from_micros),
            name: row.name,
            prefix: row.prefix,
        })
    }
}
