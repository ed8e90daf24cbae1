//! What became of coupons, counted per campaign, offer and currency.

use sqlx_macros::FromRow;

use super::page::{CouponFilter, matching};
use crate::domain::coupon::CouponState;
use crate::id::{CampaignId, OfferId};
use crate::money::Money;
use crate::store::db::{Tx, on_db};
use crate::store::error::StoreError;
use crate::store::money::read_money;

/// Coupons of one campaign, offer and currency. `issued` counts all, whatever became of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportLine {
    pub campaign_id: Option<CampaignId>,
    pub offer_id: OfferId,
    pub issued: u64,
    pub open: u64,
    pub redeemed: u64,
    pub expired: u64,
    pub revoked: u64,
    /// What the open ones can cost at most.
    pub reserved: Money,
    /// What the redeemed ones cost.
    pub value: Money,
    /// What the orders were worth before, as far as shops told.
    pub order_value: Money,
}

// Sums of 64-bit integers are wider on PostgreSQL.
macro_rules! report_text {
    ($by:ident) => {
        concat!(
            "SELECT c.campaign_id, c.offer_id, c.currency, count(*) AS issued,
                    count(CASE WHEN c.state = 'issued' THEN 1 END) AS open,
                    count(CASE WHEN c.state = 'redeemed' THEN 1 END) AS redeemed,
                    count(CASE WHEN c.state = 'expired' THEN 1 END) AS expired,
                    count(CASE WHEN c.state = 'revoked' THEN 1 END) AS revoked,
                    CAST(coalesce(sum(CASE WHEN c.state = 'issued' THEN c.reserved_minor END), 0) AS BIGINT) AS reserved_minor,
                    CAST(coalesce(sum(c.value_minor), 0) AS BIGINT) AS value_minor,
                    CAST(coalesce(sum(c.order_minor), 0) AS BIGINT) AS order_minor
             FROM coupons c WHERE ",
            matching!($by),
            "GROUP BY c.campaign_id, c.offer_id, c.currency ORDER BY c.campaign_id, c.offer_id, c.currency"
        )
    };
}

const REPORTS: [&str; 4] =
    [report_text!(lead), report_text!(campaign), report_text!(offer), report_text!(all)];

#[derive(Debug, FromRow)]
struct ReportRow {
    campaign_id: Option<String>,
    offer_id: String,
    currency: String,
    issued: i64,
    open: i64,
    redeemed: i64,
    expired: i64,
    revoked: i64,
    reserved_minor: i64,
    value_minor: i64,
    order_minor: i64,
}

/// Counts the coupons that the filter matches.
pub async fn report(tx: &mut Tx, filter: &CouponFilter) -> Result<Vec<ReportLine>, StoreError> {
    let rows: Vec<ReportRow> = on_db!(tx, |conn| sqlx::query_as(filter.choose(REPORTS))
        .bind(filter.lead_id.map(|id| id.to_string()))
        .bind(filter.offer_id.map(|id| id.to_string()))
        .bind(filter.product_id.map(|id| id.to_string()))
        .bind(filter.campaign_id.map(|id| id.to_string()))
        .bind(filter.trigger_id.as_deref())
        .bind(filter.state.map(CouponState::as_str))
        .fetch_all(conn)
        .await)?;
    rows.into_iter().map(ReportLine::try_from).collect()
}

impl TryFrom<ReportRow> for ReportLine {
    type Error = StoreError;

    fn try_from(row: ReportRow) -> Result<Self, StoreError> {
        let bad = |column, problem: &dyn std::fmt::Display| {
            StoreError::bad_row("coupons", column, &row.offer_id, problem)
        };
        let money = |column, minor| read_money(minor, &row.currency).map_err(|e| bad(column, &e));
        let campaign_id = row.campaign_id.as_deref().map(str::parse).transpose();
        Ok(Self {
            campaign_id: campaign_id.map_err(|e| bad("campaign_id", &e))?,
            offer_id: row.offer_id.parse().map_err(|e| bad("offer_id", &e))?,
            issued: row.issued as u64,
            open: row.open as u64,
            redeemed: row.redeemed as u64,
            expired: row.expired as u64,
            revoked: row.revoked as u64,
            reserved: money("reserved_minor", row.reserved_minor)?,
            value: money("value_minor", row.value_minor)?,
            order_value: money("order_minor", row.order_minor)?,
        })
    }
}
