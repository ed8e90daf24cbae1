//! Whole tables of a trial, to tell its story from; and the leads of a campaign, to make a trial of. For reports on databases
//! that fit in memory, not for the dial path.

use sqlx_macros::FromRow;

use super::db::{Tx, on_db};
use super::error::StoreError;
use crate::clock::{Instant, instant_from_micros};
use crate::id::{CampaignId, EnrollmentId, LeadId};

/// A call that a provider took.
#[derive(Debug, Clone, PartialEq)]
pub struct CallRow {
    pub lead_id: LeadId,
    pub enrollment_id: Option<EnrollmentId>,
    pub step: String,
    /// Try of this visit of the step, from 1.
    pub attempt: u32,
    pub flow: String,
    pub at: Instant,
    pub talk_s: u32,
    pub outcome: Option<String>,
    pub disposition: Option<String>,
}

/// A lead's way through a cadence.
#[derive(Debug, Clone, PartialEq)]
pub struct WalkRow {
    pub id: EnrollmentId,
    pub lead_id: LeadId,
    pub cadence: String,
    pub state: String,
    pub result: Option<String>,
    pub started_at: Instant,
    pub ended_at: Option<Instant>,
}

/// A kept decision not to call now, or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct NotNowRow {
    pub lead_id: LeadId,
    pub step: Option<String>,
    pub at: Instant,
    /// `defer` or `stop`.
    pub verdict: String,
    pub gate: Option<String>,
    pub reason: String,
    pub until: Option<Instant>,
}

/// A step that an enrollment passed or left out.
#[derive(Debug, Clone, PartialEq)]
pub struct StepRow {
    pub lead_id: LeadId,
    pub enrollment_id: EnrollmentId,
    pub at: Instant,
    pub step: String,
    /// Why it was left out; `None`: it was passed.
    pub skipped: Option<String>,
}

/// Who was called, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonRow {
    pub id: LeadId,
    pub external_id: Option<String>,
    /// E.164; shown redacted.
    pub phone: Option<String>,
    /// Names of candidate zones.
    pub zones: Vec<String>,
}

#[derive(FromRow)]
struct Call {
    lead_id: String,
    enrollment_id: Option<String>,
    step: String,
    attempt: i64,
    flow: String,
    placed_at: i64,
    talk_s: i64,
    outcome: Option<String>,
    disposition: Option<String>,
}

const CALLS: &str =
    "SELECT a.lead_id, a.enrollment_id, a.step, a.attempt, a.flow, c.placed_at, c.talk_s, c.outcome, c.disposition
     FROM calls c JOIN attempts a ON a.id = c.attempt_id ORDER BY c.placed_at, c.id";
const WALKS: &str = "SELECT id, lead_id, cadence, state, result, started_at, ended_at FROM enrollments ORDER BY started_at, id";
const NOT_NOW: &str = "SELECT lead_id, step, at, verdict, gate, reason, until FROM decisions
     WHERE verdict <> 'proceed' ORDER BY at, id";
const STEPS: &str = "SELECT lead_id, enrollment_id, at, kind, data FROM events
     WHERE kind IN ('step.passed', 'step.skipped') AND enrollment_id IS NOT NULL ORDER BY at, id";
const PEOPLE: &str = "SELECT id, external_id, phone, phone_zones FROM leads ORDER BY id";
const OF_CAMPAIGN: &str =
    "SELECT DISTINCT lead_id FROM enrollments WHERE campaign_id = $1 ORDER BY lead_id LIMIT $2";

fn id<T: std::str::FromStr<Err: std::fmt::Display>>(
    table: &'static str,
    column: &'static str,
    text: &str,
) -> Result<T, StoreError> {
    text.parse().map_err(|e| StoreError::bad_row(table, column, text, e))
}

