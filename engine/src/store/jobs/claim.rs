//! Taking due jobs, keeping them, and giving back those whose taking went unnoticed.

use chrono::TimeDelta;

use super::finish::write_returning;
use super::model::{Claimed, Finish, Outcome};
use crate::clock::{Instant, instant_from_micros, micros};
use crate::domain::priority::Priority;
use crate::id::JobId;
use crate::store::bulk::{bulk, bulk_row};
use crate::store::db::{Sql, Tx, on_db};
use crate::store::error::StoreError;

/// How long a job must have waited to stand level with a fresh one of the next higher priority: bounded, so nothing starves.
pub const AGEING: TimeDelta = TimeDelta::seconds(60);

/// What a claimer asks for.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    pub kind: &'a str,
    pub limit: u32,
    /// Unique per claimer, so that none can give back another's jobs.
    pub owner: &'a str,
    /// Jobs due by this instant.
    pub now: Instant,
    /// On the database's real clock.
    pub lease_until: Instant,
}

// One index range per priority: the cost does not grow with what waits for later. The CTEs are MATERIALIZED because
// PostgreSQL may otherwise evaluate a locking sub-query more than once. Each class is handicapped by 60 s (AGEING).
// A job that outlived a worker comes alone: if it is what kills them, it takes no bystanders along.
pub(super) static CLAIM: Sql = Sql::new(
    "WITH u AS MATERIALIZED (
         SELECT p0.id, p0.run_at AS rank, p0.deaths FROM (
             SELECT id, run_at, deaths FROM jobs WHERE kind = $1 AND state = 'pending' AND priority = 0 AND run_at <= $3
             ORDER BY run_at LIMIT $2 {skip}) AS p0
         UNION ALL
         SELECT p1.id, p1.run_at + 60000000 AS rank, p1.deaths FROM (
             SELECT id, run_at, deaths FROM jobs WHERE kind = $1 AND state = 'pending' AND priority = 1 AND run_at <= $3
             ORDER BY run_at LIMIT $2 {skip}) AS p1
         UNION ALL
         SELECT p2.id, p2.run_at + 120000000 AS rank, p2.deaths FROM (
             SELECT id, run_at, deaths FROM jobs WHERE kind = $1 AND state = 'pending' AND priority = 2 AND run_at <= $3
             ORDER BY run_at LIMIT $2 {skip}) AS p2),
     r AS MATERIALIZED (
         SELECT u.id, u.deaths, row_number() OVER (ORDER BY u.rank, u.id) AS nth,
                first_value(u.deaths) OVER (ORDER BY u.rank, u.id) AS leader FROM u),
     c AS MATERIALIZED (
         SELECT r.id FROM r WHERE r.nth <= $2 AND (r.nth = 1 OR (r.deaths = 0 AND r.leader = 0)))
     UPDATE jobs SET state = 'running', fence = jobs.fence + 1, owner = $4, lease_until = $5
     FROM c WHERE jobs.id = c.id AND jobs.state = 'pending'
     RETURNING jobs.id, jobs.payload, jobs.fence, jobs.attempts, jobs.max_attempts, jobs.deaths, jobs.priority, jobs.run_at",
);

pub(super) static RENEW: Sql = Sql::new(
    "UPDATE jobs SET lease_until = $2
     FROM {each} WHERE jobs.id = e.value->>0 AND jobs.fence = CAST(e.value->>1 AS BIGINT) AND jobs.state = 'running'
     RETURNING jobs.id",
);

static OF_OWNER: &str =
    "SELECT id, fence FROM jobs WHERE lease_until IS NOT NULL AND state = 'running' AND owner = $1";

type ClaimRow = (String, String, i64, i64, i64, i64, i64, i64);

/// Takes up to `limit` due jobs of one kind, the most urgent first. One that outlived a worker is taken alone.
pub async fn claim(tx: &mut Tx, claim: Claim<'_>) -> Result<Vec<Claimed>, StoreError> {
    let sql = CLAIM.on(tx.dialect());
    let rows: Vec<ClaimRow> = on_db!(tx, |conn| sqlx::query_as(sql)
        .bind(claim.kind)
        .bind(i64::from(claim.limit))
        .bind(micros(claim.now))
        .bind(claim.owner)
        .bind(micros(claim.lease_until))
        .fetch_all(conn)
        .await)?;
    let mut jobs = rows.into_iter().map(claimed).collect::<Result<Vec<_>, _>>()?;
    // RETURNING has no order.
    jobs.sort_by_key(|job| (job.run_at + AGEING * job.priority.rank() as i32, job.id));
    Ok(jobs)
}

fn claimed(row: ClaimRow) -> Result<Claimed, StoreError> {
    let (id, payload, fence, attempts, max_attempts, deaths, priority, run_at) = row;
    let parsed = id.parse().map_err(|e| StoreError::bad_row("jobs", "id", &id, e))?;
    Ok(Claimed {
        id: parsed,
        payload,
        fence,
        attempts: attempts as u32,
        max_attempts: max_attempts as u32,
        deaths: deaths as u32,
        priority: Priority::from_rank(priority),
        run_at: instant_from_micros(run_at),
    })
}

bulk_row! {
    pub struct HeldRow {
        id: String,
        fence: i64,
    }
}

/// Extends the leases of jobs held, as (id, fence), and answers with those that are still held. The rest were taken away.
pub async fn renew(
    tx: &mut Tx,
    held: &[(JobId, i64)],
    lease_until: Instant,
) -> Result<Vec<JobId>, StoreError> {
    if held.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<HeldRow> =
        held.iter().map(|(id, fence)| HeldRow { id: id.to_string(), fence: *fence }).collect();
    let sql = RENEW.on(tx.dialect());
    let bulk = bulk(&rows)?;
    let found: Vec<(String,)> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(bulk).bind(micros(lease_until)).fetch_all(conn).await)?;
    found.into_iter().map(|(id,)| parse_id(&id)).collect()
}

/// Gives back the jobs of `owner` that it does not know it holds: a claim whose answer was lost on the way.
pub async fn release_orphans(
    tx: &mut Tx,
    owner: &str,
    held: &[(JobId, i64)],
    now: Instant,
) -> Result<usize, StoreError> {
    let rows: Vec<(String, i64)> =
        on_db!(tx, |conn| sqlx::query_as(OF_OWNER).bind(owner).fetch_all(conn).await)?;
    let mut orphans = Vec::new();
    for (id, fence) in rows {
        let id = parse_id(&id)?;
        if !held.contains(&(id, fence)) {
            orphans.push(Finish { id, fence, outcome: Outcome::HandedBack });
        }
    }
    Ok(write_returning(tx, &orphans, now).await?.len())
}

pub(super) fn parse_id(id: &str) -> Result<JobId, StoreError> {
    id.parse().map_err(|e| StoreError::bad_row("jobs", "id", id, e))
}
