//! A coupon as JSON, what is said when one is issued or redeemed, and the report.

use callwright_engine::domain::coupon::Coupon;
use callwright_engine::money::{Money, Number};
use callwright_engine::store::coupon::ReportLine;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::offer_body::discount;
use crate::http::amount::Amount;

/// A coupon.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CouponBody {
    /// Our id (UUID).
    pub coupon_id: String,
    /// As it is told: `PRICE_DROP-15-7K3Q-9XZM-TC4`.
    pub code: String,
    pub lead_id: String,
    pub offer_id: String,
    pub product_id: Option<String>,
    pub campaign_id: Option<String>,
    pub trigger_id: Option<String>,
    /// Either this …
    #[schema(value_type = Option<Amount>)]
    pub percent: Option<Number>,
    /// … or this is taken off.
    #[schema(value_type = Option<Amount>)]
    pub amount: Option<Number>,
    /// ISO 4217, of every amount here.
    pub currency: &'static str,
    /// The most it can cost.
    #[schema(value_type = Amount)]
    pub most: Number,
    /// `issued`, `redeemed`, `expired` or `revoked`.
    pub state: &'static str,
    pub issued_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    /// Redeemed, expired or revoked.
    pub ended_at: Option<DateTime<Utc>>,
    pub order_id: Option<String>,
    #[schema(value_type = Option<Amount>)]
    pub order_amount: Option<Number>,
    /// What the redemption cost.
    #[schema(value_type = Option<Amount>)]
    pub value: Option<Number>,
}

impl From<Coupon> for CouponBody {
    fn from(coupon: Coupon) -> Self {
        let (percent, amount, _) = discount(coupon.discount);
        Self {
            coupon_id: coupon.id.to_string(),
            code: coupon.text(),
            lead_id: coupon.lead_id.to_string(),
            offer_id: coupon.offer_id.to_string(),
            product_id: coupon.product_id.map(|id| id.to_string()),
            campaign_id: coupon.campaign_id.map(|id| id.to_string()),
            percent,
            amount,
            currency: coupon.currency.code(),
            most: coupon.reserved.number(),
            state: coupon.state.as_str(),
            issued_at: coupon.issued_at,
            expires_at: coupon.expires_at,
            ended_at: coupon.ended_at,
            order_amount: coupon.order_amount.map(Money::number),
            value: coupon.value.map(Money::number),
            trigger_id: coupon.trigger_id,
            order_id: coupon.order_id,
        }
    }
}

/// A coupon to issue by hand.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CouponInput {
    /// Our id of the lead or yours.
    pub lead_id: String,
    /// Our id of the offer or its key.
    pub offer_id: String,
    /// Our id of the product or yours; what the coupon can cost follows from its price.
    pub product_id: Option<String>,
    /// The most it can cost, in `currency`; needed without a product when the campaign has a budget.
    #[schema(value_type = Option<Amount>)]
    pub most: Option<Number>,
    /// ISO 4217; the product's, when left out.
    pub currency: Option<String>,
    /// What it is for: the same offer, lead and purpose again give the same coupon.
    pub purpose: Option<String>,
}

/// What a shop says when a coupon is used.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RedeemInput {
    /// The shop's order; the same one again is the same redemption.
    pub order_id: Option<String>,
    /// What is paid for before the discount.
    #[schema(value_type = Option<Amount>)]
    pub amount: Option<Number>,
    /// ISO 4217; the coupon's, when left out.
    pub currency: Option<String>,
    /// Who uses it, by our id or yours; another than the coupon's own lead is refused.
    pub lead_id: Option<String>,
    /// For whom the shop asks, such as its customer's address or session: guesses are counted for each. Kept as a digest.
    pub client: Option<String>,
}

/// A redeemed coupon.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedeemedBody {
    pub coupon: CouponBody,
    /// What is taken off this order.
    #[schema(value_type = Amount)]
    pub value: Number,
    /// It was redeemed before, for this same order: nothing happened this time.
    pub repeated: bool,
}

/// What became of the coupons of one campaign, offer and currency.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CouponReport {
    pub campaign_id: Option<String>,
    pub offer_id: String,
    pub currency: &'static str,
    /// All, whatever became of them.
    pub issued: u64,
    pub open: u64,
    pub redeemed: u64,
    pub expired: u64,
    pub revoked: u64,
    /// What the open ones can cost at most.
    #[schema(value_type = Amount)]
    pub reserved: Number,
    /// What the redeemed ones cost.
    #[schema(value_type = Amount)]
    pub value: Number,
    /// What the orders were worth before, as far as shops told.
    #[schema(value_type = Amount)]
    pub order_value: Number,
}

/// The report, a line for each campaign, offer and currency.
#[derive(Debug, Serialize, ToSchema)]
pub struct CouponReports {
    pub items: Vec<CouponReport>,
}

impl From<ReportLine> for CouponReport {
    fn from(line: ReportLine) -> Self {
        Self {
            campaign_id: line.campaign_id.map(|id| id.to_string()),
            offer_id: line.offer_id.to_string(),
            currency: line.value.currency().code(),
            issued: line.issued,
            open: line.open,
            redeemed: line.redeemed,
            expired: line.expired,
            revoked: line.revoked,
            reserved: line.reserved.number(),
            value: line.value.number(),
            order_value: line.order_value.number(),
        }
    }
}
