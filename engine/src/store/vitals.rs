//! How everything stands at one instant, for gauges and the status screen: a fixed number of statements, each within a partial
//! index or bounded by a limit, whatever the tables hold.

use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use crate::clock::{Instant, instant_from_micros, micros};
use crate::domain::attempt::AttemptState;

/// More than this is told as this: the exact length of such a queue is nobody's question.
pub const COUNTED_UP_TO: u32 = 100_000;

/// Attempts between intent and end, in one state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inflight {
    pub state: AttemptState,
    pub count: u64,
    pub oldest_intent_at: Option<Instant>,
}

/// How dialing stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vitals {
    pub inflight: Vec<Inflight>,
    /// Attempts that wait, up to [`COUNTED_UP_TO`].
    pub planned: u64,
    /// The due instant of the longest-waiting planned attempt of an active campaign, if one is due.
    pub oldest_planned_due_at: Option<Instant>,
    /// Enrollments due, up to [`COUNTED_UP_TO`].
    pub due: u64,
    pub oldest_due_at: Option<Instant>,
}

// The list of states stands as in the partial index, word for word: SQLite uses the index only then.
const INFLIGHT: &str = "SELECT a.state, count(*), min(a.intent_at) FROM attempts a
     WHERE a.state IN ('dialing', 'placed', 'unknown') GROUP BY a.state ORDER BY a.state";
const PLANNED: &str =
    "SELECT count(*) FROM (SELECT 1 AS one FROM attempts a WHERE a.state = 'planned' LIMIT $1) AS p";
// One look at the head of each index range.
const OLDEST_PLANNED: &str = "SELECT min(due_at) FROM (
         SELECT (SELECT min(a.due_at) FROM attempts a
                 WHERE a.state = 'planned' AND a.campaign_id = c.id AND a.priority = p.rank) AS due_at
         FROM campaigns c CROSS JOIN (SELECT 0 AS rank UNION ALL SELECT 1 UNION ALL SELECT 2) AS p
         WHERE c.status = 'active') AS heads WHERE due_at <= $1";
const DUE: &str = "SELECT count(*), min(due_at) FROM (
         SELECT due_at FROM enrollments WHERE state = 'waiting' AND due_at <= $1 ORDER BY due_at LIMIT $2) AS d";

/// How dialing stands at `now`.
pub async fn read(tx: &mut Tx, now: Instant) -> Result<Vitals, StoreError> {
    let limit = i64::from(COUNTED_UP_TO);
    let rows: Vec<(String, i64, Option<i64>)> =
        on_db!(tx, |conn| sqlx::query_as(INFLIGHT).fetch_all(conn).await)?;
    let inflight = |(state, count, oldest): (String, i64, Option<i64>)| {
        let state = state.parse().map_err(|e| StoreError::bad_row("attempts", "state", &state, e))?;
        let oldest_intent_at = oldest.map(instant_from_micros);
        Ok(Inflight { state, count: count as u64, oldest_intent_at })
    };
    let planned: i64 = on_db!(tx, |conn| sqlx::query_scalar(PLANNED).bind(limit).fetch_one(conn).await)?;
    let oldest_planned: Option<i64> =
        on_db!(tx, |conn| sqlx::query_scalar(OLDEST_PLANNED).bind(micros(now)).fetch_one(conn).await)?;
    let (due, oldest_due): (i64, Option<i64>) =
        on_db!(tx, |conn| sqlx::query_as(DUE).bind(micros(now)).bind(limit).fetch_one(conn).await)?;
    Ok(Vitals {
        inflight: rows.into_iter().map(inflight).collect::<Result<_, StoreError>>()?,
        planned: planned as u64,
        oldest_planned_due_at: oldest_planned.map(instant_from_micros),
        due: due as u64,
        oldest_due_at: oldest_due.map(instant_from_micros),
    })
}

