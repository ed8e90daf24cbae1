//! An enrollment together with its lead, as planning, claiming and recording work on it: one query per batch.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use super::packed::{self, packed};
use crate::clock::{Instant, instant_from_micros, micros};
use crate::domain::enrollment::{Enrollment, EnrollmentState, Position};
use crate::domain::lead::{Lead, LeadStatus};
use crate::domain::priority::Priority;
use crate::domain::reach::Reach;
use crate::id::{EnrollmentId, LeadId};
use crate::phone::number::PhoneNumber;
use crate::time::zone::Zone;

/// One enrollment and what is on file about its lead.
#[derive(Debug, Clone)]
pub struct Walk {
    pub enrollment: Enrollment,
    pub lead: LeadOnFile,
    /// Last kept decision: `(verdict, reason)`.
    pub verdict: Option<(String, String)>,
    /// Hold and terminal result, for explanation.
    pub hold: Option<String>,
    pub result: Option<String>,
    pub entry_key: String,
}

/// A lead as decisions need it: gate facts resolved on write, the rest for conditions and texts.
#[derive(Debug, Clone)]
pub struct LeadOnFile {
    pub id: LeadId,
    pub external_id: Option<String>,
    pub status: LeadStatus,
    pub language: String,
    pub zone: Option<String>,
    pub country: Option<String>,
    pub region: Option<String>,
    /// JSON of the parsed preferred time.
    pub preferred: Option<String>,
    pub do_not_call: bool,
    pub synthetic: bool,
    pub score: i64,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub email: Option<String>,
    pub company: Option<String>,
    pub segment: Option<String>,
    pub tags: String,
    pub custom: String,
    pub phone: Option<String>,
    pub phone_invalid: Option<String>,
    /// JSON arrays of names.
    pub phone_zones: String,
    pub phone_jurisdictions: String,
    pub account_id: Option<String>,
}

/// In the order of [`walk!`].
#[derive(Debug, Deserialize)]
struct WalkRow<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    campaign_id: Cow<'a, str>,
    cadence: String,
    entry_key: String,
    version: String,
    state: Cow<'a, str>,
    hold: Option<String>,
    step: String,
    visit: i64,
    attempt: i64,
    due_since: i64,
    promised: i64,
    due_at: Option<i64>,
    wait_event: Option<String>,
    priority: i64,
    variables: Cow<'a, str>,
    placed: i64,
    verdict: Option<String>,
    reason: Option<String>,
    result: Option<String>,
    started_at: i64,
    lead: LeadRow<'a>,
}

/// In the order of [`lead!`].
#[derive(Debug, Deserialize)]
struct LeadRow<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    external_id: Option<String>,
    status: Cow<'a, str>,
    language: String,
    zone: Option<String>,
    country: Option<String>,
    region: Option<String>,
    preferred: Option<String>,
    do_not_call: i64,
    synthetic: i64,
    score: i64,
    first_name: Option<String>,
    last_name: Option<String>,
    email: Option<String>,
    company: Option<String>,
    segment: Option<String>,
    tags: String,
    custom: String,
    phone: Option<String>,
    phone_invalid: Option<String>,
    phone_zones: String,
    phone_jurisdictions: String,
    account_id: Option<String>,
}

macro_rules! lead {
    () => {
        "l.id, l.external_id, l.status, l.language, l.zone, l.country, l.region, l.preferred, l.do_not_call, l.synthetic, l.score,
         l.first_name, l.last_name, l.email, l.company, l.segment, l.tags, l.custom, l.phone, l.phone_invalid, l.phone_zones,
         l.phone_jurisdictions, l.account_id"
    };
}

