//! Tasks that cadences give to people.

use serde::Serialize;

use super::db::{Sql, Tx, on_db};
use super::error::StoreError;

#[derive(Debug, Clone, Serialize)]
pub struct NewRow(
    pub String,         // 0 id
    pub String,         // 1 lead_id
    pub Option<String>, // 2 enrollment_id
    pub String,         // 3 title
    pub Option<i64>,    // 4 due_at
    pub i64,            // 5 created_at
);

static INSERT: Sql = Sql::new(
    "INSERT INTO tasks (id, lead_id, enrollment_id, title, status, due_at, created_at)
     SELECT e.value->>0, e.value->>1, e.value->>2, e.value->>3, 'open', CAST(e.value->>4 AS BIGINT), CAST(e.value->>5 AS BIGINT)
     FROM {each} WHERE true",
);

pub async fn insert_many(tx: &mut Tx, rows: &[NewRow]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = INSERT.on(tx.dialect());
    let bulk = super::bulk(rows)?;
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).execute(conn).await.map(|_| ()))?;
    Ok(())
}
