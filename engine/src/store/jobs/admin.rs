//! People's view of the queue: look, cancel, retry, discard, forget; and what monitoring reads.

use super::claim::parse_id;
use super::model::JobState;
use crate::clock::{Instant, instant_from_micros, micros};
use crate::domain::priority::Priority;
use crate::id::JobId;
use crate::store::db::{Sql, Tx, on_db};
use crate::store::error::StoreError;

/// A job as people see it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct JobView {
    pub id: JobId,
    pub kind: String,
    pub payload: String,
    pub dedup_key: Option<String>,
    pub state: JobState,
    pub priority: Priority,
    pub run_at: Instant,
    pub attempts: u32,
    pub max_attempts: u32,
    pub deaths: u32,
    pub last_error: Option<String>,
    pub created_at: Instant,
    pub finished_at: Option<Instant>,
}

/// How one kind of work stands.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Depth {
    pub kind: String,
    /// Pending and due by now.
    pub due: u64,
    /// Pending for later: backing off or snoozed.
    pub waiting: u64,
    pub running: u64,
    /// Dead or quarantined.
    pub failed: u64,
    /// Of these, set aside because their workers died.
    pub quarantined: u64,
    /// Since when the longest-waiting due job is due: the lag is `now` minus this.
    pub oldest_due_at: Option<Instant>,
}

#[derive(sqlx_macros::FromRow)]
struct JobRow {
    id: String,
    kind: String,
    payload: String,
    dedup_key: Option<String>,
    state: String,
    priority: i64,
    run_at: i64,
    attempts: i64,
    max_attempts: i64,
    deaths: i64,
    last_error: Option<String>,
    created_at: i64,
    finished_at: Option<i64>,
}

macro_rules! jobs {
    ($rest:literal) => {
        concat!(
            "SELECT id, kind, payload, dedup_key, state, priority, run_at, attempts, max_attempts, deaths, last_error,
                    created_at, finished_at FROM jobs ",
            $rest
        )
    };
}

const FIND: &str = jobs!("WHERE id = $1");
// The state is spelled out so that the partial index serves; ids sort by time of creation.
const FAILED: &str = jobs!(
    "WHERE state IN ('dead', 'quarantined') AND ($1 = '' OR kind = $1) AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3"
);
// One text per partial index: the state that an index names must stand in the statement.
const PAGE_FAILED: &str = jobs!(
    "WHERE state IN ('dead', 'quarantined') AND ($1 = '' OR kind = $1) AND ($2 = '' OR id < $2) AND state = $3
     ORDER BY id DESC LIMIT $4"
);
const PAGE_PENDING: &str = jobs!(
    "WHERE state = 'pending' AND ($1 = '' OR kind = $1) AND ($2 = '' OR id < $2) AND state = $3 ORDER BY id DESC LIMIT $4"
);
const PAGE_RUNNING: &str = jobs!(
    "WHERE lease_until IS NOT NULL AND ($1 = '' OR kind = $1) AND ($2 = '' OR id < $2) AND state = $3 ORDER BY id DESC LIMIT $4"
);
const PAGE: &str = jobs!(
    "WHERE ($1 = '' OR kind = $1) AND ($2 = '' OR id < $2) AND ($3 = '' OR state = $3) ORDER BY id DESC LIMIT $4"
);
const FAILED_IDS: &str =
    "SELECT id FROM jobs WHERE state IN ('dead', 'quarantined') AND ($1 = '' OR kind = $1) AND id > $2
     ORDER BY id LIMIT $3";