macro_rules! walk {
    ($rest:literal) => {
        packed!(
            concat!(
                "n.id, n.campaign_id, n.cadence, n.entry_key, n.version, n.state, n.hold, n.step, n.visit, n.attempt, n.due_since,
                 n.promised, n.due_at, n.wait_event, n.priority, n.variables, n.placed, n.verdict, n.reason, n.result, n.started_at,
                 {pack}(",
                lead!(),
                ")"
            ),
            $rest
        )
    };
}

// Locked inside, so that workers take different ones; locked outside, so that it is the latest version that is read.
static DUE: Sql = Sql::new(walk!(
    "FROM (SELECT id FROM enrollments WHERE state = 'waiting' AND due_at <= $1 ORDER BY due_at LIMIT $2 {skip}) AS d
     JOIN enrollments n ON n.id = d.id JOIN leads l ON l.id = n.lead_id
     WHERE n.state = 'waiting' {skip_n}"
));
static BY_IDS: Sql = Sql::new(walk!(
    "FROM {each} JOIN enrollments n ON n.id = e.value->>0 JOIN leads l ON l.id = n.lead_id {lock_n}"
));
static UNHELD_BY_IDS: Sql = Sql::new(walk!(
    "FROM {each} JOIN enrollments n ON n.id = e.value->>0 JOIN leads l ON l.id = n.lead_id {skip_n}"
));
static FREE_BY_IDS: Sql = Sql::new(walk!(
    "FROM {each} JOIN enrollments n ON n.id = e.value->>0 JOIN leads l ON l.id = n.lead_id WHERE n.state <> 'ended' {skip_n}"
));
static LIVE_OF_LEADS: Sql = Sql::new(walk!(
    "FROM {each} JOIN enrollments n ON n.lead_id = e.value->>0 JOIN leads l ON l.id = n.lead_id
     WHERE n.state <> 'ended' ORDER BY n.id {lock_n}"
));
static ALL_OF_LEAD: Sql = Sql::new(walk!(
    "FROM enrollments n JOIN leads l ON l.id = n.lead_id WHERE n.lead_id = $1 ORDER BY n.started_at, n.id"
));

/// Enrollments due at `now`, oldest first, locked for this transaction; rows another worker holds are passed over. One that cannot
/// be read is an error that names it: it must be set aside, or it would be due for ever (I9).
pub async fn due(tx: &mut Tx, now: Instant, limit: u32) -> Result<Vec<Walk>, StoreError> {
    let sql = DUE.on(tx.dialect());
    let text: String = on_db!(tx, |conn| sqlx::query_scalar(sql)
        .bind(micros(now))
        .bind(i64::from(limit))
        .fetch_one(conn)
        .await)?;
    all_of(&text)
}

/// One enrollment, locked.
pub async fn find(tx: &mut Tx, id: EnrollmentId) -> Result<Option<Walk>, StoreError> {
    let sql = BY_IDS.on(tx.dialect());
    let keys = super::keys(&[id]);
    let text: String = on_db!(tx, |conn| sqlx::query_scalar(sql).bind(keys).fetch_one(conn).await)?;
    Ok(all_of(&text)?.pop())
}

/// The enrollments with these ids, locked. One that cannot be read is left out with a word in the log: the others go on (I9).
pub async fn by_ids(tx: &mut Tx, ids: &[EnrollmentId]) -> Result<Vec<Walk>, StoreError> {
    let sql = BY_IDS.on(tx.dialect());
    let keys = super::keys(ids);
    let text: String = on_db!(tx, |conn| sqlx::query_scalar(sql).bind(keys).fetch_one(conn).await)?;
    read(&text)
}

/// The enrollments with these ids, locked; rows another transaction holds are passed over. One that cannot be read is an error,
/// as in [`due`].
pub async fn unheld_by_ids(tx: &mut Tx, ids: &[EnrollmentId]) -> Result<Vec<Walk>, StoreError> {
    let sql = UNHELD_BY_IDS.on(tx.dialect());
    let keys = super::keys(ids);
    let text: String = on_db!(tx, |conn| sqlx::query_scalar(sql).bind(keys).fetch_one(conn).await)?;
    all_of(&text)
}

/// The live ones of these enrollments, locked; rows another transaction holds are passed over.
pub async fn free_by_ids(tx: &mut Tx, ids: &[EnrollmentId]) -> Result<Vec<Walk>, StoreError> {
    let sql = FREE_BY_IDS.on(tx.dialect());
    let keys = super::keys(ids);
    let text: String = on_db!(tx, |conn| sqlx::query_scalar(sql).bind(keys).fetch_one(conn).await)?;
    read(&text)
}

/// Every live enrollment of these leads, locked in id order; one that cannot be read is left out as in [`by_ids`].
pub async fn live_of_leads(tx: &mut Tx, leads: &[LeadId]) -> Result<Vec<Walk>, StoreError> {
    let sql = LIVE_OF_LEADS.on(tx.dialect());
    let keys = super::keys(leads);
    let text: String = on_db!(tx, |conn| sqlx::query_scalar(sql).bind(keys).fetch_one(conn).await)?;
    read(&text)
}

/// Every enrollment of a lead, ended ones included, oldest first.
pub async fn all_of_lead(tx: &mut Tx, lead: LeadId) -> Result<Vec<Walk>, StoreError> {
    let sql = ALL_OF_LEAD.on(tx.dialect());
    let text: String =
        on_db!(tx, |conn| sqlx::query_scalar(sql).bind(lead.to_string()).fetch_one(conn).await)?;
    read(&text)
}

/// Every row, or the first problem.
fn all_of(text: &str) -> Result<Vec<Walk>, StoreError> {
    packed::rows::<WalkRow<'_>>("enrollments", text)?.into_iter().map(Walk::try_from).collect()
}

/// The rows that can be read.
fn read(text: &str) -> Result<Vec<Walk>, StoreError> {
    let mut walks = Vec::new();
    for row in packed::rows::<WalkRow<'_>>("enrollments", text)? {
        let id = row.id.to_string();
        match Walk::try_from(row) {
            Ok(walk) => walks.push(walk),
            Err(problem) => tracing::error!(enrollment = id, %problem, "an enrollment cannot be read"),
        }
    }
    Ok(walks)
}

