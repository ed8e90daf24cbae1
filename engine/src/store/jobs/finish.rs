//! Writing how jobs ended: in sets, each guarded by fence and state, so that a stale owner's word changes nothing (I8).

use std::collections::HashSet;

use super::claim::parse_id;
use super::model::{Finish, Outcome, error_text};
use crate::clock::{Instant, micros};
use crate::id::JobId;
use crate::store::bulk::{bulk, bulk_row};
use crate::store::db::{Sql, Tx, on_db};
use crate::store::error::StoreError;

bulk_row! {
    pub struct FinalRow {
        id: String,
        fence: i64,
        state: &'static str,
        failures: i64,
        deaths: i64,
        error: Option<String>,
    }
}

bulk_row! {
    pub struct ReturnRow {
        id: String,
        fence: i64,
        run_at: Option<i64>,
        failures: i64,
        deaths: Option<i64>,
        error: Option<String>,
    }
}

pub(super) static FINAL: Sql = Sql::new(
    "UPDATE jobs SET state = e.value->>2, attempts = jobs.attempts + CAST(e.value->>3 AS BIGINT),
            deaths = CAST(e.value->>4 AS BIGINT), last_error = coalesce(e.value->>5, jobs.last_error),
            finished_at = $2, owner = NULL, lease_until = NULL
     FROM {each}
     WHERE jobs.id = e.value->>0 AND jobs.fence = CAST(e.value->>1 AS BIGINT) AND jobs.state = 'running'
     RETURNING jobs.id",
);

// Of those that return with one key, and of those that meet a pending job with theirs, only one may stay pending.
pub(super) static RETURN: Sql = Sql::new(
    "WITH o AS MATERIALIZED (
         SELECT j.id, j.kind, j.dedup_key, j.fence, CAST(e.value->>2 AS BIGINT) AS run_at,
                CAST(e.value->>3 AS BIGINT) AS failures, CAST(e.value->>4 AS BIGINT) AS deaths, e.value->>5 AS error,
                row_number() OVER (PARTITION BY j.kind, coalesce(j.dedup_key, j.id) ORDER BY j.id) AS nth
         FROM {each} JOIN jobs j ON j.id = e.value->>0 AND j.fence = CAST(e.value->>1 AS BIGINT) AND j.state = 'running'),
     r AS MATERIALIZED (
         SELECT o.*, CASE WHEN o.dedup_key IS NOT NULL AND (o.nth > 1 OR EXISTS (
                    SELECT 1 FROM jobs p WHERE p.kind = o.kind AND p.dedup_key = o.dedup_key AND p.dedup_key IS NOT NULL
                    AND p.state = 'pending')) THEN 'cancelled' ELSE 'pending' END AS state FROM o)
     UPDATE jobs SET state = r.state, run_at = coalesce(r.run_at, jobs.run_at), attempts = jobs.attempts + r.failures,
            deaths = coalesce(r.deaths, jobs.deaths),
            last_error = CASE WHEN r.state = 'cancelled' THEN 'superseded by a newer job with the same key'
                         ELSE coalesce(r.error, jobs.last_error) END,
            finished_at = CASE WHEN r.state = 'cancelled' THEN CAST($2 AS BIGINT) END, owner = NULL, lease_until = NULL
     FROM r WHERE jobs.id = r.id AND jobs.fence = r.fence AND jobs.state = 'running'
     RETURNING jobs.id",
);

/// What became of a set of outcomes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    pub applied: usize,
    /// Refused: the job had been taken away from this owner.
    pub fenced: Vec<JobId>,
}

/// Writes outcomes of claimed jobs. Whatever the owner no longer holds is left alone and reported as fenced.
pub async fn finish_many(tx: &mut Tx, finishes: &[Finish], now: Instant) -> Result<Written, StoreError> {
    let (finals, returns): (Vec<Finish>, Vec<Finish>) = finishes
        .iter()
        .cloned()
        .partition(|finish| matches!(finish.outcome, Outcome::Done | Outcome::Dead { .. }));
    let mut applied: HashSet<JobId> = HashSet::with_capacity(finishes.len());
    if !finals.is_empty() {
        let rows: Vec<FinalRow> = finals.iter().map(final_row).collect();
        applied.extend(write_final(tx, &rows, now).await?);
    }
    applied.extend(write_returning(tx, &returns, now).await?);
    let fenced = finishes.iter().map(|finish| finish.id).filter(|id| !applied.contains(id)).collect();
    Ok(Written { applied: applied.len(), fenced })
}

fn final_row(finish: &Finish) -> FinalRow {
    let (state, failures, error) = match &finish.outcome {
        Outcome::Dead { error } => ("dead", 1, Some(error_text(error))),
        _ => ("done", 0, None),
    };
    FinalRow { id: finish.id.to_string(), fence: finish.fence, state, failures, deaths: 0, error }
}

pub(super) async fn write_final(
    tx: &mut Tx,
    rows: &[FinalRow],
    now: Instant,
) -> Result<Vec<JobId>, StoreError> {
    write(tx, &FINAL, bulk(rows)?, now).await
}

pub(super) async fn write_returning(
    tx: &mut Tx,
    finishes: &[Finish],
    now: Instant,
) -> Result<Vec<JobId>, StoreError> {
    let rows: Vec<ReturnRow> = finishes.iter().map(|finish| return_row(finish, now)).collect();
    write_return_rows(tx, &rows, now).await
}

fn return_row(finish: &Finish, now: Instant) -> ReturnRow {
    // An answer, whatever it says, shows that the job does not kill its worker.
    let (run_at, failures, deaths, error) = match &finish.outcome {
        Outcome::Retry { after, error } => (Some(micros(now + *after)), 1, Some(0), Some(error_text(error))),
        Outcome::Snooze { until } => (Some(micros(*until)), 0, Some(0), None),
        Outcome::Done | Outcome::Dead { .. } | Outcome::HandedBack => (None, 0, None, None),
    };
    ReturnRow { id: finish.id.to_string(), fence: finish.fence, run_at, failures, deaths, error }
}

pub(super) async fn write_return_rows(
    tx: &mut Tx,
    rows: &[ReturnRow],
    now: Instant,
) -> Result<Vec<JobId>, StoreError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    write(tx, &RETURN, bulk(rows)?, now).await
}

async fn write(tx: &mut Tx, sql: &Sql, rows: String, now: Instant) -> Result<Vec<JobId>, StoreError> {
    let sql = sql.on(tx.dialect());
    let found: Vec<(String,)> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(rows).bind(micros(now)).fetch_all(conn).await)?;
    found.into_iter().map(|(id,)| parse_id(&id)).collect()
}
