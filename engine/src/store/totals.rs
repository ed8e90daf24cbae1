//! Calls, talk and conversions counted from one source at a time, so that two sources can be held against each other.

use super::db::{Tx, on_db};
use super::error::StoreError;

/// `(calls placed, talk seconds, conversions)`.
pub type Totals = (u64, u64, u64);

const OF_ATTEMPTS: &str = "SELECT count(*), CAST(coalesce(sum(c.talk_s), 0) AS BIGINT),
            CAST(coalesce(sum(CASE WHEN a.outcome = 'converted' THEN 1 ELSE 0 END), 0) AS BIGINT)
     FROM attempts a JOIN calls c ON c.attempt_id = a.id WHERE a.state = 'finished'";
const OF_EVENTS: &str = "SELECT
     (SELECT count(*) FROM events WHERE kind = 'CALL_PLACED'),
     (SELECT CAST(coalesce(sum(CAST(CAST(data AS json)->>'callDuration' AS BIGINT)), 0) AS BIGINT) FROM events WHERE kind = 'CALL_ANSWERED'),
     (SELECT count(*) FROM events WHERE kind = 'OFFER_ACCEPTED')";

const OF_EVENTS_SQLITE: &str = "SELECT
     (SELECT count(*) FROM events WHERE kind = 'CALL_PLACED'),
     (SELECT coalesce(sum(data->>'callDuration'), 0) FROM events WHERE kind = 'CALL_ANSWERED'),
     (SELECT count(*) FROM events WHERE kind = 'OFFER_ACCEPTED')";

/// By attempts and their calls.
pub async fn of_attempts(tx: &mut Tx) -> Result<Totals, StoreError> {
    read(tx, OF_ATTEMPTS).await
}

/// By the event log alone.
pub async fn of_events(tx: &mut Tx) -> Result<Totals, StoreError> {
    // SQLite has no json type: there the text is read as it is.
    match tx.dialect() {
        super::Dialect::Postgres => read(tx, OF_EVENTS).await,
        super::Dialect::Sqlite => read(tx, OF_EVENTS_SQLITE).await,
    }
}

async fn read(tx: &mut Tx, sql: &'static str) -> Result<Totals, StoreError> {
    let (calls, talk, converted): (i64, i64, i64) =
        on_db!(tx, |conn| sqlx::query_as(sql).fetch_one(conn).await)?;
    Ok((calls as u64, talk as u64, converted as u64))
}
