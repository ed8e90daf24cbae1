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

/// Which coupons match. Named outright, a column leads to its index; "any or this one" leads to none.
macro_rules! matching {
    ($lead:literal, $campaign:literal, $offer:literal) => {
        concat!(
            $lead,
            " AND ",
            $campaign,
            " AND ",
            $offer,
            " AND ($3 IS NULL OR c.product_id = $3) AND ($5 IS NULL OR c.trigger_id = $5) AND ($6 IS NULL OR c.state = $6) "
        )
    };
    (lead) => {
        matching!("c.lead_id = $1", "($4 IS NULL OR c.campaign_id = $4)", "($2 IS NULL OR c.offer_id = $2)")
    };
    (campaign) => {
        matching!("($1 IS NULL OR c.lead_id = $1)", "c.campaign_id = $4", "($2 IS NULL OR c.offer_id = $2)")
    };
    (offer) => {
        matching!("($1 IS NULL OR c.lead_id = $1)", "($4 IS NULL OR c.campaign_id = $4)", "c.offer_id = $2")
    };
    (all) => {
        matching!(
            "($1 IS NULL OR c.lead_id = $1)",
            "($4 IS NULL OR c.campaign_id = $4)",
            "($2 IS NULL OR c.offer_id = $2)"
        )
    };
}
pub(super) use matching;

macro_rules! page_text {
    ($by:ident) => {
        concat!(
            coupon_row!("FROM coupons c WHERE (c.issued_at, c.id) < ($7, $8) AND "),
            matching!($by),
            "ORDER BY c.issued_at DESC, c.id DESC LIMIT $9"
        )
    };
}

impl CouponFilter {
    /// Of four statements, the one that begins with what is rarest.
    pub(super) const fn choose<'a>(&self, [lead, campaign, offer, all]: [&'a str; 4]) -> &'a str {
        match (self.lead_id, self.campaign_id, self.offer_id) {
            (Some(_), ..) => lead,
            (None, Some(_), _) => campaign,
            (None, None, Some(_)) => offer,
            (None, None, None) => all,
        }
    }
}

const PAGES: [&str; 4] = [page_text!(lead), page_text!(campaign), page_text!(offer), page_text!(all)];

/// Up to `limit` coupons after `cursor`.
pub async fn page(
    tx: &mut Tx,
    filter: &CouponFilter,
    cursor: Option<Cursor>,
    limit: u32,
) -> Result<Page<Coupon>, StoreError> {
    let (at, id) = before(cursor);
    let rows: Vec<CouponRow> = on_db!(tx, |conn| sqlx::query_as(filter.choose(PAGES))
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
