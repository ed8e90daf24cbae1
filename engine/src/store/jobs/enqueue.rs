//! Putting jobs into the table, in the caller's transaction: state, event and job are one commit.

use std::collections::HashSet;

use super::model::NewJob;
use crate::clock::{Instant, micros};
use crate::id::JobId;
use crate::store::bulk::{bulk, bulk_row};
use crate::store::db::{Sql, Tx, on_db};
use crate::store::error::StoreError;

bulk_row! {
    pub struct NewRow {
        id: String,
        kind: &'static str,
        payload: String,
        dedup_key: Option<String>,
        priority: i64,
        run_at: i64,
        max_attempts: i64,
    }
}

// A second wake-up is one wake-up. It brings a waiting job forward if it wants it sooner, but never shortens a back-off.
static ENQUEUE: Sql = Sql::new(
    "INSERT INTO jobs (id, kind, payload, dedup_key, state, priority, run_at, fence, attempts, max_attempts, deaths, created_at)
     SELECT e.value->>0, e.value->>1, e.value->>2, e.value->>3, 'pending', CAST(e.value->>4 AS BIGINT),
            CAST(e.value->>5 AS BIGINT), 0, 0, CAST(e.value->>6 AS BIGINT), 0, $2
     FROM {each} WHERE true
     ON CONFLICT (kind, dedup_key) WHERE state = 'pending' AND dedup_key IS NOT NULL
     DO UPDATE SET run_at = excluded.run_at
     WHERE jobs.attempts = 0 AND jobs.deaths = 0 AND excluded.run_at < jobs.run_at
     RETURNING id",
);

/// Enqueues `jobs` and answers with the ids that became rows: the others met a pending job with their key.
/// After the commit the caller may hint the workers; without a hint they find the jobs at their next poll.
pub async fn enqueue(tx: &mut Tx, jobs: &[NewJob], now: Instant) -> Result<Vec<JobId>, StoreError> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    // PostgreSQL refuses to touch one row twice in a statement, so duplicates within the call are dropped here.
    let mut sooner: Vec<&NewJob> = jobs.iter().collect();
    sooner.sort_by_key(|job| job.run_at);
    let mut seen = HashSet::new();
    sooner.retain(|job| job.dedup_key.as_ref().is_none_or(|key| seen.insert((job.kind, key))));
    let rows: Vec<NewRow> = sooner.iter().map(|job| row(job)).collect();

    let sql = ENQUEUE.on(tx.dialect());
    let bulk = bulk(&rows)?;
    let found: Vec<(String,)> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(bulk).bind(micros(now)).fetch_all(conn).await)?;
    let touched: HashSet<String> = found.into_iter().map(|(id,)| id).collect();
    // A job brought forward answers with its own id, which is none of ours.
    Ok(jobs.iter().map(|job| job.id).filter(|id| touched.contains(&id.to_string())).collect())
}

fn row(job: &NewJob) -> NewRow {
    NewRow {
        id: job.id.to_string(),
        kind: job.kind,
        payload: job.payload.clone(),
        dedup_key: job.dedup_key.clone(),
        priority: job.priority.rank(),
        run_at: micros(job.run_at),
        max_attempts: i64::from(job.max_attempts.max(1)),
    }
}