static LEADS: Sql = Sql::new(packed!(lead!(), "FROM {each} JOIN leads l ON l.id = e.value->>0"));

/// Leads as decisions need them, outside any enrollment.
pub async fn leads(tx: &mut Tx, ids: &[LeadId]) -> Result<Vec<LeadOnFile>, StoreError> {
    let sql = LEADS.on(tx.dialect());
    let keys = super::keys(ids);
    let text: String = on_db!(tx, |conn| sqlx::query_scalar(sql).bind(keys).fetch_one(conn).await)?;
    packed::rows::<LeadRow<'_>>("leads", &text)?.into_iter().map(LeadOnFile::try_from).collect()
}

static CALLED_ZONES: &str = "SELECT DISTINCT l.phone, l.phone_zones FROM leads l WHERE l.phone IS NOT NULL";

/// `(E.164, JSON array of zone names)` of every lead with a number: for audits of a whole trial.
pub async fn called_zones(tx: &mut Tx) -> Result<Vec<(String, String)>, StoreError> {
    Ok(on_db!(tx, |conn| sqlx::query_as(CALLED_ZONES).fetch_all(conn).await)?)
}

impl TryFrom<WalkRow<'_>> for Walk {
    type Error = StoreError;

    fn try_from(row: WalkRow<'_>) -> Result<Self, StoreError> {
        let bad = |column, problem: &dyn std::fmt::Display| {
            StoreError::bad_row("enrollments", column, &row.id, problem)
        };
        let variables: Value = if row.variables == "{}" {
            Value::Object(serde_json::Map::new())
        } else {
            serde_json::from_str(&row.variables).map_err(|e| bad("variables", &e))?
        };
        let lead = LeadOnFile::try_from(row.lead)?;
        let enrollment = Enrollment {
            id: row.id.parse().map_err(|e| bad("id", &e))?,
            lead_id: lead.id,
            campaign_id: row.campaign_id.parse().map_err(|e| bad("campaign_id", &e))?,
            state: row.state.parse::<EnrollmentState>().map_err(|e| bad("state", &e))?,
            position: Position {
                visit: row.visit as u32,
                attempt: row.attempt as u32,
                due_since: instant_from_micros(row.due_since),
                promised: row.promised != 0,
                step: row.step,
            },
            due_at: row.due_at.map(instant_from_micros),
            started_at: instant_from_micros(row.started_at),
            priority: Priority::from_rank(row.priority),
            placed: row.placed as u32,
            cadence: row.cadence,
            version: row.version,
            wait_event: row.wait_event,
            variables,
        };
        let verdict = row.verdict.zip(row.reason);
        Ok(Self { enrollment, lead, verdict, hold: row.hold, result: row.result, entry_key: row.entry_key })
    }
}

