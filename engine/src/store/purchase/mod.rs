//! Purchases: who bought what, when, for how much. The grounds of price-drop and restock calls are read from here.

mod buyers;
mod page;
mod rows;
mod upsert;

pub use buyers::{buyers, count_buyers, history, of_products, worth};
pub use page::{PurchaseFilter, page};
pub use upsert::{Edited, Upserted, update, upsert_many};

use self::rows::{PurchaseRow, purchase_row};
use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use crate::domain::purchase::Purchase;
use crate::id::PurchaseId;

static FIND: Sql =
    Sql::new(purchase_row!("FROM {each} JOIN purchases p ON p.id = e.value->>0 ORDER BY p.id"));
static LOCK: Sql = Sql::new(concat!(
    purchase_row!("FROM purchases p WHERE p.id IN (SELECT e.value->>0 FROM {each}) ORDER BY p.id "),
    "{lock}"
));
const RESOLVE: &str = "SELECT id FROM (
         SELECT id, 0 AS place FROM purchases WHERE id = $1 UNION ALL SELECT id, 1 FROM purchases WHERE external_id = $2
     ) AS found ORDER BY place LIMIT 1";
const REMOVE: &str = "DELETE FROM purchases WHERE id = $1";

pub async fn find(tx: &mut Tx, id: PurchaseId) -> Result<Option<Purchase>, StoreError> {
    Ok(find_many(tx, &[id]).await?.pop())
}

/// The purchases that exist among these, in id order.
pub async fn find_many(tx: &mut Tx, ids: &[PurchaseId]) -> Result<Vec<Purchase>, StoreError> {
    read(tx, &FIND, ids).await
}

/// The purchase that a caller means by our id or by the shop's.
pub async fn resolve(tx: &mut Tx, text: &str) -> Result<Option<PurchaseId>, StoreError> {
    let own = text.parse::<PurchaseId>().map_or_else(|_| text.to_owned(), |id| id.to_string());
    let id: Option<String> =
        on_db!(tx, |conn| sqlx::query_scalar(RESOLVE).bind(own).bind(text).fetch_optional(conn).await)?;
    id.map(|id| id.parse().map_err(|e| StoreError::bad_row("purchases", "id", &id, e))).transpose()
}

/// Removes a purchase that never was one; answers whether it was on file. What was given back is written as `refunded`.
pub async fn remove(tx: &mut Tx, id: PurchaseId) -> Result<bool, StoreError> {
    let done = on_db!(tx, |conn| sqlx::query(REMOVE)
        .bind(id.to_string())
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(done > 0)
}

/// As [`find_many`], and nobody else changes these rows until the transaction ends.
async fn lock_many(tx: &mut Tx, ids: &[PurchaseId]) -> Result<Vec<Purchase>, StoreError> {
    read(tx, &LOCK, ids).await
}

async fn read(tx: &mut Tx, statement: &Sql, ids: &[PurchaseId]) -> Result<Vec<Purchase>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let (sql, keys) = (statement.on(tx.dialect()), super::keys(ids));
    let rows: Vec<PurchaseRow> = on_db!(tx, |conn| sqlx::query_as(sql).bind(keys).fetch_all(conn).await)?;
    rows.into_iter().map(Purchase::try_from).collect()
}
