//! The rows of `coupons`, both ways.

use sqlx_macros::FromRow;

use crate::clock::{instant_from_micros, micros};
use crate::domain::coupon::Coupon;
use crate::money::{Currency, Money};
use crate::store::bulk::bulk_row;
use crate::store::error::StoreError;
use crate::store::offer::{columns, read_discount};

macro_rules! coupon_row {
    ($rest:literal) => {
        concat!(
            "SELECT c.id, c.code, c.label, c.issue_key, c.lead_id, c.offer_id, c.product_id, c.campaign_id, c.trigger_id,
                    c.percent_bp, c.amount_minor, c.currency, c.reserved_minor, c.state, c.issued_at, c.expires_at, c.ended_at,
                    c.order_id, c.order_minor, c.value_minor ",
            $rest
        )
    };
}
pub(super) use coupon_row;

#[derive(Debug, FromRow)]
pub(super) struct CouponRow {
    pub id: String,
    code: String,
    label: String,
    issue_key: String,
    lead_id: String,
    offer_id: String,
    product_id: Option<String>,
    campaign_id: Option<String>,
    trigger_id: Option<String>,
    percent_bp: Option<i64>,
    amount_minor: Option<i64>,
    currency: String,
    reserved_minor: i64,
    state: String,
    pub issued_at: i64,
    expires_at: i64,
    ended_at: Option<i64>,
    order_id: Option<String>,
    order_minor: Option<i64>,
    value_minor: Option<i64>,
}

bulk_row! {
    /// A coupon as issued.
    pub struct CouponWrite {
        id: String,
        code: String,
        label: String,
        issue_key: String,
        lead_id: String,
        offer_id: String,
        product_id: Option<String>,
        campaign_id: Option<String>,
        trigger_id: Option<String>,
        percent_bp: Option<i64>,
        amount_minor: Option<i64>,
        currency: &'static str,
        reserved_minor: i64,
        issued_at: i64,
        expires_at: i64,
    }
}

impl From<&Coupon> for CouponWrite {
    fn from(coupon: &Coupon) -> Self {
        let (percent_bp, amount_minor) = columns(coupon.discount);
        Self {
            id: coupon.id.to_string(),
            code: coupon.code.plain(),
            label: coupon.label.clone(),
            issue_key: coupon.issue_key.clone(),
            lead_id: coupon.lead_id.to_string(),
            offer_id: coupon.offer_id.to_string(),
            product_id: coupon.product_id.map(|id| id.to_string()),
            campaign_id: coupon.campaign_id.map(|id| id.to_string()),
            trigger_id: coupon.trigger_id.clone(),
            percent_bp,
            amount_minor,
            currency: coupon.currency.code(),
            reserved_minor: coupon.reserved.minor(),
            issued_at: micros(coupon.issued_at),
            expires_at: micros(coupon.expires_at),
        }
    }
}

impl TryFrom<CouponRow> for Coupon {
    type Error = StoreError;

    fn try_from(row: CouponRow) -> Result<Self, StoreError> {
        let bad = |column, problem: &dyn std::fmt::Display| {
            StoreError::bad_row("coupons", column, &row.id, problem)
        };
        let currency = Currency::find(&row.currency).map_err(|e| bad("currency", &e))?;
        let money = |column, minor: Option<i64>| {
            minor.map(|minor| Money::of_minor(minor, currency)).transpose().map_err(|e| bad(column, &e))
        };
        let discount = read_discount(row.percent_bp, row.amount_minor, Some(&row.currency));
        let discount = discount.map_err(|e| bad("amount_minor", &e))?;
        Ok(Self {
            id: row.id.parse().map_err(|e| bad("id", &e))?,
            code: row.code.parse().map_err(|e| bad("code", &e))?,
            lead_id: row.lead_id.parse().map_err(|e| bad("lead_id", &e))?,
            offer_id: row.offer_id.parse().map_err(|e| bad("offer_id", &e))?,
            product_id: parsed(row.product_id.as_deref()).map_err(|e| bad("product_id", &e))?,
            campaign_id: parsed(row.campaign_id.as_deref()).map_err(|e| bad("campaign_id", &e))?,
            discount: discount.ok_or_else(|| bad("percent_bp", &"no discount"))?,
            currency,
            reserved: Money::of_minor(row.reserved_minor, currency).map_err(|e| bad("reserved_minor", &e))?,
            state: row.state.parse().map_err(|e| bad("state", &e))?,
            issued_at: instant_from_micros(row.issued_at),
            expires_at: instant_from_micros(row.expires_at),
            ended_at: row.ended_at.map(instant_from_micros),
            order_amount: money("order_minor", row.order_minor)?,
            value: money("value_minor", row.value_minor)?,
            label: row.label,
            issue_key: row.issue_key,
            trigger_id: row.trigger_id,
            order_id: row.order_id,
        })
    }
}

fn parsed<T: std::str::FromStr>(text: Option<&str>) -> Result<Option<T>, T::Err> {
    text.map(str::parse).transpose()
}
