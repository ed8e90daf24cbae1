//! Who bought what, for fan-outs and eligibility: purchases that count, that is verified ones that were not given back in full.

use std::collections::BTreeSet;

use super::rows::{PurchaseRow, purchase_row};
use crate::domain::purchase::Purchase;
use crate::id::{LeadId, ProductId};
use crate::money::Money;
use crate::store::db::{Sql, Tx, on_db};
use crate::store::error::StoreError;
use crate::store::money::read_money;

macro_rules! counts {
    () => {
        "p.is_verified = 1 AND (p.refunded_minor < p.quantity * p.unit_minor OR p.unit_minor = 0)"
    };
}

// One product: the index is walked from the lead seen last, so that a page costs the same however many come after it.
const BUYERS: &str = concat!(
    "SELECT DISTINCT p.lead_id FROM purchases p WHERE p.product_id = $1 AND p.lead_id > $2 AND ",
    counts!(),
    " ORDER BY p.lead_id LIMIT $3"
);
static COUNT: Sql = Sql::new(concat!(
    "SELECT count(DISTINCT p.lead_id) FROM {each} JOIN purchases p ON p.product_id = e.value->>0 WHERE ",
    counts!()
));
static OF_PRODUCTS: Sql = Sql::new(purchase_row!(
    "FROM {each} JOIN purchases p ON p.lead_id = e.value->>0
     WHERE p.product_id || '' IN (SELECT e2.value->>0 FROM {each2}) ORDER BY p.lead_id, p.purchased_at DESC, p.id DESC"
));
static HISTORY: Sql = Sql::new(concat!(
    purchase_row!(
        "FROM (SELECT o.*, row_number() OVER (PARTITION BY o.lead_id ORDER BY o.purchased_at DESC, o.id DESC) AS place"
    ),
    " FROM {each} JOIN purchases o ON o.lead_id = e.value->>0) AS p
     WHERE p.place <= $2 ORDER BY p.lead_id, p.place"
));
static WORTH: Sql = Sql::new(
    "SELECT p.lead_id, p.currency, CAST(sum(p.quantity * p.unit_minor - p.refunded_minor) AS BIGINT)
     FROM {each} JOIN purchases p ON p.lead_id = e.value->>0 WHERE p.is_verified = 1
     GROUP BY p.lead_id, p.currency ORDER BY p.lead_id, p.currency",
);

/// Up to `limit` leads after `after`, in their order, each once, who bought one of the products.
pub async fn buyers(
    tx: &mut Tx,
    products: &[ProductId],
    after: Option<LeadId>,
    limit: u32,
) -> Result<Vec<LeadId>, StoreError> {
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    // The first of all are among the first of each.
    let mut found = BTreeSet::new();
    for product in products {
        let rows: Vec<String> = on_db!(tx, |conn| sqlx::query_scalar(BUYERS)
            .bind(product.to_string())
            .bind(&after)
            .bind(i64::from(limit))
            .fetch_all(conn)
            .await)?;
        for row in rows {
            found.insert(row.parse().map_err(|e| StoreError::bad_row("purchases", "lead_id", &row, e))?);
        }
    }
    Ok(found.into_iter().take(limit as usize).collect())
}

/// How many leads [`buyers`] would walk.
pub async fn count_buyers(tx: &mut Tx, products: &[ProductId]) -> Result<u64, StoreError> {
    let (sql, keys) = (COUNT.on(tx.dialect()), crate::store::keys(products));
    let count: i64 = on_db!(tx, |conn| sqlx::query_scalar(sql).bind(keys).fetch_one(conn).await)?;
    Ok(count as u64)
}

/// Every purchase these leads made of these products, whether it counts or not; by lead, the latest first.
pub async fn of_products(
    tx: &mut Tx,
    leads: &[LeadId],
    products: &[ProductId],
) -> Result<Vec<Purchase>, StoreError> {
    if leads.is_empty() || products.is_empty() {
        return Ok(Vec::new());
    }
    let sql = OF_PRODUCTS.on(tx.dialect());
    let (leads, products) = (crate::store::keys(leads), crate::store::keys(products));
    let rows: Vec<PurchaseRow> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(leads).bind(products).fetch_all(conn).await)?;
    rows.into_iter().map(Purchase::try_from).collect()
}

/// The last `per_lead` purchases of each of these leads; by lead, the latest first.
pub async fn history(tx: &mut Tx, leads: &[LeadId], per_lead: u32) -> Result<Vec<Purchase>, StoreError> {
    if leads.is_empty() {
        return Ok(Vec::new());
    }
    let (sql, keys) = (HISTORY.on(tx.dialect()), crate::store::keys(leads));
    let rows: Vec<PurchaseRow> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(keys).bind(i64::from(per_lead)).fetch_all(conn).await)?;
    rows.into_iter().map(Purchase::try_from).collect()
}

/// What each of these leads paid and did not get back, per currency; leads without purchases are left out.
pub async fn worth(tx: &mut Tx, leads: &[LeadId]) -> Result<Vec<(LeadId, Money)>, StoreError> {
    if leads.is_empty() {
        return Ok(Vec::new());
    }
    let (sql, keys) = (WORTH.on(tx.dialect()), crate::store::keys(leads));
    let rows: Vec<(String, String, i64)> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(keys).fetch_all(conn).await)?;
    rows.into_iter()
        .map(|(lead, currency, minor)| {
            let id = lead.parse().map_err(|e| StoreError::bad_row("purchases", "lead_id", &lead, e))?;
            let money = read_money(minor, &currency)
                .map_err(|e| StoreError::bad_row("purchases", "unit_minor", &lead, e))?;
            Ok((id, money))
        })
        .collect()
}
