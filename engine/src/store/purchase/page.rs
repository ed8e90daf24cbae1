//! Lists of purchases, the latest first.

use super::rows::{PurchaseRow, purchase_row};
use crate::domain::purchase::Purchase;
use crate::id::{LeadId, ProductId};
use crate::store::db::{Tx, on_db};
use crate::store::error::StoreError;
use crate::store::page::{Cursor, Page, before};

/// Which purchases. Everything given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PurchaseFilter {
    pub lead_id: Option<LeadId>,
    pub product_id: Option<ProductId>,
    pub order_id: Option<String>,
    pub is_verified: Option<bool>,
}

const PAGE: &str = purchase_row!(
    "FROM purchases p
     WHERE (p.purchased_at, p.id) < ($5, $6) AND ($1 IS NULL OR p.lead_id = $1) AND ($2 IS NULL OR p.product_id = $2)
       AND ($3 IS NULL OR p.order_id = $3) AND ($4 IS NULL OR p.is_verified = $4)
     ORDER BY p.purchased_at DESC, p.id DESC LIMIT $7"
);

/// Up to `limit` purchases after `cursor`.
pub async fn page(
    tx: &mut Tx,
    filter: &PurchaseFilter,
    cursor: Option<Cursor>,
    limit: u32,
) -> Result<Page<Purchase>, StoreError> {
    let (at, id) = before(cursor);
    let rows: Vec<PurchaseRow> = on_db!(tx, |conn| sqlx::query_as(PAGE)
        .bind(filter.lead_id.map(|id| id.to_string()))
        .bind(filter.product_id.map(|id| id.to_string()))
        .bind(filter.order_id.as_deref())
        .bind(filter.is_verified.map(i64::from))
        .bind(at)
        .bind(id)
        .bind(i64::from(limit) + 1)
        .fetch_all(conn)
        .await)?;
    Ok(Page::readable(rows, limit, |row| (row.purchased_at, row.id.as_str()), Purchase::try_from))
}
