//! The simulated carrier's books as rows. Only the carrier writes them and only audits read them: no rule depends on them.

use sqlx_macros::FromRow;

use super::bulk::bulk_row;
use super::db::{Sql, Tx, on_db};
use super::error::StoreError;

bulk_row! {
    /// An entry as a row; the last four are `None` while the call goes on.
    #[derive(PartialEq, Eq, FromRow)]
    pub struct Row {
        call_id: String,
        attempt_id: String,
        enrollment_id: Option<String>,
        number: String,
        step: String,
        visit: i64,
        attempt: i64,
        asked_at: i64,
        accepted: i64,
        status: Option<String>,
        ended_at: Option<i64>,
        talk_s: Option<i64>,
        converted: Option<i64>,
    }
}

static SAVE: Sql = Sql::new(
    "INSERT INTO carrier_ledger (call_id, attempt_id, enrollment_id, number, step, visit, attempt, asked_at, accepted, status,
                                 ended_at, talk_s, converted)
     SELECT e.value->>0, e.value->>1, e.value->>2, e.value->>3, e.value->>4, CAST(e.value->>5 AS BIGINT),
            CAST(e.value->>6 AS BIGINT), CAST(e.value->>7 AS BIGINT), CAST(e.value->>8 AS BIGINT), e.value->>9,
            CAST(e.value->>10 AS BIGINT), CAST(e.value->>11 AS BIGINT), CAST(e.value->>12 AS BIGINT)
     FROM {each} WHERE true
     ON CONFLICT (call_id) DO UPDATE SET status = excluded.status, ended_at = excluded.ended_at, talk_s = excluded.talk_s,
            converted = excluded.converted",
);

static ALL: &str =
    "SELECT call_id, attempt_id, enrollment_id, number, step, visit, attempt, asked_at, accepted, status,
            ended_at, talk_s, converted
     FROM carrier_ledger ORDER BY asked_at, call_id";

/// Writes entries; the end of a known call is brought up to date. Each call at most once per batch.
pub async fn save(tx: &mut Tx, rows: &[Row]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = SAVE.on(tx.dialect());
    let bulk = super::bulk(rows)?;
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// The whole books, in the order in which calls were asked for.
pub async fn all(tx: &mut Tx) -> Result<Vec<Row>, StoreError> {
    Ok(on_db!(tx, |conn| sqlx::query_as(ALL).fetch_all(conn).await)?)
}
