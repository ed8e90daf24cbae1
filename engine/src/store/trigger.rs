//! Triggers: raised once per event, taken by one worker at a time, moved on with every batch of people. Who they concern is in
//! [`super::audience`].

use std::collections::BTreeMap;

use sqlx_macros::FromRow;

use super::bulk::bulk_row;
use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use super::page::{Cursor, Page, before};
use crate::clock::{Instant, instant_from_micros, micros};
use crate::domain::trigger::{Trigger, TriggerState};
use crate::id::{CampaignId, EnrollmentId, LeadId, TriggerId};

#[derive(Debug, FromRow)]
struct Row {
    id: String,
    kind: String,
    event_key: String,
    source: String,
    campaign_id: String,
    product_id: Option<String>,
    offer_id: Option<String>,
    cadence: String,
    lead_id: Option<String>,
    terms: String,
    state: String,
    candidates: i64,
    cursor: String,
    eligible: i64,
    skipped: String,
    raised_at: i64,
    updated_at: i64,
    finished_at: Option<i64>,
}

bulk_row! {
    /// What a trigger came to for one person.
    pub struct ResultRow {
        lead_id: String,
        result: String,
        enrollment_id: Option<String>,
    }
}

macro_rules! trigger {
    ($rest:literal) => {
        concat!(
            "SELECT t.id, t.kind, t.event_key, t.source, t.campaign_id, t.product_id, t.offer_id, t.cadence, t.lead_id, t.terms,
                    t.state, t.candidates, t.cursor, t.eligible, t.skipped, t.raised_at, t.updated_at, t.finished_at
             FROM triggers t ",
            $rest
        )
    };
}

const INSERT: &str = "INSERT INTO triggers (id, kind, event_key, source, campaign_id, product_id, offer_id, cadence, lead_id, terms,
                           state, candidates, cursor, eligible, skipped, raised_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, '', 0, '{}', $13, $13)
     ON CONFLICT (event_key) DO NOTHING";
const FIND: &str = trigger!("WHERE t.id = $1");
const BY_EVENT: &str = trigger!("WHERE t.event_key = $1");
const LATEST: &str =
    trigger!("WHERE t.event_key LIKE $1 ESCAPE '\\' ORDER BY t.raised_at DESC, t.id DESC LIMIT 1");
static LOCK: Sql = Sql::new(trigger!("WHERE t.id = $1 {lock_t}"));
const OPEN: &str = "SELECT id FROM triggers WHERE finished_at IS NULL ORDER BY id";
const PAGE: &str = trigger!(
    "WHERE (CAST($1 AS TEXT) IS NULL OR t.campaign_id = $1) AND (CAST($2 AS TEXT) IS NULL OR t.state = $2)
       AND (t.raised_at < $3 OR (t.raised_at = $3 AND t.id < $4))
     ORDER BY t.raised_at DESC, t.id DESC LIMIT $5"
);
const PROGRESS: &str = "UPDATE triggers SET state = $2, cursor = $3, eligible = $4, skipped = $5, updated_at = $6, finished_at = $7
     WHERE id = $1";
const CANDIDATES: &str = "UPDATE triggers SET candidates = $2 WHERE id = $1 AND candidates = 0";
static RESULTS: Sql = Sql::new(
    "INSERT INTO trigger_leads (trigger_id, lead_id, result, enrollment_id)
     SELECT $2, e.value->>0, e.value->>1, e.value->>2 FROM {each} WHERE true
     ON CONFLICT (trigger_id, lead_id) DO NOTHING",
);
static WITHDRAWN: Sql = Sql::new(
    "SELECT t.id FROM triggers t WHERE t.id {any} AND t.state || '' IN ('withdrawing', 'cancelled')",
);
const ENROLLMENT_OF: &str = "SELECT enrollment_id FROM trigger_leads WHERE trigger_id = $1 AND lead_id = $2";
const WAITING: &str =
    "SELECT d.enrollment_id FROM trigger_leads d JOIN enrollments n ON n.id = d.enrollment_id
     WHERE d.trigger_id = $1 AND d.lead_id > $2 AND n.state <> 'ended' AND n.placed = 0
     ORDER BY d.lead_id LIMIT $3";
const LAST_OF: &str =
    "SELECT max(d.lead_id) FROM (SELECT lead_id FROM trigger_leads WHERE trigger_id = $1 AND lead_id > $2
     ORDER BY lead_id LIMIT $3) AS d";

// A call in doubt may have been made, and a message may have told the code.
const NEVER_TOLD: &str =
    "SELECT d.lead_id FROM trigger_leads d LEFT JOIN enrollments n ON n.id = d.enrollment_id
     WHERE d.trigger_id = $1 AND d.lead_id > $2 AND d.lead_id <= $3 AND coalesce(n.placed, 0) = 0
       AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.enrollment_id = d.enrollment_id
                       AND a.state || '' IN ('dialing', 'placed', 'unknown', 'unknown_final'))
       AND NOT EXISTS (SELECT 1 FROM events v WHERE v.lead_id = d.lead_id AND v.enrollment_id = d.enrollment_id
                       AND v.kind = 'message.queued')
     ORDER BY d.lead_id";

