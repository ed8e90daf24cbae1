//! Numbers of erased people: a keyed hash of each stands against calls in place of its suppressions (GATE-2). The key is made by
//! the database with the first erasure. A handle of a database remembers it, so that the gates can ask for hashes in the one
//! statement in which they ask for everything; the statement answers with the key in force, so that a new one is noticed.

use std::sync::{Arc, RwLock};

use super::bulk::bulk_row;
use super::db::{Dialect, Sql, Tx, on_db};
use super::error::StoreError;
use crate::clock::{Instant, instant_from_micros, micros};
use crate::domain::suppression::Source;
use crate::id::CampaignId;
use crate::journal::Word;
use crate::phone::fingerprint::NumberKey;

/// The key that a handle of a database has seen last. Cheap to clone; clones share it.
#[derive(Debug, Clone, Default)]
pub struct SeenKey(Arc<RwLock<Option<NumberKey>>>);

impl SeenKey {
    pub(super) fn get(&self) -> Option<NumberKey> {
        self.0.read().map_or(None, |key| *key)
    }

    pub(super) fn set(&self, key: Option<NumberKey>) {
        if let Ok(mut seen) = self.0.write() {
            *seen = key;
        }
    }
}

/// What stands against calls to a number, without the number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasedEntry {
    pub hash: String,
    pub source: Source,
    /// Only for this campaign; `None` means everywhere.
    pub campaign_id: Option<CampaignId>,
    pub expires_at: Option<Instant>,
    pub erased_at: Instant,
}

bulk_row! {
    struct Row {
        hash: String,
        source: &'static str,
        campaign_id: String,
        expires_at: Option<i64>,
        erased_at: i64,
    }
}

const KEY: &str = "SELECT digits FROM erasure_key WHERE id = 1";
// The database's own randomness: the engine has none, and two processes that come first together must agree.
const MAKE_KEY_SQLITE: &str =
    "INSERT INTO erasure_key (id, digits, created_at) VALUES (1, lower(hex(randomblob(32))), $1)
     ON CONFLICT (id) DO NOTHING";
