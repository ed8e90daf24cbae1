//! Enrollments: starting them and moving them on, always in sets. Reading them with their leads is [`super::walk`].

use sqlx_macros::FromRow;

use super::bulk::bulk_row;
use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use crate::clock::{Instant, instant_from_micros, micros};
use crate::id::{CampaignId, EnrollmentId, LeadId};

bulk_row! {
    /// A new enrollment as a row; serialised positionally into the bulk bind.
    pub struct NewRow {
        id: String,
        lead_id: String,
        campaign_id: String,
        cadence: String,
        entry_key: String,
        version: String,
        step: String,
        /// Also `due_since`.
        due_at: i64,
        priority: i64,
        variables: String,
        started_at: i64,
    }
}

bulk_row! {
    /// Everything that a decision or an outcome may change, as a row.
    pub struct Change {
        id: String,
        state: &'static str,
        hold: Option<&'static str>,
        step: String,
        visit: i64,
        attempt: i64,
        due_since: i64,
        promised: i64,
        due_at: Option<i64>,
        wait_event: Option<String>,
        placed: i64,
        verdict: Option<String>,
        reason: Option<String>,
        checked_at: i64,
        result: Option<String>,
        ended_at: Option<i64>,
        /// State it was in when it was read.
        was: &'static str,
    }
}

static INSERT: Sql = Sql::new(
    "INSERT INTO enrollments (id, lead_id, campaign_id, cadence, entry_key, version, state, step, visit, attempt, due_since,
                              promised, due_at, priority, variables, placed, started_at)
     SELECT e.value->>0, e.value->>1, e.value->>2, e.value->>3, e.value->>4, e.value->>5, 'waiting', e.value->>6, 1, 1,
            CAST(e.value->>7 AS BIGINT), 0, CAST(e.value->>7 AS BIGINT), CAST(e.value->>8 AS BIGINT), e.value->>9, 0,
            CAST(e.value->>10 AS BIGINT)
     FROM {each} WHERE true
     ON CONFLICT (lead_id, cadence, entry_key) WHERE state <> 'ended' DO NOTHING",
);
static STARTED: Sql = Sql::new("SELECT n.id FROM {each} JOIN enrollments n ON n.id = e.value->>0");

macro_rules! change {
    ($more:literal, $which:literal) => {
        concat!(
            "UPDATE enrollments SET ",
            $more,
            "hold = e.value->>2, step = e.value->>3,
             visit = CAST(e.value->>4 AS BIGINT), attempt = CAST(e.value->>5 AS BIGINT),
             due_since = CAST(e.value->>6 AS BIGINT), promised = CAST(e.value->>7 AS BIGINT),
             due_at = CAST(e.value->>8 AS BIGINT), wait_event = e.value->>9, placed = CAST(e.value->>10 AS BIGINT),
             decided_at = CASE WHEN verdict IS NOT DISTINCT FROM e.value->>11 AND reason IS NOT DISTINCT FROM e.value->>12
                               THEN decided_at ELSE CAST(e.value->>13 AS BIGINT) END,
             verdict = e.value->>11, reason = e.value->>12, checked_at = CAST(e.value->>13 AS BIGINT)
             FROM {each} WHERE enrollments.id = e.value->>0 AND ",
            $which
        )
    };
}

static CHANGE: Sql = Sql::new(change!(
    "state = e.value->>1, result = e.value->>14, ended_at = CAST(e.value->>15 AS BIGINT), ",
    "enrollments.state <> 'ended'"
));
// Most changes leave the state alone: every index that depends on it then stays as it is.
static MOVE_ON: Sql = Sql::new(change!("", "enrollments.state = e.value->>1"));

static LEADS_OF: Sql = Sql::new(
    "SELECT DISTINCT n.lead_id FROM {each} JOIN enrollments n ON n.id = e.value->>0 ORDER BY n.lead_id",
);

static NEXT_DUE: &str = "SELECT min(due_at) FROM enrollments WHERE state = 'waiting'";

static PULL_FORWARD: &str = "UPDATE enrollments SET due_at = $1
     WHERE campaign_id = $2 AND state = 'waiting' AND due_at > $1 AND reason IN ('campaign-paused', 'campaign-not-active')";

static PREVIOUS: Sql = Sql::new(
    "SELECT n.lead_id, n.cadence, n.entry_key, max(n.started_at) AS started_at,
            CAST(max(CASE WHEN n.state = 'ended' THEN 0 ELSE 1 END) AS BIGINT) AS live
     FROM {each} JOIN enrollments n ON n.lead_id = e.value->>0 AND n.cadence = e.value->>1 AND n.entry_key = e.value->>2
     GROUP BY n.lead_id, n.cadence, n.entry_key",
);

