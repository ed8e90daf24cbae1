//! Counts over a whole database, for demos, simulations and reports.

use std::collections::BTreeMap;

use serde::Serialize;

use super::db::{Tx, on_db};
use super::error::StoreError;

/// What happened, by our own tables.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    pub leads: u64,
    pub enrolled: u64,
    /// Calls that a provider accepted.
    pub attempts: u64,
    pub answered: u64,
    pub no_answer: u64,
    pub busy: u64,
    pub voicemail: u64,
    pub failed: u64,
    pub opted_out: u64,
    /// Enrollments that ended so, or in one of whose calls somebody agreed.
    pub converted: u64,
    pub events: u64,
    pub talk_seconds: u64,
    /// Kept decisions by reason.
    pub refused: BTreeMap<String, u64>,
    pub deferred: BTreeMap<String, u64>,
    /// Enrollments that have not ended, by state.
    pub open: BTreeMap<String, u64>,
}

const TOTALS: &str = "SELECT
     (SELECT count(*) FROM leads), (SELECT count(*) FROM enrollments), (SELECT count(*) FROM calls), (SELECT count(*) FROM events),
     (SELECT CAST(coalesce(sum(talk_s), 0) AS BIGINT) FROM calls), (SELECT count(*) FROM leads WHERE status = 'opted_out'),
     (SELECT count(*) FROM enrollments e WHERE e.result = 'converted'
        OR EXISTS (SELECT 1 FROM attempts a WHERE a.enrollment_id = e.id AND a.outcome = 'converted'))";
const OUTCOMES: &str = "SELECT outcome, count(*) FROM calls WHERE outcome IS NOT NULL GROUP BY outcome";
const DECISIONS: &str =
    "SELECT verdict, reason, count(*) FROM decisions WHERE verdict <> 'proceed' GROUP BY verdict, reason";
const OPEN: &str = "SELECT state, count(*) FROM enrollments WHERE state <> 'ended' GROUP BY state";

/// Counts everything. Scans whole tables: for reports, not for the dial path.
pub async fn read(tx: &mut Tx) -> Result<Summary, StoreError> {
    let (leads, enrolled, attempts, events, talk, opted_out, converted): (i64, i64, i64, i64, i64, i64, i64) =
        on_db!(tx, |conn| sqlx::query_as(TOTALS).fetch_one(conn).await)?;
    let outcomes: Vec<(String, i64)> = on_db!(tx, |conn| sqlx::query_as(OUTCOMES).fetch_all(conn).await)?;
    let decisions: Vec<(String, String, i64)> =
        on_db!(tx, |conn| sqlx::query_as(DECISIONS).fetch_all(conn).await)?;
    let open: Vec<(String, i64)> = on_db!(tx, |conn| sqlx::query_as(OPEN).fetch_all(conn).await)?;
    let mut summary = Summary {
        leads: leads as u64,
        enrolled: enrolled as u64,
        attempts: attempts as u64,
        events: events as u64,
        talk_seconds: talk as u64,
        opted_out: opted_out as u64,
        converted: converted as u64,
        open: open.into_iter().map(|(state, count)| (state, count as u64)).collect(),
        ..Summary::default()
    };
    for (outcome, count) in outcomes {
        let slot = match outcome.as_str() {
            "no_answer" => &mut summary.no_answer,
            "busy" => &mut summary.busy,
            "voicemail" => &mut summary.voicemail,
            "failed" => &mut summary.failed,
            // Everything else is a person who picked up.
            _ => &mut summary.answered,
        };
        *slot += count as u64;
    }
    for (verdict, reason, count) in decisions {
        let slot = if verdict == "stop" { &mut summary.refused } else { &mut summary.deferred };
        slot.insert(reason, count as u64);
    }
    Ok(summary)
}
