//! Emergency stops: written under the lock that claims share, so that whoever claims afterwards sees them (I2).

use serde::Deserialize;
use sqlx_macros::FromRow;

use super::bulk::keys;
use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use super::number_lock;
use super::packed;
use crate::clock::{Instant, instant_from_micros, micros};
use crate::domain::emergency::{EmergencyStop, Lifted, Scope, ScopeKind};
use crate::id::{AttemptId, EmergencyStopId};
use crate::journal::Word;

#[derive(Debug, FromRow, Deserialize)]
struct Row {
    id: String,
    scope: String,
    target: String,
    reason: String,
    stopped_by: String,
    stopped_at: i64,
    lifted_by: Option<String>,
    lifted_reason: Option<String>,
    lifted_at: Option<i64>,
}

macro_rules! stop {
    ($rest:literal) => {
        concat!(
            "SELECT s.id, s.scope, s.target, s.reason, s.stopped_by, s.stopped_at, s.lifted_by, s.lifted_reason, s.lifted_at
             FROM emergency_stops s ",
            $rest
        )
    };
}

const IN_FORCE: &str = stop!("WHERE s.lifted_at IS NULL ORDER BY s.stopped_at, s.id");
const RECENT: &str = stop!("ORDER BY s.stopped_at DESC, s.id DESC LIMIT $1");
const FIND: &str = stop!("WHERE s.id = $1");
const OF_SCOPE: &str = stop!("WHERE s.scope = $1 AND s.target = $2 AND s.lifted_at IS NULL");
const ADD: &str = "INSERT INTO emergency_stops (id, scope, target, reason, stopped_by, stopped_at) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT DO NOTHING";
const LIFT: &str = "UPDATE emergency_stops SET lifted_by = $2, lifted_reason = $3, lifted_at = $4 WHERE id = $1 AND lifted_at IS NULL";
static PLACES: Sql = Sql::new(
    "SELECT a.id, l.phone_jurisdictions FROM {each} JOIN attempts a ON a.id = e.value->>0 JOIN leads l ON l.id = a.lead_id",
);
// Of enrollments only those that a stop itself put off; a planned attempt does not say why it waits, and is asked again.
const FREE: &str = "UPDATE enrollments SET due_at = $1
     WHERE state = 'waiting' AND due_at > $1 AND reason = 'emergency-stop'";
const FREE_PLANNED: &str = "UPDATE attempts SET due_at = $1 WHERE state = 'planned' AND due_at > $1";

// Packed, for the one statement that tells gates everything.
macro_rules! stops_in_force {
    () => {
        packed!(
            "s.id, s.scope, s.target, s.reason, s.stopped_by, s.stopped_at, s.lifted_by, s.lifted_reason, s.lifted_at",
            "FROM emergency_stops s WHERE s.lifted_at IS NULL ORDER BY s.stopped_at, s.id"
        )
    };
}
pub(super) use stops_in_force;

/// Stops as [`stops_in_force!`] packs them.
pub(super) fn unpacked(text: &str) -> Result<Vec<EmergencyStop>, StoreError> {
    packed::rows::<Row>("emergency_stops", text)?.into_iter().map(EmergencyStop::try_from).collect()
}

/// What is stopped now, the oldest first.
pub async fn in_force(tx: &mut Tx) -> Result<Vec<EmergencyStop>, StoreError> {
    let rows: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(IN_FORCE).fetch_all(conn).await)?;
    rows.into_iter().map(EmergencyStop::try_from).collect()
}

/// The last stops, lifted ones included, the newest first.
pub async fn recent(tx: &mut Tx, limit: u32) -> Result<Vec<EmergencyStop>, StoreError> {
    let rows: Vec<Row> =
        on_db!(tx, |conn| sqlx::query_as(RECENT).bind(i64::from(limit)).fetch_all(conn).await)?;
    rows.into_iter().map(EmergencyStop::try_from).collect()
}