/// Writes a trigger; `false`: the event is known already.
pub async fn insert(tx: &mut Tx, trigger: &Trigger) -> Result<bool, StoreError> {
    let bad = |problem| StoreError::bad_row("triggers", "terms", trigger.id, problem);
    let terms = serde_json::to_string(&trigger.terms).map_err(bad)?;
    let done = on_db!(tx, |conn| sqlx::query(INSERT)
        .bind(trigger.id.to_string())
        .bind(trigger.kind.as_str())
        .bind(trigger.event_key.as_str())
        .bind(trigger.source.as_str())
        .bind(trigger.campaign_id.to_string())
        .bind(trigger.product_id.map(|id| id.to_string()))
        .bind(trigger.offer_id.map(|id| id.to_string()))
        .bind(trigger.cadence.as_str())
        .bind(trigger.lead_id.map(|id| id.to_string()))
        .bind(terms)
        .bind(trigger.state.as_str())
        .bind(trigger.candidates as i64)
        .bind(micros(trigger.raised_at))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(done > 0)
}

pub async fn find(tx: &mut Tx, id: TriggerId) -> Result<Option<Trigger>, StoreError> {
    one(tx, FIND, id.to_string()).await
}

/// By the full key of its event.
pub async fn by_event(tx: &mut Tx, key: &str) -> Result<Option<Trigger>, StoreError> {
    one(tx, BY_EVENT, key.to_owned()).await
}

/// The newest trigger of an event that may come again, as `KEY#1`, `KEY#2`, …
pub async fn latest(tx: &mut Tx, event: &str) -> Result<Option<Trigger>, StoreError> {
    let escaped = event.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    one(tx, LATEST, format!("{escaped}#%")).await
}

/// Locks a trigger, finished or not; waits for whoever holds it.
pub async fn lock(tx: &mut Tx, id: TriggerId) -> Result<Option<Trigger>, StoreError> {
    let sql = LOCK.on(tx.dialect());
    one(tx, sql, id.to_string()).await
}

async fn one(tx: &mut Tx, sql: &'static str, key: String) -> Result<Option<Trigger>, StoreError> {
    let row: Option<Row> = on_db!(tx, |conn| sqlx::query_as(sql).bind(key).fetch_optional(conn).await)?;
    row.map(Trigger::try_from).transpose()
}

/// Unfinished triggers, oldest first. Nearly always few.
pub async fn open(tx: &mut Tx) -> Result<Vec<TriggerId>, StoreError> {
    let ids: Vec<String> = on_db!(tx, |conn| sqlx::query_scalar(OPEN).fetch_all(conn).await)?;
    ids.iter().map(|id| id.parse().map_err(|e| StoreError::bad_row("triggers", "id", id, e))).collect()
}

/// Up to `limit` triggers after `cursor`, newest first.
pub async fn page(
    tx: &mut Tx,
    campaign: Option<CampaignId>,
    state: Option<TriggerState>,
    cursor: Option<Cursor>,
    limit: u32,
) -> Result<Page<Trigger>, StoreError> {
    let (at, id) = before(cursor);
    let rows: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(PAGE)
        .bind(campaign.map(|id| id.to_string()))
        .bind(state.map(TriggerState::as_str))
        .bind(at)
        .bind(id)
        .bind(i64::from(limit) + 1)
        .fetch_all(conn)
        .await)?;
    Ok(Page::readable(rows, limit, |row| (row.raised_at, &row.id), Trigger::try_from))
}