static FAILED_ABOUT: Sql = Sql::new(
    "SELECT DISTINCT f.id, f.kind, f.payload, f.dedup_key, f.state, f.priority, f.run_at, f.attempts, f.max_attempts, f.deaths,
            f.last_error, f.created_at, f.finished_at
     FROM (SELECT id, kind, payload, dedup_key, state, priority, run_at, attempts, max_attempts, deaths, last_error, created_at,
                  finished_at FROM jobs WHERE state IN ('dead', 'quarantined') ORDER BY id DESC LIMIT 1000) AS f
     JOIN {each} ON f.payload LIKE '%' || (e.value->>0) || '%' ORDER BY f.id DESC LIMIT $2",
);
static RETRY_MANY: Sql = Sql::new(
    "WITH picked AS MATERIALIZED (
         SELECT j.id, row_number() OVER (PARTITION BY j.kind, coalesce(j.dedup_key, j.id) ORDER BY j.id DESC) AS nth
         FROM {each} JOIN jobs j ON j.id = e.value->>0 AND j.state IN ('dead', 'quarantined'))
     UPDATE jobs SET state = 'pending', run_at = $2, attempts = 0, deaths = 0, finished_at = NULL
     WHERE id IN (SELECT id FROM picked WHERE nth = 1) AND state IN ('dead', 'quarantined') AND NOT EXISTS (
         SELECT 1 FROM jobs p WHERE p.kind = jobs.kind AND p.dedup_key = jobs.dedup_key AND p.state = 'pending')",
);
static DISCARD_MANY: Sql = Sql::new(
    "UPDATE jobs SET state = 'cancelled', finished_at = $2
     FROM {each} WHERE jobs.id = e.value->>0 AND jobs.state IN ('dead', 'quarantined')",
);
const CANCEL: &str =
    "UPDATE jobs SET state = 'cancelled', finished_at = $2 WHERE id = $1 AND state = 'pending'";
const CANCEL_KEY: &str = "UPDATE jobs SET state = 'cancelled', finished_at = $3
     WHERE kind = $1 AND dedup_key = $2 AND dedup_key IS NOT NULL AND state = 'pending'";
const RETRY: &str = "UPDATE jobs SET state = 'pending', run_at = $2, attempts = 0, deaths = 0, finished_at = NULL
     WHERE id = $1 AND state IN ('dead', 'quarantined') AND NOT EXISTS (
         SELECT 1 FROM jobs p WHERE p.kind = jobs.kind AND p.dedup_key = jobs.dedup_key AND p.state = 'pending')";
const DISCARD: &str = "UPDATE jobs SET state = 'cancelled', finished_at = $2
     WHERE id = $1 AND state IN ('dead', 'quarantined')";
// In one order and past what is locked: two that prune at once must not wait for each other in a circle.
static PRUNE: Sql = Sql::new(
    "WITH old AS MATERIALIZED (
         SELECT id FROM jobs WHERE id < $1 AND state IN ('done', 'cancelled') AND finished_at < $2 ORDER BY id LIMIT $3 {skip})
     DELETE FROM jobs WHERE id IN (SELECT id FROM old)",
);

// Three index ranges, none of which touches finished jobs.
pub(super) static DEPTH: Sql = Sql::new(
    "SELECT d.kind, CAST(sum(d.due) AS BIGINT), CAST(sum(d.waiting) AS BIGINT), CAST(sum(d.running) AS BIGINT),
            CAST(sum(d.failed) AS BIGINT), CAST(sum(d.aside) AS BIGINT), min(d.oldest)
     FROM (
         SELECT kind, sum(CASE WHEN run_at <= $1 THEN 1 ELSE 0 END) AS due, sum(CASE WHEN run_at > $1 THEN 1 ELSE 0 END) AS waiting,
                0 AS running, 0 AS failed, 0 AS aside, min(CASE WHEN run_at <= $1 THEN run_at END) AS oldest
         FROM jobs WHERE state = 'pending' GROUP BY kind
         UNION ALL
         SELECT kind, 0, 0, count(*), 0, 0, NULL FROM jobs WHERE lease_until IS NOT NULL AND state = 'running' GROUP BY kind
         UNION ALL
         SELECT kind, 0, 0, 0, count(*), sum(CASE WHEN state = 'quarantined' THEN 1 ELSE 0 END), NULL FROM jobs WHERE state IN ('dead', 'quarantined') GROUP BY kind) AS d
     GROUP BY d.kind ORDER BY d.kind",
);

