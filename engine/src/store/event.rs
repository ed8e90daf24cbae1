//! Appending events. Reading them back is [`super::event_read`].

use serde::Serialize;

use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use crate::clock::{Instant, micros};
use crate::domain::event::Event;
use crate::id::EventId;

#[derive(Serialize)]
struct Row<'a>(
    String,          // 0 id
    &'a str,         // 1 kind
    Option<String>,  // 2 lead_id
    Option<String>,  // 3 enrollment_id
    Option<String>,  // 4 attempt_id
    Option<String>,  // 5 campaign_id
    i64,             // 6 at
    Option<&'a str>, // 7 version
    String,          // 8 data
    Option<&'a str>, // 9 dedupe
);

static APPEND: Sql = Sql::new(
    "INSERT INTO events (id, kind, lead_id, enrollment_id, attempt_id, campaign_id, at, recorded_at, version, data, dedupe)
     SELECT e.value->>0, e.value->>1, e.value->>2, e.value->>3, e.value->>4, e.value->>5, CAST(e.value->>6 AS BIGINT),
            CAST($2 AS BIGINT), e.value->>7, e.value->>8, e.value->>9
     FROM {each} WHERE true",
);

static KNOWN: Sql = Sql::new("SELECT v.id, v.dedupe FROM {each} JOIN events v ON v.dedupe = e.value->>0");

/// Appends events in the caller's transaction. A repeated `dedupe` is a constraint error: look it up first with [`known`].
pub async fn append(tx: &mut Tx, events: &[Event], now: Instant) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let rows: Vec<Row<'_>> = events
        .iter()
        .map(|event| {
            Row(
                event.id.to_string(),
                &event.kind,
                event.lead_id.map(|id| id.to_string()),
                event.enrollment_id.map(|id| id.to_string()),
                event.attempt_id.map(|id| id.to_string()),
                event.campaign_id.map(|id| id.to_string()),
                micros(event.at),
                event.version.as_deref(),
                event.data.to_string(),
                event.dedupe.as_deref(),
            )
        })
        .collect();
    let sql = APPEND.on(tx.dialect());
    let bulk = super::bulk(&rows)?;
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).bind(micros(now)).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Events already recorded under these dedupe keys.
pub async fn known(tx: &mut Tx, keys: &[&str]) -> Result<Vec<(EventId, String)>, StoreError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let sql = KNOWN.on(tx.dialect());
    let bulk = super::bulk(&keys.iter().map(|key| [key]).collect::<Vec<_>>())?;
    let rows: Vec<(String, String)> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(bulk).fetch_all(conn).await)?;
    rows.into_iter()
        .map(|(id, key)| Ok((id.parse().map_err(|e| StoreError::bad_row("events", "id", &id, e))?, key)))
        .collect()
}
