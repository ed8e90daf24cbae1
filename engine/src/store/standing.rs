//! Who stands where in which version: counts and instants of running enrollments, a fixed number of queries for any number of
//! people. And the move of a batch to another version.

use sqlx_macros::FromRow;

use super::bulk::bulk_row;
use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use crate::clock::{Instant, instant_from_micros};

/// People of one version on one step in one state.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Standing {
    pub version: String,
    pub step: String,
    pub state: String,
    /// State of the attempt under way; empty: none.
    pub live: String,
    pub people: i64,
}

/// Whoever waits on a step, as far as the end of a wait depends on them.
#[derive(Debug, Clone)]
pub struct Waiting {
    pub version: String,
    pub step: String,
    pub due_since: Instant,
    pub due_at: Instant,
    pub promised: bool,
    pub zone: Option<String>,
    /// JSON arrays of names.
    pub phone_zones: String,
    pub phone_jurisdictions: String,
    pub people: u64,
}

bulk_row! {
    /// An enrollment as it stands after its move to another version.
    pub struct MovedRow {
        id: String,
        /// Version it must have.
        from: String,
        to: String,
        state: &'static str,
        step: String,
        visit: i64,
        attempt: i64,
        due_since: i64,
        promised: i64,
        due_at: Option<i64>,
        wait_event: Option<String>,
    }
}

static STANDING: Sql = Sql::new(
    "SELECT version, step, state, live, count(*) AS people FROM (
         SELECT n.version, n.step, n.state,
                CASE WHEN n.state = 'waiting' THEN '' ELSE coalesce((SELECT max(a.state) FROM attempts a
                     WHERE a.enrollment_id = n.id AND a.state IN ('dialing', 'placed', 'unknown')), '') END AS live
         FROM {each} JOIN enrollments n ON n.version = e.value->>0 AND n.state <> 'ended'
     ) AS s GROUP BY version, step, state, live ORDER BY version, step, state, live",
);

static WAITING: Sql = Sql::new(
    "SELECT n.version, n.step, n.due_since, n.due_at, n.promised, l.zone, l.phone_zones, l.phone_jurisdictions, count(*)
     FROM {each} JOIN enrollments n ON n.version = e.value->>0 AND n.step = e.value->>1 AND n.state <> 'ended'
     JOIN leads l ON l.id = n.lead_id
     WHERE n.due_at IS NOT NULL
     GROUP BY n.version, n.step, n.due_since, n.due_at, n.promised, l.zone, l.phone_zones, l.phone_jurisdictions",
);

static MISSING: Sql = Sql::new(
    "SELECT e.value->>1 AS path, count(*) FROM {each} JOIN enrollments n ON n.version = e.value->>0 AND n.state <> 'ended'
     WHERE {variable} IS NULL GROUP BY e.value->>1 ORDER BY e.value->>1",
);

static COUNTS: Sql = Sql::new(
    "SELECT e.value->>0 AS version, count(n.id) FROM {each}
     LEFT JOIN enrollments n ON n.version = e.value->>0 AND n.state <> 'ended' GROUP BY e.value->>0",
);

const CHUNK: &str =
    "SELECT id FROM enrollments WHERE version = $1 AND id > $2 AND state <> 'ended' ORDER BY id LIMIT $3";

static MOVE: Sql = Sql::new(
    "UPDATE enrollments SET version = e.value->>2, state = e.value->>3, step = e.value->>4,
            visit = CAST(e.value->>5 AS BIGINT), attempt = CAST(e.value->>6 AS BIGINT),
            due_since = CAST(e.value->>7 AS BIGINT), promised = CAST(e.value->>8 AS BIGINT),
            due_at = CAST(e.value->>9 AS BIGINT), wait_event = e.value->>10
     FROM {each} WHERE enrollments.id = e.value->>0 AND enrollments.version = e.value->>1 AND enrollments.state <> 'ended'",
);

/// People of these versions, by step and state.
pub async fn standing(tx: &mut Tx, versions: &[String]) -> Result<Vec<Standing>, StoreError> {
    let (sql, keys) = (STANDING.on(tx.dialect()), super::keys(versions));
    Ok(on_db!(tx, |conn| sqlx::query_as(sql).bind(keys).fetch_all(conn).await)?)
}

/// Everybody with a timer on these `(version, step)`s.
pub async fn waiting(tx: &mut Tx, steps: &[(String, String)]) -> Result<Vec<Waiting>, StoreError> {
    type Row = (String, String, i64, i64, i64, Option<String>, String, String, i64);
    if steps.is_empty() {
        return Ok(Vec::new());
    }
    let (sql, bulk) = (WAITING.on(tx.dialect()), super::bulk(steps)?);
    let rows: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(sql).bind(bulk).fetch_all(conn).await)?;
    let read =
        |(version, step, since, due, promised, zone, phone_zones, phone_jurisdictions, people): Row| {
            Waiting {
                version,
                step,
                due_since: instant_from_micros(since),
                due_at: instant_from_micros(due),
                promised: promised != 0,
                zone,
                phone_zones,
                phone_jurisdictions,
                people: people as u64,
            }
        };
    Ok(rows.into_iter().map(read).collect())
}

/// How many people of each `(version, variable, JSON path)` do not bring the variable.
pub async fn missing(
    tx: &mut Tx,
    wanted: &[(String, String, String)],
) -> Result<Vec<(String, u64)>, StoreError> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let (sql, bulk) = (MISSING.on(tx.dialect()), super::bulk(wanted)?);
    let rows: Vec<(String, i64)> = on_db!(tx, |conn| sqlx::query_as(sql).bind(bulk).fetch_all(conn).await)?;
    Ok(rows.into_iter().map(|(path, people)| (path, people as u64)).collect())
}

/// Running enrollments of each version.
pub async fn counts(tx: &mut Tx, versions: &[String]) -> Result<Vec<(String, u64)>, StoreError> {
    let (sql, keys) = (COUNTS.on(tx.dialect()), super::keys(versions));
    let rows: Vec<(String, i64)> = on_db!(tx, |conn| sqlx::query_as(sql).bind(keys).fetch_all(conn).await)?;
    Ok(rows.into_iter().map(|(version, people)| (version, people as u64)).collect())
}

/// Ids of running enrollments of a version behind `after`, in order.
pub async fn chunk(tx: &mut Tx, version: &str, after: &str, limit: u32) -> Result<Vec<String>, StoreError> {
    Ok(on_db!(tx, |conn| sqlx::query_scalar(CHUNK)
        .bind(version)
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await)?)
}

/// Writes moves by compare-and-set on the version; answers how many moved.
pub async fn move_many(tx: &mut Tx, rows: &[MovedRow]) -> Result<u64, StoreError> {
    if rows.is_empty() {
        return Ok(0);
    }
    let (sql, bulk) = (MOVE.on(tx.dialect()), super::bulk(rows)?);
    Ok(on_db!(tx, |conn| sqlx::query(sql).bind(bulk).execute(conn).await.map(|done| done.rows_affected()))?)
}
