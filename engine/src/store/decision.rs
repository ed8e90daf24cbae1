//! Kept decisions: every claim, and every change of a lead's verdict or reason.

use sqlx_macros::FromRow;

use super::bulk::bulk_row;
use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use crate::clock::{Instant, instant_from_micros};
use crate::id::LeadId;

bulk_row! {
    /// A decision to keep, as a row.
    pub struct NewRow {
        id: String,
        lead_id: String,
        enrollment_id: Option<String>,
        attempt_id: Option<String>,
        step: Option<String>,
        at: i64,
        verdict: &'static str,
        gate: Option<&'static str>,
        reason: &'static str,
        until: Option<i64>,
        reports: String,
    }
}

/// A kept decision read back.
#[derive(Debug, Clone, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    pub at: Instant,
    pub enrollment_id: Option<String>,
    pub attempt_id: Option<String>,
    pub step: Option<String>,
    pub verdict: String,
    pub gate: Option<String>,
    pub reason: String,
    pub until: Option<Instant>,
    /// `passed`: names of the gates that were content; `reports`: the others in full; `rules` and `profile`: version and reading
    /// of the calling rules.
    pub reports: serde_json::Value,
    /// Version of the zone database it was made with.
    pub tzdb: String,
}

#[derive(FromRow)]
struct KeptRow {
    id: String,
    at: i64,
    enrollment_id: Option<String>,
    attempt_id: Option<String>,
    step: Option<String>,
    verdict: String,
    gate: Option<String>,
    reason: String,
    until: Option<i64>,
    reports: String,
    tzdb: String,
}

static INSERT: Sql = Sql::new(
    "INSERT INTO decisions (id, lead_id, enrollment_id, attempt_id, step, at, verdict, gate, reason, until, reports, tzdb)
     SELECT e.value->>0, e.value->>1, e.value->>2, e.value->>3, e.value->>4, CAST(e.value->>5 AS BIGINT), e.value->>6,
            e.value->>7, e.value->>8, CAST(e.value->>9 AS BIGINT), e.value->>10, $2
     FROM {each} WHERE true",
);

static LATEST: &str =
    "SELECT id, at, enrollment_id, attempt_id, step, verdict, gate, reason, until, reports, tzdb
     FROM decisions WHERE lead_id = $1 ORDER BY at DESC, id DESC LIMIT $2";

/// Keeps decisions made with the given zone database version.
pub async fn insert_many(tx: &mut Tx, rows: &[NewRow], tzdb: &str) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = INSERT.on(tx.dialect());
    let bulk = super::bulk(rows)?;
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).bind(tzdb.to_owned()).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// The latest decisions about a lead, newest first.
pub async fn latest(tx: &mut Tx, lead: LeadId, limit: u32) -> Result<Vec<Kept>, StoreError> {
    let rows: Vec<KeptRow> = on_db!(tx, |conn| sqlx::query_as(LATEST)
        .bind(lead.to_string())
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await)?;
    rows.into_iter()
        .map(|row| {
            let bad = |column, problem: &dyn std::fmt::Display| {
                StoreError::bad_row("decisions", column, &row.id, problem)
            };
            Ok(Kept {
                at: instant_from_micros(row.at),
                until: row.until.map(instant_from_micros),
                reports: serde_json::from_str(&row.reports).map_err(|e| bad("reports", &e))?,
                enrollment_id: row.enrollment_id,
                attempt_id: row.attempt_id,
                step: row.step,
                verdict: row.verdict,
                gate: row.gate,
                reason: row.reason,
                tzdb: row.tzdb,
            })
        })
        .collect()
}
