//! What the engine changes on leads as calls and events come in; people's edits are in [`super::lead`].

use super::bulk::bulk_row;
use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use crate::clock::{Instant, micros};
use crate::id::LeadId;
use crate::journal::Word;

bulk_row! {
    /// Changes of one lead, as a row. `None` leaves a column as it is.
    pub struct Change {
        id: String,
        /// An opted-out lead keeps its own.
        status: Option<&'static str>,
        score_delta: i64,
        /// Absolute, before the delta.
        score: Option<i64>,
        last_contacted_at: Option<i64>,
        phone_invalid: Option<String>,
        /// 1 sets do_not_call and the absorbing status.
        opted_out: i64,
        segment: Option<String>,
    }
}

impl Change {
    /// Changes nothing yet.
    pub fn of(lead: LeadId) -> Self {
        Self {
            id: lead.to_string(),
            status: None,
            score_delta: 0,
            score: None,
            last_contacted_at: None,
            phone_invalid: None,
            opted_out: 0,
            segment: None,
        }
    }
}

static APPLY: Sql = Sql::new(
    "UPDATE leads SET
        status = CASE WHEN CAST(e.value->>6 AS BIGINT) = 1 OR status = 'opted_out' THEN
                      CASE WHEN CAST(e.value->>6 AS BIGINT) = 1 THEN 'opted_out' ELSE status END
                 -- A contact lifts only those who were never reached; it does not take a trial or a customer back.
                 WHEN e.value->>1 = 'contacted' AND status NOT IN ('cold', 'unresponsive') THEN status
                 ELSE coalesce(e.value->>1, status) END,
        score = CASE WHEN coalesce(CAST(e.value->>3 AS BIGINT), score) + CAST(e.value->>2 AS BIGINT) > 100 THEN 100
                     WHEN coalesce(CAST(e.value->>3 AS BIGINT), score) + CAST(e.value->>2 AS BIGINT) < 0 THEN 0
                     ELSE coalesce(CAST(e.value->>3 AS BIGINT), score) + CAST(e.value->>2 AS BIGINT) END,
        last_contacted_at = coalesce(CAST(e.value->>4 AS BIGINT), last_contacted_at),
        phone_invalid = coalesce(e.value->>5, phone_invalid),
        segment = coalesce(e.value->>7, segment),
        do_not_call = CASE WHEN CAST(e.value->>6 AS BIGINT) = 1 THEN 1 ELSE do_not_call END,
        updated_at = $2
     FROM {each} WHERE leads.id = e.value->>0",
);

const CUSTOM: &str = "SELECT custom FROM leads WHERE id = $1";
const SET_CUSTOM: &str = "UPDATE leads SET custom = $2, updated_at = $3 WHERE id = $1";

/// Numbers of leads, for suppression: every callable one.
static NUMBERS: Sql = Sql::new(
    "SELECT p.lead_id, p.number FROM {each} JOIN phones p ON p.lead_id = e.value->>0 WHERE p.number IS NOT NULL
     UNION SELECT l.id, l.phone FROM {each} JOIN leads l ON l.id = e.value->>0 WHERE l.phone IS NOT NULL",
);

pub async fn apply(tx: &mut Tx, rows: &[Change], now: Instant) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    if tx.noted().wanted() {
        for row in rows.iter().filter(|row| row.opted_out == 1) {
            let lead = row.id.parse().map_err(|e| StoreError::bad_row("leads", "id", &row.id, e))?;
            tx.noted().note(Word::OptedOut { lead });
        }
    }
    let sql = APPLY.on(tx.dialect());
    let bulk = super::bulk(rows)?;
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).bind(micros(now)).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Sets custom fields, one lead at a time: only `update` steps do this, and seldom.
pub async fn set_custom(
    tx: &mut Tx,
    fields: &[(LeadId, String, serde_json::Value)],
    now: Instant,
) -> Result<(), StoreError> {
    for (lead, field, value) in fields {
        let id = lead.to_string();
        let text: Option<String> =
            on_db!(tx, |conn| sqlx::query_scalar(CUSTOM).bind(&id).fetch_optional(conn).await)?;
        let Some(text) = text else { continue };
        let bad = |e: serde_json::Error| StoreError::bad_row("leads", "custom", &id, e);
        let mut custom: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&text).map_err(bad)?;
        custom.insert(field.clone(), value.clone());
        let text = serde_json::to_string(&custom).map_err(bad)?;
        on_db!(tx, |conn| sqlx::query(SET_CUSTOM)
            .bind(&id)
            .bind(text)
            .bind(micros(now))
            .execute(conn)
            .await
            .map(|_| ()))?;
    }
    Ok(())
}

static NAMES: Sql = Sql::new(
    "SELECT l.id, l.external_id, l.first_name, l.last_name FROM {each} JOIN leads l ON l.id = e.value->>0",
);

/// Id, outside id, first and last name.
pub type Name = (String, Option<String>, Option<String>, Option<String>);

/// What these leads are called.
pub async fn names<T: ToString + Sync>(tx: &mut Tx, leads: &[T]) -> Result<Vec<Name>, StoreError> {
    let sql = NAMES.on(tx.dialect());
    let keys = super::keys(leads);
    Ok(on_db!(tx, |conn| sqlx::query_as(sql).bind(keys).fetch_all(conn).await)?)
}

/// `(lead id, E.164)` of every number of these leads, each once.
pub async fn numbers<T: ToString + Sync>(
    tx: &mut Tx,
    leads: &[T],
) -> Result<Vec<(String, String)>, StoreError> {
    let sql = NUMBERS.on(tx.dialect());
    let keys = super::keys(leads);
    Ok(on_db!(tx, |conn| sqlx::query_as(sql).bind(keys).fetch_all(conn).await)?)
}
