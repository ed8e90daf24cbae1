//! Calls that the provider knows and a restored database does not: their attempts are written as if they had been dialed
//! from here. Only recovery does this.

use super::attempt::Attempt;
use super::bulk::bulk_row;
use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use crate::clock::{Instant, micros};
use crate::id::{AttemptId, CampaignId, EnrollmentId, LeadId};

bulk_row! {
    /// An attempt that was planned here, and dialed after the backup.
    pub struct TakenRow {
        id: String,
        /// `placed`, or `finished` when later calls of its enrollment decide where that goes on.
        state: &'static str,
        intent_at: i64,
        provider: String,
        provider_call_id: String,
        outcome: Option<&'static str>,
        disposition: Option<String>,
        finished_at: Option<i64>,
    }
}

bulk_row! {
    /// An attempt that this database never knew.
    pub struct NewRow {
        id: String,
        /// `None`: it counts in caps and keeps its number busy, and moves nothing.
        enrollment_id: Option<String>,
        lead_id: String,
        campaign_id: String,
        number: String,
        flow: String,
        version: String,
        step: String,
        visit: i64,
        attempt: i64,
        state: &'static str,
        intent_at: i64,
        provider: String,
        provider_call_id: String,
        outcome: Option<&'static str>,
        disposition: Option<String>,
        finished_at: Option<i64>,
        created_at: i64,
    }
}

static TAKE: Sql = Sql::new(
    "UPDATE attempts SET state = e.value->>1, fence = fence + 1, owner = 'recovery', intent_at = CAST(e.value->>2 AS BIGINT),
            send_by = CAST(e.value->>2 AS BIGINT), provider = e.value->>3, provider_call_id = e.value->>4,
            outcome = e.value->>5, disposition = e.value->>6, finished_at = CAST(e.value->>7 AS BIGINT), detail = 'adopted'
     FROM {each} WHERE attempts.id = e.value->>0 AND attempts.state IN ('planned', 'cancelled')",
);

static INSERT: Sql = Sql::new(
    "INSERT INTO attempts (id, enrollment_id, lead_id, campaign_id, number, flow, version, step, visit, attempt, state, priority,
                           due_at, fence, owner, intent_at, send_by, provider, provider_call_id, outcome, disposition, detail,
                           created_at, finished_at)
     SELECT e.value->>0, e.value->>1, e.value->>2, e.value->>3, e.value->>4, e.value->>5, e.value->>6, e.value->>7,
            CAST(e.value->>8 AS BIGINT), CAST(e.value->>9 AS BIGINT), e.value->>10, 1, CAST(e.value->>11 AS BIGINT), 1,
            'recovery', CAST(e.value->>11 AS BIGINT), CAST(e.value->>11 AS BIGINT), e.value->>12, e.value->>13, e.value->>14,
            e.value->>15, 'adopted', CAST(e.value->>17 AS BIGINT), CAST(e.value->>16 AS BIGINT)
     FROM {each} WHERE true",
);

static NEAR: Sql = Sql::new(
    "SELECT e.value->>0, a.id FROM {each} JOIN attempts a ON a.number = e.value->>1
     WHERE a.intent_at >= CAST(e.value->>2 AS BIGINT) AND a.intent_at <= CAST(e.value->>3 AS BIGINT)
     ORDER BY a.intent_at",
);

// The newest enrollment says for which campaign a lead was called last.
static LEADS: Sql = Sql::new(
    "SELECT e.value->>0, l.id,
            (SELECT n.campaign_id FROM enrollments n WHERE n.lead_id = l.id ORDER BY n.started_at DESC, n.id DESC LIMIT 1)
     FROM {each} JOIN leads l ON l.phone = e.value->>0 ORDER BY l.id",
);

const ANY_CAMPAIGN: &str = "SELECT id FROM campaigns ORDER BY id LIMIT 1";

static KEYS: Sql = Sql::new(
    "SELECT a.enrollment_id, a.step, a.visit, a.attempt FROM {each} JOIN attempts a ON a.enrollment_id = e.value->>0",
);

static BUSY: Sql = Sql::new(
    "SELECT a.number FROM {each} JOIN attempts a ON a.number = e.value->>0 WHERE a.state IN ('dialing', 'placed', 'unknown')",
);

const PLANNED: &str = "SELECT id FROM attempts WHERE state = 'planned' ORDER BY id LIMIT $1";
// `outside`: calls of other dialers, which whoever reported them reports again.
const OTHER_PROVIDERS: &str = "SELECT DISTINCT provider FROM attempts
     WHERE provider NOT IN ($1, 'outside') AND intent_at >= $2 ORDER BY provider";
const HOLD_BACK: &str =
    "UPDATE enrollments SET due_at = $1 WHERE state IN ('waiting', 'held') AND due_at < $1";