impl LeadOnFile {
    /// A lead that need not be on file, as it would be read back.
    pub fn of(lead: &Lead) -> Result<Self, StoreError> {
        let bad = |column, problem: serde_json::Error| StoreError::bad_row("leads", column, lead.id, problem);
        let reach = Reach::of(lead);
        let zones: Vec<&str> = reach.zones.iter().map(Zone::name).collect();
        let preferred = lead.preferred.as_ref().map(serde_json::to_string).transpose();
        Ok(Self {
            id: lead.id,
            external_id: lead.external_id.clone(),
            status: lead.status,
            language: lead.language.clone(),
            zone: lead.zone.as_ref().map(|zone| zone.name().to_owned()),
            country: lead.country.clone(),
            region: lead.region.clone(),
            preferred: preferred.map_err(|e| bad("preferred", e))?,
            do_not_call: lead.do_not_call,
            synthetic: lead.synthetic,
            score: lead.score,
            first_name: lead.first_name.clone(),
            last_name: lead.last_name.clone(),
            email: lead.email.clone(),
            company: lead.company.clone(),
            segment: lead.segment.map(|segment| segment.as_str().to_owned()),
            tags: serde_json::to_string(&lead.tags).map_err(|e| bad("tags", e))?,
            custom: serde_json::to_string(&lead.custom).map_err(|e| bad("custom", e))?,
            phone: reach.number.map(PhoneNumber::e164),
            phone_invalid: reach.invalid,
            phone_zones: serde_json::to_string(&zones).map_err(|e| bad("phone_zones", e))?,
            phone_jurisdictions: serde_json::to_string(&reach.jurisdictions)
                .map_err(|e| bad("phone_jurisdictions", e))?,
            account_id: lead.account_id.clone(),
        })
    }
}

impl TryFrom<LeadRow<'_>> for LeadOnFile {
    type Error = StoreError;

    fn try_from(row: LeadRow<'_>) -> Result<Self, StoreError> {
        let bad =
            |column, problem: &dyn std::fmt::Display| StoreError::bad_row("leads", column, &row.id, problem);
        Ok(Self {
            id: row.id.parse().map_err(|e| bad("id", &e))?,
            status: row.status.parse::<LeadStatus>().map_err(|e| bad("status", &e))?,
            external_id: row.external_id,
            language: row.language,
            zone: row.zone,
            country: row.country,
            region: row.region,
            preferred: row.preferred,
            do_not_call: row.do_not_call != 0,
            synthetic: row.synthetic != 0,
            score: row.score,
            first_name: row.first_name,
            last_name: row.last_name,
            email: row.email,
            company: row.company,
            segment: row.segment,
            tags: row.tags,
            custom: row.custom,
            phone: row.phone,
            phone_invalid: row.phone_invalid,
            phone_zones: row.phone_zones,
            phone_jurisdictions: row.phone_jurisdictions,
            account_id: row.account_id,
        })
    }
}