/// Every call, first to last.
pub async fn calls(tx: &mut Tx) -> Result<Vec<CallRow>, StoreError> {
    let rows: Vec<Call> = on_db!(tx, |conn| sqlx::query_as(CALLS).fetch_all(conn).await)?;
    let read = |row: Call| {
        Ok(CallRow {
            lead_id: id("attempts", "lead_id", &row.lead_id)?,
            enrollment_id: row
                .enrollment_id
                .map(|text| id("attempts", "enrollment_id", &text))
                .transpose()?,
            step: row.step,
            attempt: row.attempt as u32,
            flow: row.flow,
            at: instant_from_micros(row.placed_at),
            talk_s: row.talk_s as u32,
            outcome: row.outcome,
            disposition: row.disposition,
        })
    };
    rows.into_iter().map(read).collect()
}

type Walk = (String, String, String, String, Option<String>, i64, Option<i64>);

/// Every enrollment, oldest first.
pub async fn walks(tx: &mut Tx) -> Result<Vec<WalkRow>, StoreError> {
    let rows: Vec<Walk> = on_db!(tx, |conn| sqlx::query_as(WALKS).fetch_all(conn).await)?;
    let read = |(own, lead_id, cadence, state, result, started_at, ended_at): Walk| {
        Ok(WalkRow {
            id: id("enrollments", "id", &own)?,
            lead_id: id("enrollments", "lead_id", &lead_id)?,
            cadence,
            state,
            result,
            started_at: instant_from_micros(started_at),
            ended_at: ended_at.map(instant_from_micros),
        })
    };
    rows.into_iter().map(read).collect()
}

type NotNow = (String, Option<String>, i64, String, Option<String>, String, Option<i64>);

/// Every kept decision against a call, first to last.
pub async fn not_now(tx: &mut Tx) -> Result<Vec<NotNowRow>, StoreError> {
    let rows: Vec<NotNow> = on_db!(tx, |conn| sqlx::query_as(NOT_NOW).fetch_all(conn).await)?;
    let read = |(lead_id, step, at, verdict, gate, reason, until): NotNow| {
        Ok(NotNowRow {
            lead_id: id("decisions", "lead_id", &lead_id)?,
            step,
            at: instant_from_micros(at),
            verdict,
            gate,
            reason,
            until: until.map(instant_from_micros),
        })
    };
    rows.into_iter().map(read).collect()
}

type Step = (Option<String>, Option<String>, i64, String, String);

/// Every step passed or left out, first to last.
pub async fn steps(tx: &mut Tx) -> Result<Vec<StepRow>, StoreError> {
    let rows: Vec<Step> = on_db!(tx, |conn| sqlx::query_as(STEPS).fetch_all(conn).await)?;
    let read = |(lead_id, enrollment_id, at, kind, data): Step| {
        let data: serde_json::Value =
            serde_json::from_str(&data).map_err(|e| StoreError::bad_row("events", "data", &kind, e))?;
        let text = |field: &str| data[field].as_str().unwrap_or_default().to_owned();
        Ok(StepRow {
            lead_id: id("events", "lead_id", &lead_id.unwrap_or_default())?,
            enrollment_id: id("events", "enrollment_id", &enrollment_id.unwrap_or_default())?,
            at: instant_from_micros(at),
            step: text("step"),
            skipped: (kind == "step.skipped").then(|| text("reason")),
        })
    };
    rows.into_iter().map(read).collect()
}

/// Every lead, in id order.
pub async fn people(tx: &mut Tx) -> Result<Vec<PersonRow>, StoreError> {
    type Row = (String, Option<String>, Option<String>, String);
    let rows: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(PEOPLE).fetch_all(conn).await)?;
    let read = |(own, external_id, phone, zones): Row| {
        Ok(PersonRow {
            id: id("leads", "id", &own)?,
            zones: serde_json::from_str(&zones)
                .map_err(|e| StoreError::bad_row("leads", "phone_zones", &own, e))?,
            external_id,
            phone,
        })
    };
    rows.into_iter().map(read).collect()
}

/// Up to `limit` leads that were ever enrolled for a campaign, in id order.
pub async fn leads_of_campaign(
    tx: &mut Tx,
    campaign: CampaignId,
    limit: u32,
) -> Result<Vec<LeadId>, StoreError> {
    let rows: Vec<String> = on_db!(tx, |conn| sqlx::query_scalar(OF_CAMPAIGN)
        .bind(campaign.to_string())
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await)?;
    rows.iter().map(|text| id("enrollments", "lead_id", text)).collect()
}
