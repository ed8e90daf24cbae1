//! Products of the catalogue: reading, writing, listing. Prices and stocks of the past are [`history`].

pub mod history;
mod page;
mod rows;
mod upsert;

pub use page::{ProductFilter, page};
pub use upsert::{Edited, Upserted, set_price, update, upsert_many};

use std::collections::HashMap;

use self::rows::{ProductRow, product_row};
use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use crate::domain::product::Product;
use crate::id::ProductId;

static FIND: Sql = Sql::new(product_row!("FROM {each} JOIN products p ON p.id = e.value->>0 ORDER BY p.id"));
static LOCK: Sql = Sql::new(concat!(
    product_row!("FROM products p WHERE p.id IN (SELECT e.value->>0 FROM {each}) ORDER BY p.id "),
    "{lock}"
));
static RESOLVE: Sql = Sql::new(
    "SELECT e.value->>0, p.id FROM {each} JOIN products p ON p.id = lower(e.value->>0)
     UNION ALL SELECT e.value->>0, p.id FROM {each} JOIN products p ON p.external_id = e.value->>0",
);
const REMOVE: &str = "DELETE FROM products WHERE id = $1
     AND NOT EXISTS (SELECT 1 FROM purchases WHERE product_id = $1)
     AND NOT EXISTS (SELECT 1 FROM coupons WHERE product_id = $1)";

pub async fn find(tx: &mut Tx, id: ProductId) -> Result<Option<Product>, StoreError> {
    Ok(find_many(tx, &[id]).await?.pop())
}

/// The products that exist among these, in id order.
pub async fn find_many(tx: &mut Tx, ids: &[ProductId]) -> Result<Vec<Product>, StoreError> {
    read(tx, &FIND, ids).await
}

/// The product that a caller means by our id or by the shop's.
pub async fn resolve(tx: &mut Tx, text: &str) -> Result<Option<ProductId>, StoreError> {
    Ok(resolve_many(tx, &[text]).await?.remove(text))
}

/// Those of the texts that name a product. Our own id goes first, in case a shop's ids look like ours.
pub async fn resolve_many(tx: &mut Tx, texts: &[&str]) -> Result<HashMap<String, ProductId>, StoreError> {
    if texts.is_empty() {
        return Ok(HashMap::new());
    }
    let (sql, bulk) =
        (RESOLVE.on(tx.dialect()), super::bulk(&texts.iter().map(|text| [text]).collect::<Vec<_>>())?);
    let rows: Vec<(String, String)> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(bulk).fetch_all(conn).await)?;
    let mut found = HashMap::with_capacity(rows.len());
    for (text, id) in rows {
        let own = id.parse().map_err(|e| StoreError::bad_row("products", "id", &id, e))?;
        if text.eq_ignore_ascii_case(&id) {
            found.insert(text, own);
        } else {
            found.entry(text).or_insert(own);
        }
    }
    Ok(found)
}

/// Removes a product that nobody bought and no coupon names; answers whether it did. Its history and who waits for it go too.
pub async fn remove(tx: &mut Tx, id: ProductId) -> Result<bool, StoreError> {
    let done = on_db!(tx, |conn| sqlx::query(REMOVE)
        .bind(id.to_string())
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(done > 0)
}

/// As [`find_many`], and nobody else changes these rows until the transaction ends.
async fn lock_many(tx: &mut Tx, ids: &[ProductId]) -> Result<Vec<Product>, StoreError> {
    read(tx, &LOCK, ids).await
}

async fn read(tx: &mut Tx, statement: &Sql, ids: &[ProductId]) -> Result<Vec<Product>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let (sql, keys) = (statement.on(tx.dialect()), super::keys(ids));
    let rows: Vec<ProductRow> = on_db!(tx, |conn| sqlx::query_as(sql).bind(keys).fetch_all(conn).await)?;
    rows.into_iter().map(Product::try_from).collect()
}