/// The latest earlier enrollment of a lead in a cadence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Previous {
    pub lead_id: LeadId,
    pub cadence: String,
    pub entry_key: String,
    pub started_at: Instant,
    pub is_live: bool,
}

#[derive(FromRow)]
struct PreviousRow {
    lead_id: String,
    cadence: String,
    entry_key: String,
    started_at: i64,
    live: i64,
}

/// Starts enrollments with ids of their own; those whose lead is already walking the cadence are left out of the answer.
pub async fn insert_many(tx: &mut Tx, rows: &[NewRow]) -> Result<Vec<EnrollmentId>, StoreError> {
    let (sql, bulk) = (INSERT.on(tx.dialect()), super::bulk(rows)?);
    let started =
        on_db!(tx, |conn| sqlx::query(sql).bind(bulk).execute(conn).await.map(|done| done.rows_affected()))?;
    let ids: Vec<&String> = rows.iter().map(|row| &row.id).collect();
    // A thousand ids would come back one by one, to say what a count says.
    if started == rows.len() as u64 {
        return parsed(ids);
    }
    let (sql, keys) = (STARTED.on(tx.dialect()), super::keys(&ids));
    let ids: Vec<String> = on_db!(tx, |conn| sqlx::query_scalar(sql).bind(keys).fetch_all(conn).await)?;
    parsed(&ids)
}

fn parsed<'a>(ids: impl IntoIterator<Item = &'a String>) -> Result<Vec<EnrollmentId>, StoreError> {
    ids.into_iter()
        .map(|id| id.parse().map_err(|e| StoreError::bad_row("enrollments", "id", id, e)))
        .collect()
}

/// Writes changes; ended enrollments stay as they are. Answers how many rows changed.
pub async fn change_many(tx: &mut Tx, rows: &[Change]) -> Result<u64, StoreError> {
    let (moved, changed): (Vec<&Change>, Vec<&Change>) = rows.iter().partition(|row| row.state == row.was);
    let mut written = 0;
    for (sql, rows) in [(&MOVE_ON, moved), (&CHANGE, changed)] {
        if rows.is_empty() {
            continue;
        }
        let (sql, bulk) = (sql.on(tx.dialect()), super::bulk(&rows)?);
        written += on_db!(tx, |conn| sqlx::query(sql)
            .bind(bulk)
            .execute(conn)
            .await
            .map(|done| done.rows_affected()))?;
    }
    Ok(written)
}

/// Whose enrollments these are; nothing is locked.
pub async fn leads_of(tx: &mut Tx, ids: &[EnrollmentId]) -> Result<Vec<LeadId>, StoreError> {
    let (sql, keys) = (LEADS_OF.on(tx.dialect()), super::keys(ids));
    let leads: Vec<String> = on_db!(tx, |conn| sqlx::query_scalar(sql).bind(keys).fetch_all(conn).await)?;
    leads
        .iter()
        .map(|id| id.parse().map_err(|e| StoreError::bad_row("enrollments", "lead_id", id, e)))
        .collect()
}

/// When the next enrollment becomes due.
pub async fn next_due(tx: &mut Tx) -> Result<Option<Instant>, StoreError> {
    let at: Option<i64> = on_db!(tx, |conn| sqlx::query_scalar(NEXT_DUE).fetch_one(conn).await)?;
    Ok(at.map(instant_from_micros))
}

/// A resumed campaign's enrollments need not sit out the deferral that its pause gave them.
pub async fn pull_forward(tx: &mut Tx, campaign: CampaignId, now: Instant) -> Result<u64, StoreError> {
    Ok(on_db!(tx, |conn| sqlx::query(PULL_FORWARD)
        .bind(micros(now))
        .bind(campaign.to_string())
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

/// The latest earlier enrollment for each `(lead, cadence, entry key)` that has one.
pub async fn previous(tx: &mut Tx, keys: &[(String, &str, &str)]) -> Result<Vec<Previous>, StoreError> {
    let sql = PREVIOUS.on(tx.dialect());
    let bulk = super::bulk(keys)?;
    let rows: Vec<PreviousRow> = on_db!(tx, |conn| sqlx::query_as(sql).bind(bulk).fetch_all(conn).await)?;
    rows.into_iter()
        .map(|row| {
            let bad = |column, problem: &dyn std::fmt::Display| {
                StoreError::bad_row("enrollments", column, &row.lead_id, problem)
            };
            Ok(Previous {
                lead_id: row.lead_id.parse().map_err(|e| bad("lead_id", &e))?,
                started_at: instant_from_micros(row.started_at),
                is_live: row.live != 0,
                cadence: row.cadence.clone(),
                entry_key: row.entry_key.clone(),
            })
        })
        .collect()
}
