//! Tasks that cadences give to people.

use super::bulk::bulk_row;
use super::db::{Sql, Tx, on_db};
use super::error::StoreError;

bulk_row! {
    pub struct NewRow {
        id: String,
        lead_id: String,
        enrollment_id: Option<String>,
        title: String,
        due_at: Option<i64>,
        created_at: i64,
    }
}

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