/// Writes planned or cancelled attempts as dialed; answers how many there were.
pub async fn take(tx: &mut Tx, rows: &[TakenRow]) -> Result<u64, StoreError> {
    if rows.is_empty() {
        return Ok(0);
    }
    let (sql, bulk) = (TAKE.on(tx.dialect()), super::bulk(rows)?);
    Ok(on_db!(tx, |conn| sqlx::query(sql).bind(bulk).execute(conn).await.map(|done| done.rows_affected()))?)
}

pub async fn insert_many(tx: &mut Tx, rows: &[NewRow]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let (sql, bulk) = (INSERT.on(tx.dialect()), super::bulk(rows)?);
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Attempts at a number whose intent lies between two instants, for `(key, number, from, until)`: `(key, attempt)`.
pub async fn near(
    tx: &mut Tx,
    wanted: &[(String, String, Instant, Instant)],
) -> Result<Vec<(String, AttemptId)>, StoreError> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<(&str, &str, i64, i64)> = wanted
        .iter()
        .map(|(key, number, from, until)| (key.as_str(), number.as_str(), micros(*from), micros(*until)))
        .collect();
    let (sql, bulk) = (NEAR.on(tx.dialect()), super::bulk(&rows)?);
    let found: Vec<(String, String)> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(bulk).fetch_all(conn).await)?;
    found.into_iter().map(|(key, id)| Ok((key, read("attempts", "id", &id)?))).collect()
}

/// Leads that are called at these numbers, each with the campaign it was last enrolled for.
pub async fn leads_of(
    tx: &mut Tx,
    numbers: &[String],
) -> Result<Vec<(String, LeadId, Option<CampaignId>)>, StoreError> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let (sql, keys) = (LEADS.on(tx.dialect()), super::keys(numbers));
    let rows: Vec<(String, String, Option<String>)> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(keys).fetch_all(conn).await)?;
    rows.into_iter()
        .map(|(number, lead, campaign)| {
            let campaign = campaign.map(|id| read("enrollments", "campaign_id", &id)).transpose()?;
            Ok((number, read("leads", "id", &lead)?, campaign))
        })
        .collect()
}

/// Some campaign, for calls that none is known of.
pub async fn any_campaign(tx: &mut Tx) -> Result<Option<CampaignId>, StoreError> {
    let id: Option<String> = on_db!(tx, |conn| sqlx::query_scalar(ANY_CAMPAIGN).fetch_optional(conn).await)?;
    id.map(|id| read("campaigns", "id", &id)).transpose()
}

/// `(enrollment, step, visit, try)` of every attempt of these enrollments.
pub async fn keys_of(
    tx: &mut Tx,
    enrollments: &[EnrollmentId],
) -> Result<Vec<(EnrollmentId, String, u32, u32)>, StoreError> {
    let (sql, keys) = (KEYS.on(tx.dialect()), super::keys(enrollments));
    let rows: Vec<(String, String, i64, i64)> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(keys).fetch_all(conn).await)?;
    rows.into_iter()
        .map(|(id, step, visit, attempt)| {
            Ok((read("attempts", "enrollment_id", &id)?, step, visit as u32, attempt as u32))
        })
        .collect()
}

/// Which of these numbers are in a call or in doubt.
pub async fn busy(tx: &mut Tx, numbers: &[String]) -> Result<Vec<String>, StoreError> {
    let (sql, keys) = (BUSY.on(tx.dialect()), super::keys(numbers));
    Ok(on_db!(tx, |conn| sqlx::query_scalar(sql).bind(keys).fetch_all(conn).await)?)
}

/// Up to `limit` attempts that wait to be dialed.
pub async fn planned(tx: &mut Tx, limit: u32) -> Result<Vec<Attempt>, StoreError> {
    let ids: Vec<String> =
        on_db!(tx, |conn| sqlx::query_scalar(PLANNED).bind(i64::from(limit)).fetch_all(conn).await)?;
    let ids: Vec<AttemptId> = ids.iter().map(|id| read("attempts", "id", id)).collect::<Result<_, _>>()?;
    super::attempt::lock_planned(tx, &ids).await
}

/// Names of the other providers that were asked for calls since an instant, by the engine's clock. Reads all attempts.
pub async fn other_providers(tx: &mut Tx, provider: &str, since: Instant) -> Result<Vec<String>, StoreError> {
    Ok(on_db!(tx, |conn| sqlx::query_scalar(OTHER_PROVIDERS)
        .bind(provider.to_owned())
        .bind(micros(since))
        .fetch_all(conn)
        .await)?)
}

/// Nobody is due before `until`; answers how many enrollments were due earlier.
pub async fn hold_back(tx: &mut Tx, until: Instant) -> Result<u64, StoreError> {
    Ok(on_db!(tx, |conn| sqlx::query(HOLD_BACK)
        .bind(micros(until))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

fn read<T: std::str::FromStr<Err: std::fmt::Display>>(
    table: &'static str,
    column: &'static str,
    text: &str,
) -> Result<T, StoreError> {
    text.parse().map_err(|e| StoreError::bad_row(table, column, text, e))
}