/// What was achieved since an instant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rates {
    /// Intents to dial.
    pub intents: u64,
    /// Attempts that were dialed since then and are over.
    pub finished: u64,
    /// Jobs made within the hour before and finished since then.
    pub jobs: u64,
}

// Per campaign, which is how the index begins.
const INTENTS: &str = "SELECT count(*), CAST(coalesce(sum(CASE WHEN a.state = 'finished' THEN 1 ELSE 0 END), 0) AS BIGINT)
     FROM campaigns c JOIN attempts a ON a.campaign_id = c.id AND a.intent_at > $1 AND a.intent_at IS NOT NULL";
const JOBS: &str = "SELECT count(*) FROM jobs WHERE id > $1 AND state = 'done' AND finished_at > $2";

/// What happened from `since` on.
pub async fn rates(tx: &mut Tx, since: Instant) -> Result<Rates, StoreError> {
    let (intents, finished): (i64, i64) =
        on_db!(tx, |conn| sqlx::query_as(INTENTS).bind(micros(since)).fetch_one(conn).await)?;
    let made_after = super::id_before(since - chrono::TimeDelta::hours(1));
    let jobs: i64 = on_db!(tx, |conn| sqlx::query_scalar(JOBS)
        .bind(made_after)
        .bind(micros(since))
        .fetch_one(conn)
        .await)?;
    Ok(Rates { intents: intents as u64, finished: finished as u64, jobs: jobs as u64 })
}

const ORPHANS: &str = "SELECT count(*), max(at) FROM events WHERE kind = 'call.orphaned'";

/// Calls of attempts that had been written off, and when the last one was seen. There should be none.
pub async fn orphans(tx: &mut Tx) -> Result<(u64, Option<Instant>), StoreError> {
    let (count, last): (i64, Option<i64>) = on_db!(tx, |conn| sqlx::query_as(ORPHANS).fetch_one(conn).await)?;
    Ok((count as u64, last.map(instant_from_micros)))
}

static UNSOUND: Sql = Sql::new(
    "SELECT id FROM (
         SELECT n.id, n.state, n.due_at, coalesce(n.hold, '') AS hold, coalesce(n.result, '') AS result,
                (SELECT count(*) FROM attempts a WHERE a.enrollment_id = n.id AND a.state = 'planned') AS planned,
                (SELECT count(*) FROM attempts a WHERE a.enrollment_id = n.id AND a.state IN ('dialing', 'placed', 'unknown')) AS live
         FROM enrollments n WHERE n.id > $1 ORDER BY n.id LIMIT $2) AS page
     WHERE NOT CASE state
         WHEN 'waiting' THEN due_at IS NOT NULL AND planned + live = 0
         WHEN 'open' THEN due_at IS NULL AND planned + live = 1
         WHEN 'held' THEN hold <> '' AND planned = 0 AND live <= 1
         WHEN 'ended' THEN result <> '' AND planned = 0 AND live <= 1
         ELSE 1 = 0 END",
);
const PAGE_END: &str =
    "SELECT max(id) FROM (SELECT id FROM enrollments WHERE id > $1 ORDER BY id LIMIT $2) AS page";

/// Checks the `limit` enrollments behind `after` against I4: each has a timer, one open attempt, a named hold or a result.
/// Answers those that have not, and the last id looked at; `None` at the end.
pub async fn unsound(
    tx: &mut Tx,
    after: &str,
    limit: u32,
) -> Result<(Vec<String>, Option<String>), StoreError> {
    let sql = UNSOUND.on(tx.dialect());
    let found: Vec<String> =
        on_db!(tx, |conn| sqlx::query_scalar(sql).bind(after).bind(i64::from(limit)).fetch_all(conn).await)?;
    let last: Option<String> = on_db!(tx, |conn| sqlx::query_scalar(PAGE_END)
        .bind(after)
        .bind(i64::from(limit))
        .fetch_one(conn)
        .await)?;
    Ok((found, last))
}