const MAKE_KEY_POSTGRES: &str = "INSERT INTO erasure_key (id, digits, created_at)
     VALUES (1, encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex'), $1)
     ON CONFLICT (id) DO NOTHING";
const PUT_KEY: &str =
    "INSERT INTO erasure_key (id, digits, created_at) VALUES (1, $2, $1) ON CONFLICT (id) DO NOTHING";
static ADD: Sql = Sql::new(
    "INSERT INTO erased_numbers (hash, source, campaign_id, expires_at, erased_at)
     SELECT e.value->>0, e.value->>1, e.value->>2, CAST(e.value->>3 AS BIGINT), CAST(e.value->>4 AS BIGINT)
     FROM {each} WHERE true ON CONFLICT (hash, source, campaign_id) DO NOTHING",
);
static OF_HASHES: Sql = Sql::new(
    "SELECT z.hash, z.source, z.campaign_id, z.expires_at, z.erased_at
     FROM {each} JOIN erased_numbers z ON z.hash = e.value->>0 ORDER BY z.hash, z.source, z.campaign_id",
);
static REMOVE: Sql = Sql::new("DELETE FROM erased_numbers WHERE hash IN (SELECT e.value->>0 FROM {each})");

/// The installation's key; `None`: nobody was ever erased here.
pub async fn key(tx: &mut Tx) -> Result<Option<NumberKey>, StoreError> {
    let digits: Option<String> = on_db!(tx, |conn| sqlx::query_scalar(KEY).fetch_optional(conn).await)?;
    digits.as_deref().map(read_key).transpose()
}

pub(super) fn read_key(digits: &str) -> Result<NumberKey, StoreError> {
    digits.parse().map_err(|problem| StoreError::bad_row("erasure_key", "digits", "1", problem))
}

/// The installation's key, made now if there is none.
pub async fn key_or_new(tx: &mut Tx, now: Instant) -> Result<NumberKey, StoreError> {
    let make = match tx.dialect() {
        Dialect::Sqlite => MAKE_KEY_SQLITE,
        Dialect::Postgres => MAKE_KEY_POSTGRES,
    };
    on_db!(tx, |conn| sqlx::query(make).bind(micros(now)).execute(conn).await.map(|_| ()))?;
    key(tx).await?.ok_or_else(|| StoreError::bad_row("erasure_key", "digits", "1", "was not made"))
}

/// Puts a key that was in use before in its place, unless there is one; answers with the one in force.
pub async fn put_key(tx: &mut Tx, digits: NumberKey, now: Instant) -> Result<NumberKey, StoreError> {
    on_db!(tx, |conn| sqlx::query(PUT_KEY)
        .bind(micros(now))
        .bind(digits.digits())
        .execute(conn)
        .await
        .map(|_| ()))?;
    key(tx).await?.ok_or_else(|| StoreError::bad_row("erasure_key", "digits", "1", "was not kept"))
}

/// Adds entries; known ones stay as they are. The caller holds the locks of the numbers, and notes it for the journal.
pub async fn add_many(tx: &mut Tx, entries: &[ErasedEntry]) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    let rows: Vec<Row> = entries
        .iter()
        .map(|entry| Row {
            hash: entry.hash.clone(),
            source: entry.source.as_str(),
            campaign_id: entry.campaign_id.map(|id| id.to_string()).unwrap_or_default(),
            expires_at: entry.expires_at.map(micros),
            erased_at: micros(entry.erased_at),
        })
        .collect();
    let (sql, bulk) = (ADD.on(tx.dialect()), super::bulk(&rows)?);
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// What stands against these E.164 numbers, each with its entry.
pub async fn of_numbers<T: AsRef<str> + Sync>(
    tx: &mut Tx,
    numbers: &[T],
) -> Result<Vec<(String, ErasedEntry)>, StoreError> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let Some(key) = key(tx).await? else { return Ok(Vec::new()) };
    let hashed: Vec<(String, &str)> =
        numbers.iter().map(|number| (key.fingerprint(number.as_ref()), number.as_ref())).collect();
    let hashes: Vec<&str> = hashed.iter().map(|(hash, _)| hash.as_str()).collect();
    let mut found = Vec::new();
    for entry in of_hashes(tx, &hashes).await? {
        let numbers = hashed.iter().filter(|(hash, _)| *hash == entry.hash);
        found.extend(numbers.map(|(_, number)| ((*number).to_owned(), entry.clone())));
    }
    Ok(found)
}

async fn of_hashes(tx: &mut Tx, hashes: &[&str]) -> Result<Vec<ErasedEntry>, StoreError> {
    let (sql, keys) = (OF_HASHES.on(tx.dialect()), super::keys(hashes));
    let rows: Vec<(String, String, String, Option<i64>, i64)> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(keys).fetch_all(conn).await)?;
    rows.into_iter()
        .map(|(hash, source, campaign_id, expires_at, erased_at)| {
            let bad = |column, problem: &dyn std::fmt::Display| {
                StoreError::bad_row("erased_numbers", column, &hash, problem)
            };
            let campaign_id = Some(&campaign_id).filter(|id| !id.is_empty()).map(|id| id.parse()).transpose();
            Ok(ErasedEntry {
                source: source.parse().map_err(|e| bad("source", &e))?,
                campaign_id: campaign_id.map_err(|e| bad("campaign_id", &e))?,
                expires_at: expires_at.map(instant_from_micros),
                erased_at: instant_from_micros(erased_at),
                hash: hash.clone(),
            })
        })
        .collect()
}

/// Lets these numbers be called again as far as erasures go. The caller holds the locks of the numbers.
pub async fn remove(tx: &mut Tx, hashes: &[String]) -> Result<(), StoreError> {
    if hashes.is_empty() {
        return Ok(());
    }
    let (sql, keys) = (REMOVE.on(tx.dialect()), super::keys(hashes));
    on_db!(tx, |conn| sqlx::query(sql).bind(keys).execute(conn).await.map(|_| ()))?;
    tx.noted().note(Word::ErasureLifted { hashes: hashes.to_vec() });
    Ok(())
}