/// Writes how far a trigger has come.
pub async fn progress(tx: &mut Tx, trigger: &Trigger, now: Instant) -> Result<(), StoreError> {
    let bad = |problem| StoreError::bad_row("triggers", "skipped", trigger.id, problem);
    let skipped = serde_json::to_string(&trigger.skipped).map_err(bad)?;
    on_db!(tx, |conn| sqlx::query(PROGRESS)
        .bind(trigger.id.to_string())
        .bind(trigger.state.as_str())
        .bind(trigger.cursor.map(|lead| lead.to_string()).unwrap_or_default())
        .bind(trigger.eligible as i64)
        .bind(skipped)
        .bind(micros(now))
        .bind(trigger.finished_at.map(micros))
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Notes how many people a trigger may concern.
pub async fn count_candidates(tx: &mut Tx, id: TriggerId, candidates: u64) -> Result<(), StoreError> {
    on_db!(tx, |conn| sqlx::query(CANDIDATES)
        .bind(id.to_string())
        .bind(candidates as i64)
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Writes what the trigger came to for these people; who is known already stays as they are.
pub async fn add_results(tx: &mut Tx, trigger: TriggerId, rows: &[ResultRow]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let (sql, bulk) = (RESULTS.on(tx.dialect()), super::bulk(rows)?);
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).bind(trigger.to_string()).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// The enrollment that a trigger started for a lead.
pub async fn enrollment_of(
    tx: &mut Tx,
    trigger: TriggerId,
    lead: LeadId,
) -> Result<Option<EnrollmentId>, StoreError> {
    let found: Option<Option<String>> = on_db!(tx, |conn| sqlx::query_scalar(ENROLLMENT_OF)
        .bind(trigger.to_string())
        .bind(lead.to_string())
        .fetch_optional(conn)
        .await)?;
    let parse =
        |id: String| id.parse().map_err(|e| StoreError::bad_row("trigger_leads", "enrollment_id", &id, e));
    found.flatten().map(parse).transpose()
}

/// A batch of people whose call has not been made: their enrollments, and the last lead of the batch. `None`: nobody is left.
pub async fn not_called(
    tx: &mut Tx,
    trigger: TriggerId,
    after: Option<LeadId>,
    limit: u32,
) -> Result<Option<(Vec<EnrollmentId>, LeadId)>, StoreError> {
    let after = after.map(|lead| lead.to_string()).unwrap_or_default();
    let last: Option<String> = on_db!(tx, |conn| sqlx::query_scalar(LAST_OF)
        .bind(trigger.to_string())
        .bind(after.as_str())
        .bind(i64::from(limit))
        .fetch_one(conn)
        .await)?;
    let Some(last) = last else { return Ok(None) };
    let last: LeadId = last.parse().map_err(|e| StoreError::bad_row("trigger_leads", "lead_id", &last, e))?;
    let ids: Vec<String> = on_db!(tx, |conn| sqlx::query_scalar(WAITING)
        .bind(trigger.to_string())
        .bind(after.as_str())
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await)?;
    let parse =
        |id: String| id.parse().map_err(|e| StoreError::bad_row("trigger_leads", "enrollment_id", &id, e));
    let ids: Vec<EnrollmentId> = ids.into_iter().map(parse).collect::<Result<_, _>>()?;
    Ok(Some((ids, last)))
}

/// Those of the triggers that were cancelled, whether everybody has been taken out by now or not.
pub async fn withdrawn(tx: &mut Tx, ids: &[TriggerId]) -> Result<Vec<TriggerId>, StoreError> {
    let (sql, keys) = (WITHDRAWN.on(tx.dialect()), super::keys(ids));
    let ids: Vec<String> = on_db!(tx, |conn| sqlx::query_scalar(sql).bind(keys).fetch_all(conn).await)?;
    let parse = |id: String| id.parse().map_err(|e| StoreError::bad_row("triggers", "id", &id, e));
    ids.into_iter().map(parse).collect()
}

/// People of a trigger between two of them whom nobody has told of it: neither a call nor a message went out, and none is on its
/// way. The first is left out, the last is not.
pub async fn never_told(
    tx: &mut Tx,
    trigger: TriggerId,
    after: Option<LeadId>,
    until: LeadId,
) -> Result<Vec<LeadId>, StoreError> {
    let ids: Vec<String> = on_db!(tx, |conn| sqlx::query_scalar(NEVER_TOLD)
        .bind(trigger.to_string())
        .bind(after.map(|lead| lead.to_string()).unwrap_or_default())
        .bind(until.to_string())
        .fetch_all(conn)
        .await)?;
    let parse = |id: String| id.parse().map_err(|e| StoreError::bad_row("trigger_leads", "lead_id", &id, e));
    ids.into_iter().map(parse).collect()
}

impl TryFrom<Row> for Trigger {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let id = &row.id;
        let bad =
            |column, problem: &dyn std::fmt::Display| StoreError::bad_row("triggers", column, id, problem);
        let skipped: BTreeMap<String, u64> =
            serde_json::from_str(&row.skipped).map_err(|e| bad("skipped", &e))?;
        let lead = |column, text: &str| {
            (!text.is_empty()).then(|| text.parse::<LeadId>().map_err(|e| bad(column, &e))).transpose()
        };
        Ok(Self {
            id: id.parse().map_err(|e| bad("id", &e))?,
            kind: row.kind.parse().map_err(|e| bad("kind", &e))?,
            source: row.source.parse().map_err(|e| bad("source", &e))?,
            campaign_id: row.campaign_id.parse().map_err(|e| bad("campaign_id", &e))?,
            product_id: row
                .product_id
                .as_deref()
                .map(str::parse)
                .transpose()
                .map_err(|e| bad("product_id", &e))?,
            offer_id: row.offer_id.as_deref().map(str::parse).transpose().map_err(|e| bad("offer_id", &e))?,
            lead_id: lead("lead_id", row.lead_id.as_deref().unwrap_or_default())?,
            terms: serde_json::from_str(&row.terms).map_err(|e| bad("terms", &e))?,
            state: row.state.parse().map_err(|e| bad("state", &e))?,
            candidates: row.candidates as u64,
            cursor: lead("cursor", &row.cursor)?,
            eligible: row.eligible as u64,
            skipped,
            raised_at: instant_from_micros(row.raised_at),
            updated_at: instant_from_micros(row.updated_at),
            finished_at: row.finished_at.map(instant_from_micros),
            event_key: row.event_key.clone(),
            cadence: row.cadence.clone(),
        })
    }
}
