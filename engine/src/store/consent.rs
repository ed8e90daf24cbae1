//! The consent ledger: entries are added and revoked, never edited or deleted (GATE-3). What was taken back has rows of its
//! own, which stand even where nothing was on file.

use serde::Deserialize;

use super::bulk::bulk_row;
use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use super::packed::{self, packed};
use super::{lead_change, number_lock};
use crate::clock::{Instant, instant_from_micros, micros};
use crate::domain::consent::{Channel, Consent, Details, Purpose};
use crate::domain::revocation::Revocation;
use crate::id::{ConsentId, LeadId};
use crate::journal::Word;
use crate::phone::number::PhoneNumber;

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
        number: Option<String>,
        channel: Option<&'static str>,
        seller: Option<String>,
        language: Option<String>,
        evidence_url: Option<String>,
        evidence_sha256: Option<String>,
        recorded_at: Option<i64>,
        recorded_by: Option<String>,
    }
}

bulk_row! {
    struct RevocationWrite {
        id: String,
        lead_id: String,
        number: Option<String>,
        purpose: Option<&'static str>,
        channel: &'static str,
        words: Option<String>,
        language: Option<String>,
        received_at: i64,
        due_on: String,
        honored_at: i64,
        source: String,
        recorded_by: Option<String>,
        attempt_id: Option<String>,
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct ConsentRow {
    id: String,
    lead_id: String,
    purpose: String,
    form: String,
    granted_at: i64,
    revoked_at: Option<i64>,
    wording: Option<String>,
    evidence: Option<String>,
    source: String,
    number: Option<String>,
    channel: Option<String>,
    seller: Option<String>,
    language: Option<String>,
    evidence_url: Option<String>,
    evidence_sha256: Option<String>,
    recorded_at: Option<i64>,
    recorded_by: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RevocationRow {
    id: String,
    lead_id: String,
    number: Option<String>,
    purpose: Option<String>,
    channel: String,
    words: Option<String>,
    language: Option<String>,
    received_at: i64,
    due_on: String,
    honored_at: i64,
    source: String,
    recorded_by: Option<String>,
    attempt_id: Option<String>,
}

/// Columns of an entry `c` and of a revocation `r`, in the order of their rows.
macro_rules! consent_columns {
    () => {
        "c.id, c.lead_id, c.purpose, c.form, c.granted_at, c.revoked_at, c.wording, c.evidence, c.source, c.number, c.channel,
         c.seller, c.language, c.evidence_url, c.evidence_sha256, c.recorded_at, c.recorded_by"
    };
}
pub(super) use consent_columns;
macro_rules! revocation_columns {
    () => {
        "r.id, r.lead_id, r.number, r.purpose, r.channel, r.words, r.language, r.received_at, r.due_on, r.honored_at, r.source,
         r.recorded_by, r.attempt_id"
    };
}
pub(super) use revocation_columns;

static ADD: Sql = Sql::new(
    "INSERT INTO consents (id, lead_id, purpose, form, granted_at, revoked_at, wording, evidence, source, number, channel, seller,
                           language, evidence_url, evidence_sha256, recorded_at, recorded_by)
     SELECT e.value->>0, e.value->>1, e.value->>2, e.value->>3, CAST(e.value->>4 AS BIGINT), CAST(e.value->>5 AS BIGINT),
            e.value->>6, e.value->>7, e.value->>8, e.value->>9, e.value->>10, e.value->>11, e.value->>12, e.value->>13,
            e.value->>14, CAST(e.value->>15 AS BIGINT), e.value->>16
     FROM {each} WHERE true",
);
// The same thing said at the same instant is one revocation: a replayed journal or a repeated callback adds none.
static TAKE_BACK: Sql = Sql::new(
    "INSERT INTO revocations (id, lead_id, number, purpose, channel, words, language, received_at, due_on, honored_at, source,
                              recorded_by, attempt_id)
     SELECT e.value->>0, e.value->>1, e.value->>2, e.value->>3, e.value->>4, e.value->>5, e.value->>6,
            CAST(e.value->>7 AS BIGINT), e.value->>8, CAST(e.value->>9 AS BIGINT), e.value->>10, e.value->>11, e.value->>12
     FROM {each}
     WHERE NOT EXISTS (SELECT 1 FROM revocations r
                       WHERE r.lead_id = e.value->>1 AND r.received_at = CAST(e.value->>7 AS BIGINT)
                         AND coalesce(r.purpose, '') = coalesce(e.value->>3, ''))",
);
static OF_LEADS: Sql = Sql::new(packed!(
    consent_columns!(),
    "FROM consents c WHERE c.lead_id {any} ORDER BY c.lead_id, c.granted_at, c.id"
));
static REVOCATIONS_OF_LEADS: Sql = Sql::new(packed!(
    revocation_columns!(),
    "FROM revocations r WHERE r.lead_id {any} ORDER BY r.lead_id, r.received_at, r.id"
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
            number: entry.details.number.map(PhoneNumber::e164),
            channel: entry.details.channel.map(Channel::as_str),
            seller: entry.details.seller.clone(),
            language: entry.details.language.clone(),
            evidence_url: entry.details.evidence_url.clone(),
            evidence_sha256: entry.details.evidence_sha256.clone(),
            recorded_at: entry.details.recorded_at.map(micros),
            recorded_by: entry.details.recorded_by.clone(),
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

/// Puts on file what people took back, and revokes what they had agreed to until then: of one purpose, where one is named. A
/// revocation of everything leaves entries as they are; opting out, which the engine does with it, stops calls and messages.
/// Locks the leads' numbers (I11).
pub async fn take_back(tx: &mut Tx, revocations: &[Revocation]) -> Result<(), StoreError> {
    if revocations.is_empty() {
        return Ok(());
    }
    let mut leads: Vec<String> = revocations.iter().map(|taken| taken.lead_id.to_string()).collect();
    leads.sort_unstable();
    leads.dedup();
    let numbers: Vec<String> =
        lead_change::numbers(tx, &leads).await?.into_iter().map(|(_, number)| number).collect();
    number_lock::lock_numbers(tx, &numbers).await?;
    note_revocations(tx, revocations).await?;
    for Revocation { lead_id, purpose, received_at, .. } in revocations {
        let Some(purpose) = *purpose else { continue };
        on_db!(tx, |conn| sqlx::query(REVOKE_PURPOSE_UNTIL)
            .bind(lead_id.to_string())
            .bind(purpose.as_str())
            .bind(micros(*received_at))
            .execute(conn)
            .await
            .map(|_| ()))?;
        tx.noted().note(Word::PurposeRevoked { lead: *lead_id, purpose, revoked_at: *received_at });
    }
    Ok(())
}

/// The rows alone, for whoever holds the locks and does the rest.
pub async fn note_revocations(tx: &mut Tx, revocations: &[Revocation]) -> Result<(), StoreError> {
    if revocations.is_empty() {
        return Ok(());
    }
    let rows: Vec<RevocationWrite> = revocations
        .iter()
        .map(|taken| RevocationWrite {
            id: taken.id.to_string(),
            lead_id: taken.lead_id.to_string(),
            number: taken.number.clone(),
            purpose: taken.purpose.map(Purpose::as_str),
            channel: taken.channel.as_str(),
            words: taken.words.clone(),
            language: taken.language.clone(),
            received_at: micros(taken.received_at),
            due_on: taken.due_on.to_string(),
            honored_at: micros(taken.honored_at),
            source: taken.source.clone(),
            recorded_by: taken.recorded_by.clone(),
            attempt_id: taken.attempt_id.map(|id| id.to_string()),
        })
        .collect();
    let (sql, bulk) = (TAKE_BACK.on(tx.dialect()), super::bulk(&rows)?);
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Everything these leads took back, oldest first per lead.
pub async fn revocations_of_leads(tx: &mut Tx, leads: &[LeadId]) -> Result<Vec<Revocation>, StoreError> {
    if leads.is_empty() {
        return Ok(Vec::new());
    }
    let (sql, keys) = (REVOCATIONS_OF_LEADS.on(tx.dialect()), super::keys(leads));
    let text: String = on_db!(tx, |conn| sqlx::query_scalar(sql).bind(keys).fetch_one(conn).await)?;
    packed::rows::<RevocationRow>("revocations", &text)?.into_iter().map(Revocation::try_from).collect()
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
        let number = row.number.as_deref().map(PhoneNumber::e164_only).transpose();
        let channel = row.channel.as_deref().map(str::parse::<Channel>).transpose();
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
            details: Details {
                number: number.map_err(|e| bad("number", &e))?,
                channel: channel.map_err(|e| bad("channel", &e))?,
                seller: row.seller,
                language: row.language,
                evidence_url: row.evidence_url,
                evidence_sha256: row.evidence_sha256,
                recorded_at: row.recorded_at.map(instant_from_micros),
                recorded_by: row.recorded_by,
            },
        })
    }
}

impl TryFrom<RevocationRow> for Revocation {
    type Error = StoreError;

    fn try_from(row: RevocationRow) -> Result<Self, StoreError> {
        let id = &row.id;
        let bad =
            |column, problem: &dyn std::fmt::Display| StoreError::bad_row("revocations", column, id, problem);
        let purpose = row.purpose.as_deref().map(str::parse::<Purpose>).transpose();
        let attempt_id = row.attempt_id.as_deref().map(str::parse).transpose();
        Ok(Self {
            id: id.parse().map_err(|e| bad("id", &e))?,
            lead_id: row.lead_id.parse().map_err(|e| bad("lead_id", &e))?,
            purpose: purpose.map_err(|e| bad("purpose", &e))?,
            channel: row.channel.parse().map_err(|e| bad("channel", &e))?,
            due_on: row.due_on.parse().map_err(|e| bad("due_on", &e))?,
            attempt_id: attempt_id.map_err(|e| bad("attempt_id", &e))?,
            received_at: instant_from_micros(row.received_at),
            honored_at: instant_from_micros(row.honored_at),
            number: row.number,
            words: row.words,
            language: row.language,
            source: row.source,
            recorded_by: row.recorded_by,
        })
    }
}
