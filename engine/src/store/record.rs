//! The records that a seller has to keep, read page by page: calls, consents and revocations in a span of time (16 CFR 310.5).
//! Read only; one index range per page, so that the cost does not grow with what is on file.

use serde::Deserialize;

use super::consent::{ConsentRow, RevocationRow, consent_columns, revocation_columns};
use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use super::packed::{self, packed};
use crate::clock::{Instant, micros};
use crate::domain::consent::Consent;
use crate::domain::revocation::Revocation;
use crate::id::CampaignId;

/// A call as the rows tell it; texts that have an inner form are not read here.
#[derive(Debug, Clone, Deserialize)]
pub struct CallRow {
    pub id: String,
    pub lead_id: String,
    pub external_id: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub number: String,
    pub caller: Option<String>,
    pub flow: String,
    pub version: String,
    pub state: String,
    pub intent_at: i64,
    pub provider: Option<String>,
    pub provider_call_id: Option<String>,
    pub outcome: Option<String>,
    pub disposition: Option<String>,
    /// JSON.
    pub terms: Option<String>,
    pub answered_at: Option<i64>,
    pub ended_at: Option<i64>,
    pub talk_s: Option<i64>,
    pub answered_by: Option<String>,
    pub recorded: Option<i64>,
    /// JSON.
    pub conversation: Option<String>,
}

/// Where a page starts: after the row with this time (micros) and id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    pub at: i64,
    pub id: String,
}

/// From when on (included) until when (excluded).
#[derive(Debug, Clone, Copy)]
pub struct Between {
    pub from: Instant,
    pub until: Instant,
}

// What was surely never asked for was no call.
static CALLS: Sql = Sql::new(packed!(
    "a.id, a.lead_id, l.external_id, l.first_name, l.last_name, a.number, a.caller, a.flow, a.version, a.state, a.intent_at,
     a.provider, a.provider_call_id, a.outcome, a.disposition, a.terms, c.answered_at, c.ended_at, c.talk_s, c.answered_by,
     c.recorded, c.conversation",
    "FROM (SELECT * FROM attempts t
           WHERE t.campaign_id = $1 AND t.intent_at IS NOT NULL AND t.intent_at >= $2 AND t.intent_at < $3
             AND (t.intent_at, t.id) > ($4, $5) AND t.state NOT IN ('planned', 'not_sent', 'cancelled')
           ORDER BY t.intent_at, t.id LIMIT $6) AS a
     LEFT JOIN calls c ON c.attempt_id = a.id LEFT JOIN leads l ON l.id = a.lead_id
     ORDER BY a.intent_at, a.id"
));
static CONSENTS: Sql = Sql::new(packed!(
    consent_columns!(),
    "FROM consents c WHERE c.granted_at >= $1 AND c.granted_at < $2 AND (c.granted_at, c.id) > ($3, $4)
     ORDER BY c.granted_at, c.id LIMIT $5"
));
static REVOCATIONS: Sql = Sql::new(packed!(
    revocation_columns!(),
    "FROM revocations r WHERE r.received_at >= $1 AND r.received_at < $2 AND (r.received_at, r.id) > ($3, $4)
     ORDER BY r.received_at, r.id LIMIT $5"
));
static CONSENTS_BY_IDS: Sql =
    Sql::new(packed!(consent_columns!(), "FROM {each} JOIN consents c ON c.id = e.value->>0"));
const CAMPAIGNS: &str = "SELECT id FROM campaigns WHERE id >= $1 ORDER BY id";
static COUNTS: &str = "SELECT (SELECT count(*) FROM campaigns c JOIN attempts a ON a.campaign_id = c.id
                                 AND a.intent_at IS NOT NULL AND a.intent_at >= $1 AND a.intent_at < $2
                               WHERE a.state NOT IN ('planned', 'not_sent', 'cancelled')),
                              (SELECT count(*) FROM consents WHERE granted_at >= $1 AND granted_at < $2),
                              (SELECT count(*) FROM revocations WHERE received_at >= $1 AND received_at < $2)";

/// Up to `limit` calls of a campaign, by the instant they were asked for.
pub async fn calls(
    tx: &mut Tx,
    campaign: CampaignId,
    between: Between,
    after: &After,
    limit: u32,
) -> Result<Vec<CallRow>, StoreError> {
    let sql = CALLS.on(tx.dialect());
    let text: String = on_db!(tx, |conn| sqlx::query_scalar(sql)
        .bind(campaign.to_string())
        .bind(micros(between.from))
        .bind(micros(between.until))
        .bind(after.at)
        .bind(after.id.clone())
        .bind(i64::from(limit))
        .fetch_one(conn)
        .await)?;
    packed::rows("attempts", &text)
}

/// Up to `limit` consents by when they were given.
pub async fn consents(
    tx: &mut Tx,
    between: Between,
    after: &After,
    limit: u32,
) -> Result<Vec<Consent>, StoreError> {
    let text = page(tx, &CONSENTS, between, after, limit).await?;
    packed::rows::<ConsentRow>("consents", &text)?.into_iter().map(Consent::try_from).collect()
}

/// Up to `limit` revocations by when they were received.
pub async fn revocations(
    tx: &mut Tx,
    between: Between,
    after: &After,
    limit: u32,
) -> Result<Vec<Revocation>, StoreError> {
    let text = page(tx, &REVOCATIONS, between, after, limit).await?;
    packed::rows::<RevocationRow>("revocations", &text)?.into_iter().map(Revocation::try_from).collect()
}

/// The consents with these ids.
pub async fn consents_by_ids<T: ToString>(tx: &mut Tx, ids: &[T]) -> Result<Vec<Consent>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let (sql, keys) = (CONSENTS_BY_IDS.on(tx.dialect()), super::keys(ids));
    let text: String = on_db!(tx, |conn| sqlx::query_scalar(sql).bind(keys).fetch_one(conn).await)?;
    packed::rows::<ConsentRow>("consents", &text)?.into_iter().map(Consent::try_from).collect()
}

/// Campaigns from this id on, in the order in which their calls are listed.
pub async fn campaigns(tx: &mut Tx, from: &str) -> Result<Vec<CampaignId>, StoreError> {
    let ids: Vec<String> =
        on_db!(tx, |conn| sqlx::query_scalar(CAMPAIGNS).bind(from.to_owned()).fetch_all(conn).await)?;
    ids.iter().map(|id| id.parse().map_err(|e| StoreError::bad_row("campaigns", "id", id, e))).collect()
}

/// How many calls, consents and revocations there are.
pub async fn counts(tx: &mut Tx, between: Between) -> Result<[u64; 3], StoreError> {
    let (calls, consents, revocations): (i64, i64, i64) = on_db!(tx, |conn| sqlx::query_as(COUNTS)
        .bind(micros(between.from))
        .bind(micros(between.until))
        .fetch_one(conn)
        .await)?;
    Ok([calls as u64, consents as u64, revocations as u64])
}

async fn page(
    tx: &mut Tx,
    statement: &Sql,
    between: Between,
    after: &After,
    limit: u32,
) -> Result<String, StoreError> {
    let sql = statement.on(tx.dialect());
    Ok(on_db!(tx, |conn| sqlx::query_scalar(sql)
        .bind(micros(between.from))
        .bind(micros(between.until))
        .bind(after.at)
        .bind(after.id.clone())
        .bind(i64::from(limit))
        .fetch_one(conn)
        .await)?)
}