pub async fn find(tx: &mut Tx, id: EmergencyStopId) -> Result<Option<EmergencyStop>, StoreError> {
    let row: Option<Row> =
        on_db!(tx, |conn| sqlx::query_as(FIND).bind(id.to_string()).fetch_optional(conn).await)?;
    row.map(EmergencyStop::try_from).transpose()
}

/// The stop of exactly this scope, if it is in force.
pub async fn of_scope(tx: &mut Tx, scope: &Scope) -> Result<Option<EmergencyStop>, StoreError> {
    let row: Option<Row> = on_db!(tx, |conn| sqlx::query_as(OF_SCOPE)
        .bind(scope.kind().as_str())
        .bind(scope.target())
        .fetch_optional(conn)
        .await)?;
    row.map(EmergencyStop::try_from).transpose()
}

/// Puts a stop in force; waits for claims in flight. Answers `false` when its scope was stopped already.
pub async fn add(tx: &mut Tx, stop: &EmergencyStop) -> Result<bool, StoreError> {
    number_lock::lock_all(tx).await?;
    let done = on_db!(tx, |conn| sqlx::query(ADD)
        .bind(stop.id.to_string())
        .bind(stop.scope.kind().as_str())
        .bind(stop.scope.target())
        .bind(&stop.reason)
        .bind(&stop.stopped_by)
        .bind(micros(stop.stopped_at))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    if done > 0 {
        tx.noted().note(Word::EmergencyStopped {
            stop: stop.id,
            scope: stop.scope,
            reason: stop.reason.clone(),
            by: stop.stopped_by.clone(),
            stopped_at: stop.stopped_at,
        });
    }
    Ok(done > 0)
}

/// Ends a stop; answers whether it was in force.
pub async fn lift(tx: &mut Tx, id: EmergencyStopId, lifted: &Lifted) -> Result<bool, StoreError> {
    number_lock::lock_all(tx).await?;
    let done = on_db!(tx, |conn| sqlx::query(LIFT)
        .bind(id.to_string())
        .bind(&lifted.by)
        .bind(&lifted.reason)
        .bind(micros(lifted.at))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    if done > 0 {
        let Lifted { by, reason, at } = lifted.clone();
        tx.noted().note(Word::EmergencyLifted { stop: id, by, reason, lifted_at: at });
    }
    Ok(done > 0)
}

/// Where the called people of these attempts may be: the JSON array of each.
pub async fn places(tx: &mut Tx, attempts: &[AttemptId]) -> Result<Vec<(AttemptId, String)>, StoreError> {
    let (sql, keys) = (PLACES.on(tx.dialect()), keys(attempts));
    let rows: Vec<(String, String)> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(keys).fetch_all(conn).await)?;
    rows.into_iter()
        .map(|(id, places)| {
            Ok((id.parse().map_err(|e| StoreError::bad_row("attempts", "id", &id, e))?, places))
        })
        .collect()
}

/// A stop was lifted: nobody need sit out the deferral that it gave them.
pub async fn free(tx: &mut Tx, now: Instant) -> Result<(), StoreError> {
    for sql in [FREE, FREE_PLANNED] {
        on_db!(tx, |conn| sqlx::query(sql).bind(micros(now)).execute(conn).await.map(|_| ()))?;
    }
    Ok(())
}

impl TryFrom<Row> for EmergencyStop {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let bad = |column, problem: &dyn std::fmt::Display| {
            StoreError::bad_row("emergency_stops", column, &row.id, problem)
        };
        let kind: ScopeKind = row.scope.parse().map_err(|e| bad("scope", &e))?;
        let lifted = row.lifted_at.map(|at| Lifted {
            by: row.lifted_by.clone().unwrap_or_default(),
            reason: row.lifted_reason.clone().unwrap_or_default(),
            at: instant_from_micros(at),
        });
        Ok(Self {
            id: row.id.parse().map_err(|e| bad("id", &e))?,
            scope: Scope::parse(kind, &row.target).map_err(|e| bad("target", &e))?,
            stopped_at: instant_from_micros(row.stopped_at),
            lifted,
            reason: row.reason,
            stopped_by: row.stopped_by,
        })
    }
}
