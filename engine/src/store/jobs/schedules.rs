//! The table of recurring work: one row per name with its next run. What runs, and when next, is decided by the caller.

use crate::clock::{Instant, instant_from_micros, micros};
use crate::store::db::{Sql, Tx, on_db};
use crate::store::error::StoreError;

/// Recurring work as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    pub name: String,
    /// Five-field cron expression.
    pub expression: String,
    /// IANA zone of the expression.
    pub zone: String,
    pub next_run_at: Instant,
    pub last_run_at: Option<Instant>,
}

// A schedule that did not change keeps its next run: a restart neither skips nor repeats one.
const DECLARE: &str = "INSERT INTO schedules (name, expression, zone, next_run_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (name) DO UPDATE SET expression = excluded.expression, zone = excluded.zone,
            next_run_at = CASE WHEN schedules.expression = excluded.expression AND schedules.zone = excluded.zone
                          THEN schedules.next_run_at ELSE excluded.next_run_at END";
static DUE: Sql = Sql::new(
    "SELECT name, expression, zone, next_run_at, last_run_at FROM schedules
     WHERE next_run_at <= $1 ORDER BY next_run_at, name {skip}",
);
const ALL: &str = "SELECT name, expression, zone, next_run_at, last_run_at FROM schedules ORDER BY name";
const ADVANCE: &str =
    "UPDATE schedules SET next_run_at = $3, last_run_at = $4 WHERE name = $1 AND next_run_at = $2";

type ScheduleRow = (String, String, String, i64, Option<i64>);

/// Makes a schedule known. `next_run_at` counts only if it is new or its expression or zone changed.
pub async fn declare(
    tx: &mut Tx,
    name: &str,
    expression: &str,
    zone: &str,
    next_run_at: Instant,
) -> Result<(), StoreError> {
    on_db!(tx, |conn| sqlx::query(DECLARE)
        .bind(name)
        .bind(expression)
        .bind(zone)
        .bind(micros(next_run_at))
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Schedules due by `now`, locked; those another process is working on are passed over.
pub async fn due(tx: &mut Tx, now: Instant) -> Result<Vec<Schedule>, StoreError> {
    let sql = DUE.on(tx.dialect());
    let rows: Vec<ScheduleRow> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(micros(now)).fetch_all(conn).await)?;
    Ok(rows.into_iter().map(schedule).collect())
}

pub async fn all(tx: &mut Tx) -> Result<Vec<Schedule>, StoreError> {
    let rows: Vec<ScheduleRow> = on_db!(tx, |conn| sqlx::query_as(ALL).fetch_all(conn).await)?;
    Ok(rows.into_iter().map(schedule).collect())
}

/// Notes that a due schedule ran at `now` and runs next at `next`. `false`: somebody else did.
pub async fn advance(
    tx: &mut Tx,
    schedule: &Schedule,
    now: Instant,
    next: Instant,
) -> Result<bool, StoreError> {
    let count = on_db!(tx, |conn| sqlx::query(ADVANCE)
        .bind(&schedule.name)
        .bind(micros(schedule.next_run_at))
        .bind(micros(next))
        .bind(micros(now))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(count == 1)
}

fn schedule((name, expression, zone, next_run_at, last_run_at): ScheduleRow) -> Schedule {
    Schedule {
        name,
        expression,
        zone,
        next_run_at: instant_from_micros(next_run_at),
        last_run_at: last_run_at.map(instant_from_micros),
    }
}
