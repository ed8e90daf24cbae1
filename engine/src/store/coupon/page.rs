//! Lists of coupons, the latest first.

use super::rows::{CouponRow, coupon_row};
use crate::domain::coupon::{Coupon, CouponState};
use crate::id::{CampaignId, LeadId, OfferId, ProductId};
use crate::store::db::{Tx, on_db};
use crate::store::error::StoreError;
use crate::store::page::{Cursor, Page, before};

/// Which coupons. Everything given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CouponFilter {
    pub lead_id: Option<LeadId>,
    pub offer_id: Option<OfferId>,
    pub product_id: Option<ProductId>,
    pub campaign_id: Option<CampaignId>,
    pub trigger_id: Option<String>,
    pub state: Option<CouponState>,
}

const PAGE: &str = coupon_row!(
    "FROM coupons c
     WHERE (c.issued_at, c.id) < ($7, $8) AND ($1 IS NULL OR c.lead_id = $1) AND ($2 IS NULL OR c.offer_id = $2)
       AND ($3 IS NULL OR c.product_id = $3) AND ($4 IS NULL OR c.campaign_id = $4) AND ($5 IS NULL OR c.trigger_id = $5)
       AND ($6 IS NULL OR c.state = $6)
     ORDER BY c.issued_at DESC, c.id DESC LIMIT $9"
);

/// Up to `limit` coupons after `cursor`.
pub async fn page(
    tx: &mut Tx,
    filter: &CouponFilter,
    cursor: Option<Cursor>,
    limit: u32,
) -> Result<Page<Coupon>, StoreError> {
    let (at, id) = before(cursor);
    let rows: Vec<CouponRow> = on_db!(tx, |conn| sqlx::query_as(PAGE)
        .bind(filter.lead_id.map(|id| id.to_string()))
        .bind(filter.offer_id.map(|id| id.to_string()))
        .bind(filter.product_id.map(|id| id.to_string()))
        .bind(filter.campaign_id.map(|id| id.to_string()))
        .bind(filter.trigger_id.as_deref())
        .bind(filter.state.map(CouponState::as_str))
        .bind(at)
        .bind(id)
        .bind(i64::from(limit) + 1)
        .fetch_all(conn)
        .await)?;
    Ok(Page::readable(rows, limit, |row| (row.issued_at, row.id.as_str()), Coupon::try_from))
}
