//! Published versions of cadences, by content hash: what a running enrollment is pinned to (I13).

use std::collections::BTreeMap;

use super::db::{Tx, on_db};
use super::error::StoreError;
use crate::clock::{Instant, instant_from_micros, micros};

/// One version: the sources from which it compiles again, by path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredVersion {
    pub hash: String,
    pub cadence: String,
    pub sources: BTreeMap<String, String>,
    pub published_at: Instant,
}

/// A version without its sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub cadence: String,
    pub hash: String,
    pub published_at: Instant,
    /// Nobody gets it any more since then.
    pub withdrawn_at: Option<Instant>,
}

const PUBLISH: &str = "INSERT INTO definitions (hash, cadence, sources, published_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (hash) DO NOTHING";
const LOAD: &str = "SELECT hash, cadence, sources, published_at FROM definitions WHERE hash = $1";
const HEADS: &str = "SELECT cadence, hash, published_at, withdrawn_at FROM (
         SELECT cadence, hash, published_at, withdrawn_at,
                row_number() OVER (PARTITION BY cadence ORDER BY published_at DESC, hash) AS place
         FROM definitions
     ) AS d WHERE place = 1 ORDER BY cadence";
const VERSIONS: &str = "SELECT cadence, hash, published_at, withdrawn_at FROM definitions WHERE cadence = $1
     ORDER BY published_at DESC, hash";
const WITHDRAWN: &str = "UPDATE definitions SET withdrawn_at = $2 WHERE hash = $1";
const LIKE: &str =
    "SELECT cadence, hash, published_at, withdrawn_at FROM definitions WHERE hash LIKE $1 || '%'
     ORDER BY published_at DESC, hash LIMIT 2";

/// Keeps a version; answers whether it is new. Repeating it changes nothing, not even its time.
pub async fn publish(
    tx: &mut Tx,
    hash: &str,
    cadence: &str,
    sources: &BTreeMap<String, String>,
    now: Instant,
) -> Result<bool, StoreError> {
    let text =
        serde_json::to_string(sources).map_err(|e| StoreError::bad_row("definitions", "sources", hash, e))?;
    let done = on_db!(tx, |conn| sqlx::query(PUBLISH)
        .bind(hash)
        .bind(cadence)
        .bind(text)
        .bind(micros(now))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(done > 0)
}

pub async fn load(tx: &mut Tx, hash: &str) -> Result<Option<StoredVersion>, StoreError> {
    let row: Option<(String, String, String, i64)> =
        on_db!(tx, |conn| sqlx::query_as(LOAD).bind(hash).fetch_optional(conn).await)?;
    row.map(|(hash, cadence, sources, published_at)| {
        let sources = serde_json::from_str(&sources)
            .map_err(|e| StoreError::bad_row("definitions", "sources", &hash, e))?;
        Ok(StoredVersion { hash, cadence, sources, published_at: instant_from_micros(published_at) })
    })
    .transpose()
}

/// The last published version of every cadence, by name.
pub async fn heads(tx: &mut Tx) -> Result<Vec<Head>, StoreError> {
    let rows: Vec<HeadRow> = on_db!(tx, |conn| sqlx::query_as(HEADS).fetch_all(conn).await)?;
    Ok(rows.into_iter().map(Head::from).collect())
}

/// Every version of a cadence, newest first.
pub async fn versions(tx: &mut Tx, cadence: &str) -> Result<Vec<Head>, StoreError> {
    let rows: Vec<HeadRow> = on_db!(tx, |conn| sqlx::query_as(VERSIONS).bind(cadence).fetch_all(conn).await)?;
    Ok(rows.into_iter().map(Head::from).collect())
}

/// Takes a version back (`Some`), or lets it be used again.
pub async fn set_withdrawn(tx: &mut Tx, hash: &str, at: Option<Instant>) -> Result<(), StoreError> {
    on_db!(tx, |conn| sqlx::query(WITHDRAWN)
        .bind(hash)
        .bind(at.map(micros))
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Versions whose hash begins like this, at most two: one is an answer.
pub async fn like(tx: &mut Tx, prefix: &str) -> Result<Vec<Head>, StoreError> {
    let rows: Vec<HeadRow> = on_db!(tx, |conn| sqlx::query_as(LIKE).bind(prefix).fetch_all(conn).await)?;
    Ok(rows.into_iter().map(Head::from).collect())
}

type HeadRow = (String, String, i64, Option<i64>);

impl From<HeadRow> for Head {
    fn from((cadence, hash, published_at, withdrawn_at): HeadRow) -> Self {
        Self {
            cadence,
            hash,
            published_at: instant_from_micros(published_at),
            withdrawn_at: withdrawn_at.map(instant_from_micros),
        }
    }
}
