//! The consent ledger: entries are added and revoked, never edited or deleted (GATE-3).

use serde::Deserialize;

use super::bulk::bulk_row;
use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use super::packed::{self, packed};
use super::{lead_change, number_lock};
use crate::clock::{Instant, instant_from_micros, micros};
use crate::domain::consent::{Consent, Purpose};
use crate::id::{ConsentId, LeadId};
use crate::journal::Word;

bulk_row! {
    struct Row {
        id: String,
        lead_id: String,
        purpose: &'static str,
        form: &'static str,
        granted_at: i64,
        revoked_at: Option<i64>,
        wording: Option<String>,
        evidence: Option<String>,
        source: String,
    }
}

#[derive(Debug, Deserialize)]
struct ConsentRow {
    id: String,
    lead_id: String,
    purpose: String,
    form: String,
    granted_at: i64,
    revoked_at: Option<i64>,
    wording: Option<String>,
    evidence: Option<String>,
    source: String,
}

static ADD: Sql = Sql::new(
    "INSERT INTO consents (id, lead_id, purpose, form, granted_at, revoked_at, wording, evidence, source)
     SELECT e.value->>0, e.value->>1, e.value->>2, e.value->>3, CAST(e.value->>4 AS BIGINT), CAST(e.value->>5 AS BIGINT),
            e.value->>6, e.value->>7, e.value->>8
     FROM {each} WHERE true",
);
static OF_LEADS: Sql = Sql::new(packed!(
    "c.id, c.lead_id, c.purpose, c.form, c.granted_at, c.revoked_at, c.wording, c.evidence, c.source",
    "FROM consents c WHERE c.lead_id {any} ORDER BY c.lead_id, c.granted_at, c.id"
));
const OWNER: &str = "SELECT lead_id FROM consents WHERE id = $1 AND revoked_at IS NULL";
const REVOKE: &str = "UPDATE consents SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
const REVOKE_PURPOSE: &str =
    "UPDATE consents SET revoked_at = $3 WHERE lead_id = $1 AND purpose = $2 AND revoked_at IS NULL";

const REVOKE_PURPOSE_UNTIL: &str = "UPDATE consents SET revoked_at = $3
     WHERE lead_id = $1 AND purpose = $2 AND revoked_at IS NULL AND granted_at <= $3";

/// Adds entries. A lead that does not exist is a constraint error.
pub async fn add_many(tx: &mut Tx, entries: &[Consent]) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    let rows: Vec<Row> = entries
        .iter()
        .map(|entry| Row {
            id: entry.id.to_string(),
            lead_id: entry.lead_id.to_string(),
            purpose: entry.purpose.as_str(),
            form: entry.form.as_str(),
            granted_at: micros(entry.granted_at),
            revoked_at: entry.revoked_at.map(micros),
            wording: entry.wording.clone(),
            evidence: entry.evidence.clone(),
            source: entry.source.clone(),
        })
        .collect();
    let (sql, bulk) = (ADD.on(tx.dialect()), super::bulk(&rows)?);
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Revokes one entry as of `at`; answers whether it was in force. Locks the lead's numbers: no claim in flight misses it (I11).
pub async fn revoke(tx: &mut Tx, id: ConsentId, at: Instant) -> Result<bool, StoreError> {
    let lead: Option<String> =
        on_db!(tx, |conn| sqlx::query_scalar(OWNER).bind(id.to_string()).fetch_optional(conn).await)?;
    let Some(lead) = lead else { return Ok(false) };
    lock(tx, &lead).await?;
    let done = on_db!(tx, |conn| sqlx::query(REVOKE)
        .bind(id.to_string())
        .bind(micros(at))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    if done > 0 {
        tx.noted().note(Word::ConsentRevoked { consent: id, revoked_at: at });
    }
    Ok(done > 0)
}

/// Revokes everything in force that a lead agreed to for one purpose; answers how many entries.
pub async fn revoke_purpose(
    tx: &mut Tx,
    lead: LeadId,
    purpose: Purpose,
    at: Instant,
) -> Result<u64, StoreError> {
    lock(tx, &lead.to_string()).await?;
    let done = on_db!(tx, |conn| sqlx::query(REVOKE_PURPOSE)
        .bind(lead.to_string())
        .bind(purpose.as_str())
        .bind(micros(at))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    if done > 0 {
        tx.noted().note(Word::PurposeRevoked { lead, purpose, revoked_at: at });
    }
    Ok(done)
}

/// Revokes, as [`revoke_purpose`] does, only what was agreed to until `at`: a consent given later is another matter.
pub async fn revoke_purpose_until(
    tx: &mut Tx,
    lead: LeadId,
    purpose: Purpose,
    at: Instant,
) -> Result<u64, StoreError> {
    lock(tx, &lead.to_string()).await?;
    Ok(on_db!(tx, |conn| sqlx::query(REVOKE_PURPOSE_UNTIL)
        .bind(lead.to_string())
        .bind(purpose.as_str())
        .bind(micros(at))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

/// Every entry of these leads, revoked ones included, oldest first per lead.
pub async fn of_leads(tx: &mut Tx, leads: &[LeadId]) -> Result<Vec<Consent>, StoreError> {
    if leads.is_empty() {
        return Ok(Vec::new());
    }
    let (sql, keys) = (OF_LEADS.on(tx.dialect()), super::keys(leads));
    let text: String = on_db!(tx, |conn| sqlx::query_scalar(sql).bind(keys).fetch_one(conn).await)?;
    packed::rows::<ConsentRow>("consents", &text)?.into_iter().map(Consent::try_from).collect()
}

async fn lock(tx: &mut Tx, lead: &str) -> Result<(), StoreError> {
    let numbers: Vec<String> =
        lead_change::numbers(tx, &[lead]).await?.into_iter().map(|(_, number)| number).collect();
    number_lock::lock_numbers(tx, &numbers).await
}

impl TryFrom<ConsentRow> for Consent {
    type Error = StoreError;

    fn try_from(row: ConsentRow) -> Result<Self, StoreError> {
        let id = &row.id;
        let bad =
            |column, problem: &dyn std::fmt::Display| StoreError::bad_row("consents", column, id, problem);
        Ok(Self {
            id: id.parse().map_err(|e| bad("id", &e))?,
            lead_id: row.lead_id.parse().map_err(|e| bad("lead_id", &e))?,
            purpose: row.purpose.parse().map_err(|e| bad("purpose", &e))?,
            form: row.form.parse().map_err(|e| bad("form", &e))?,
            granted_at: instant_from_micros(row.granted_at),
            revoked_at: row.revoked_at.map(instant_from_micros),
            wording: row.wording,
            evidence: row.evidence,
            source: row.source,
        })
    }
}