pub async fn find(tx: &mut Tx, id: JobId) -> Result<Option<JobView>, StoreError> {
    let row: Option<JobRow> =
        on_db!(tx, |conn| sqlx::query_as(FIND).bind(id.to_string()).fetch_optional(conn).await)?;
    row.map(view).transpose()
}

/// Dead and quarantined jobs, newest first, after the job `before` of the previous page; of one kind or of all.
pub async fn failed(
    tx: &mut Tx,
    kind: Option<&str>,
    before: Option<JobId>,
    limit: u32,
) -> Result<Vec<JobView>, StoreError> {
    let before = before.map(|id| id.to_string()).unwrap_or_default();
    let rows: Vec<JobRow> = on_db!(tx, |conn| sqlx::query_as(FAILED)
        .bind(kind.unwrap_or_default())
        .bind(before)
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await)?;
    rows.into_iter().map(view).collect()
}

/// Which jobs. Everything given must hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JobFilter<'a> {
    pub state: Option<JobState>,
    pub kind: Option<&'a str>,
}

/// Up to `limit` jobs, the newest first, after the job `before` of the previous page. Jobs that are over are found by walking
/// back through all of them: slow only where few match.
pub async fn page(
    tx: &mut Tx,
    filter: JobFilter<'_>,
    before: Option<JobId>,
    limit: u32,
) -> Result<Vec<JobView>, StoreError> {
    let sql = match filter.state {
        Some(JobState::Dead | JobState::Quarantined) => PAGE_FAILED,
        Some(JobState::Pending) => PAGE_PENDING,
        Some(JobState::Running) => PAGE_RUNNING,
        Some(JobState::Done | JobState::Cancelled) | None => PAGE,
    };
    let before = before.map(|id| id.to_string()).unwrap_or_default();
    let rows: Vec<JobRow> = on_db!(tx, |conn| sqlx::query_as(sql)
        .bind(filter.kind.unwrap_or_default())
        .bind(before)
        .bind(filter.state.map(JobState::as_str).unwrap_or_default())
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await)?;
    rows.into_iter().map(view).collect()
}

/// Failed jobs, the newest first, whose payload names one of `ids`; among the latest thousand that failed.
pub async fn failed_about(tx: &mut Tx, ids: &[String], limit: u32) -> Result<Vec<JobView>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let (sql, keys) = (FAILED_ABOUT.on(tx.dialect()), crate::store::keys(ids));
    let rows: Vec<JobRow> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(keys).bind(i64::from(limit)).fetch_all(conn).await)?;
    rows.into_iter().map(view).collect()
}

/// Ids of up to `limit` dead and quarantined jobs behind `after`, the oldest first; of one kind or of all.
pub async fn failed_ids(
    tx: &mut Tx,
    kind: Option<&str>,
    after: Option<JobId>,
    limit: u32,
) -> Result<Vec<JobId>, StoreError> {
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let ids: Vec<String> = on_db!(tx, |conn| sqlx::query_scalar(FAILED_IDS)
        .bind(kind.unwrap_or_default())
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await)?;
    ids.iter().map(|id| parse_id(id)).collect()
}

/// As [`retry`] for many; of those with one key only the newest. Answers how many are due now.
pub async fn retry_many(tx: &mut Tx, ids: &[JobId], now: Instant) -> Result<u64, StoreError> {
    change_many(tx, &RETRY_MANY, ids, now).await
}

/// As [`discard`] for many. Answers how many were given up.
pub async fn discard_many(tx: &mut Tx, ids: &[JobId], now: Instant) -> Result<u64, StoreError> {
    change_many(tx, &DISCARD_MANY, ids, now).await
}

