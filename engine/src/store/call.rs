//! Calls as providers report them, and the facts they are made of. Facts are stored once; the state follows from the set.

use serde::Deserialize;

use super::bulk::bulk_row;
use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use super::packed::{self, packed};
use crate::clock::{Instant, instant_from_micros, micros};
use crate::domain::call::{Fact, StoredFact};
use crate::id::AttemptId;

bulk_row! {
    /// A call that a provider accepted, as a row.
    pub struct NewRow {
        id: String,
        attempt_id: String,
        lead_id: String,
        campaign_id: String,
        provider: String,
        provider_call_id: String,
        placed_at: i64,
        flow: String,
        version: String,
    }
}

bulk_row! {
    /// The state of a call after more facts, as a row.
    pub struct Change {
        attempt_id: String,
        status: &'static str,
        answered_at: Option<i64>,
        ended_at: Option<i64>,
        talk_s: i64,
        answered_by: Option<&'static str>,
        outcome: Option<&'static str>,
        disposition: Option<String>,
        recorded: i64,
        conversation: Option<String>,
    }
}

bulk_row! {
    /// A fact as a row.
    pub struct FactRow {
        attempt_id: String,
        key: String,
        at: i64,
        fact: String,
    }
}

static INSERT: Sql = Sql::new(
    "INSERT INTO calls (id, attempt_id, lead_id, campaign_id, direction, provider, provider_call_id, status, placed_at, talk_s, flow,
                        version, recorded)
     SELECT e.value->>0, e.value->>1, e.value->>2, e.value->>3, 'outbound', e.value->>4, e.value->>5, 'initiated',
            CAST(e.value->>6 AS BIGINT), 0, e.value->>7, e.value->>8, 0
     FROM {each} WHERE true ON CONFLICT (attempt_id) WHERE attempt_id IS NOT NULL DO NOTHING",
);

static CHANGE: Sql = Sql::new(
    "UPDATE calls SET status = e.value->>1, answered_at = CAST(e.value->>2 AS BIGINT), ended_at = CAST(e.value->>3 AS BIGINT),
            talk_s = CAST(e.value->>4 AS BIGINT), answered_by = e.value->>5, outcome = e.value->>6, disposition = e.value->>7,
            recorded = CAST(e.value->>8 AS BIGINT), conversation = coalesce(e.value->>9, conversation)
     FROM {each} WHERE calls.attempt_id = e.value->>0",
);

static ADD_FACTS: Sql = Sql::new(
    "INSERT INTO callbacks (attempt_id, key, at, received_at, fact)
     SELECT e.value->>0, e.value->>1, CAST(e.value->>2 AS BIGINT), CAST($2 AS BIGINT), e.value->>3
     FROM {each} WHERE true ON CONFLICT (attempt_id, key) DO NOTHING RETURNING attempt_id",
);

static FACTS: Sql = Sql::new(packed!(
    "c.attempt_id, c.at, c.fact",
    "FROM {each} JOIN callbacks c ON c.attempt_id = e.value->>0"
));

const BY_PROVIDER: &str = "SELECT attempt_id FROM calls WHERE provider = $1 AND provider_call_id = $2";
static SESSION: &str = "SELECT session FROM calls WHERE attempt_id = $1";
static SAVE_SESSION: &str = "UPDATE calls SET session = $2 WHERE attempt_id = $1";

pub async fn insert_many(tx: &mut Tx, rows: &[NewRow]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = INSERT.on(tx.dialect());
    let bulk = super::bulk(rows)?;
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// The attempt whose call a provider knows by this id.
pub async fn by_provider_call(
    tx: &mut Tx,
    provider: &str,
    provider_call_id: &str,
) -> Result<Option<AttemptId>, StoreError> {
    let found: Option<Option<String>> = on_db!(tx, |conn| sqlx::query_scalar(BY_PROVIDER)
        .bind(provider)
        .bind(provider_call_id)
        .fetch_optional(conn)
        .await)?;
    let parse = |id: String| id.parse().map_err(|e| StoreError::bad_row("calls", "attempt_id", &id, e));
    found.flatten().map(parse).transpose()
}

pub async fn change_many(tx: &mut Tx, rows: &[Change]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = CHANGE.on(tx.dialect());
    let bulk = super::bulk(rows)?;
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Adds facts, each once per `(attempt, key)`; answers the attempts that learned something new.
pub async fn add_facts(tx: &mut Tx, rows: &[FactRow], now: Instant) -> Result<Vec<AttemptId>, StoreError> {
    let sql = ADD_FACTS.on(tx.dialect());
    let bulk = super::bulk(rows)?;
    let ids: Vec<String> =
        on_db!(tx, |conn| sqlx::query_scalar(sql).bind(bulk).bind(micros(now)).fetch_all(conn).await)?;
    let mut ids: Vec<AttemptId> = ids
        .iter()
        .map(|id| id.parse().map_err(|e| StoreError::bad_row("callbacks", "attempt_id", id, e)))
        .collect::<Result<_, _>>()?;
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

#[derive(Deserialize)]
struct FactOut {
    attempt_id: String,
    at: i64,
    fact: String,
}

/// Every fact known about these attempts.
pub async fn facts(tx: &mut Tx, attempts: &[AttemptId]) -> Result<Vec<(AttemptId, StoredFact)>, StoreError> {
    let sql = FACTS.on(tx.dialect());
    let keys = super::keys(attempts);
    let text: String = on_db!(tx, |conn| sqlx::query_scalar(sql).bind(keys).fetch_one(conn).await)?;
    packed::rows::<FactOut>("callbacks", &text)?
        .into_iter()
        .map(|row| {
            let bad = |column, problem: &dyn std::fmt::Display| {
                StoreError::bad_row("callbacks", column, &row.attempt_id, problem)
            };
            let at = instant_from_micros(row.at);
            let fact: Fact = serde_json::from_str(&row.fact).map_err(|e| bad("fact", &e))?;
            Ok((row.attempt_id.parse().map_err(|e| bad("attempt_id", &e))?, StoredFact { at, fact }))
        })
        .collect()
}

/// The conversation in progress of an attempt's call, as stored JSON.
pub async fn session(tx: &mut Tx, attempt: AttemptId) -> Result<Option<String>, StoreError> {
    let found: Option<Option<String>> =
        on_db!(tx, |conn| sqlx::query_scalar(SESSION).bind(attempt.to_string()).fetch_optional(conn).await)?;
    Ok(found.flatten())
}

pub async fn save_session(tx: &mut Tx, attempt: AttemptId, session: &str) -> Result<(), StoreError> {
    on_db!(tx, |conn| sqlx::query(SAVE_SESSION)
        .bind(attempt.to_string())
        .bind(session.to_owned())
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}