async fn change_many(tx: &mut Tx, sql: &'static Sql, ids: &[JobId], now: Instant) -> Result<u64, StoreError> {
    if ids.is_empty() {
        return Ok(0);
    }
    let (sql, keys) = (sql.on(tx.dialect()), crate::store::keys(ids));
    Ok(on_db!(tx, |conn| sqlx::query(sql)
        .bind(keys)
        .bind(micros(now))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

/// Cancels a pending job. `false`: it is not pending (any more); a running job is not interrupted.
pub async fn cancel(tx: &mut Tx, id: JobId, now: Instant) -> Result<bool, StoreError> {
    change(tx, CANCEL, id, now).await
}

/// Cancels the pending job of a kind with this key, if there is one.
pub async fn cancel_by_key(tx: &mut Tx, kind: &str, key: &str, now: Instant) -> Result<bool, StoreError> {
    let count = on_db!(tx, |conn| sqlx::query(CANCEL_KEY)
        .bind(kind)
        .bind(key)
        .bind(micros(now))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(count == 1)
}

/// Makes a dead or quarantined job due now with all its attempts. `false`: it is neither, or a pending job has its key.
pub async fn retry(tx: &mut Tx, id: JobId, now: Instant) -> Result<bool, StoreError> {
    change(tx, RETRY, id, now).await
}

/// Gives a dead or quarantined job up for good. `false`: it is neither.
pub async fn discard(tx: &mut Tx, id: JobId, now: Instant) -> Result<bool, StoreError> {
    change(tx, DISCARD, id, now).await
}

async fn change(tx: &mut Tx, sql: &'static str, id: JobId, now: Instant) -> Result<bool, StoreError> {
    let count = on_db!(tx, |conn| sqlx::query(sql)
        .bind(id.to_string())
        .bind(micros(now))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(count == 1)
}

/// Forgets at most `limit` jobs done or cancelled before `before` and answers how many; repeat while it is `limit`.
/// Dead and quarantined jobs stay until somebody retries or discards them.
pub async fn prune(tx: &mut Tx, before: Instant, limit: u32) -> Result<u64, StoreError> {
    let sql = PRUNE.on(tx.dialect());
    on_db!(tx, |conn| sqlx::query(sql)
        .bind(crate::store::id_before(before))
        .bind(micros(before))
        .bind(i64::from(limit))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))
    .map_err(StoreError::from)
}

type DepthRow = (String, i64, i64, i64, i64, i64, Option<i64>);

/// How every kind with pending, running or failed jobs stands.
pub async fn depth(tx: &mut Tx, now: Instant) -> Result<Vec<Depth>, StoreError> {
    let sql = DEPTH.on(tx.dialect());
    let rows: Vec<DepthRow> = on_db!(tx, |conn| sqlx::query_as(sql).bind(micros(now)).fetch_all(conn).await)?;
    let depth = |(kind, due, waiting, running, failed, quarantined, oldest): DepthRow| Depth {
        kind,
        due: due as u64,
        waiting: waiting as u64,
        running: running as u64,
        failed: failed as u64,
        quarantined: quarantined as u64,
        oldest_due_at: oldest.map(instant_from_micros),
    };
    Ok(rows.into_iter().map(depth).collect())
}

fn view(row: JobRow) -> Result<JobView, StoreError> {
    let state = row.state.parse().map_err(|e| StoreError::bad_row("jobs", "state", &row.id, e))?;
    Ok(JobView {
        id: parse_id(&row.id)?,
        kind: row.kind,
        payload: row.payload,
        dedup_key: row.dedup_key,
        state,
        priority: Priority::from_rank(row.priority),
        run_at: instant_from_micros(row.run_at),
        attempts: row.attempts as u32,
        max_attempts: row.max_attempts as u32,
        deaths: row.deaths as u32,
        last_error: row.last_error,
        created_at: instant_from_micros(row.created_at),
        finished_at: row.finished_at.map(instant_from_micros),
    })
}
