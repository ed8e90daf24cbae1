//! Coupons: an offer made to one lead, with a code that can be told, typed and not guessed. Redeemed at most once.

pub mod allowance;
mod code;
mod redemption;

pub use code::{Code, CodeError, Given, RANDOM_BYTES};
pub use redemption::{Redemption, Refused, Taken, redeem};

use super::offer::Discount;
use super::text_enum::text_enum;
use crate::clock::Instant;
use crate::id::{CampaignId, CouponId, LeadId, OfferId, ProductId};
use crate::money::{Currency, Money};

text_enum! {
    /// `Issued` leaves once, for good.
    pub enum CouponState {
        Issued = "issued",
        Redeemed = "redeemed",
        Expired = "expired",
        /// Taken back by people, or by an opt-out.
        Revoked = "revoked",
    }
}

/// A coupon as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coupon {
    pub id: CouponId,
    pub code: Code,
    /// `PRICE_DROP-15`: offer and percentage, for people; the code alone says which coupon it is.
    pub label: String,
    /// What it was issued for; asking again for the same gives this coupon.
    pub issue_key: String,
    pub lead_id: LeadId,
    pub offer_id: OfferId,
    pub product_id: Option<ProductId>,
    pub campaign_id: Option<CampaignId>,
    pub trigger_id: Option<String>,
    pub discount: Discount,
    pub currency: Currency,
    /// The most it can cost; held in the campaign's budget while the coupon is open.
    pub reserved: Money,
    pub state: CouponState,
    pub issued_at: Instant,
    /// First instant at which it is worth nothing.
    pub expires_at: Instant,
    /// Redeemed, expired or revoked.
    pub ended_at: Option<Instant>,
    pub order_id: Option<String>,
    /// The order's amount as the shop told it.
    pub order_amount: Option<Money>,
    /// What the redemption cost.
    pub value: Option<Money>,
}

impl Coupon {
    /// As it is told: `PRICE_DROP-15-7K3Q-9XZM-TC4`.
    pub fn text(&self) -> String {
        format!("{}-{}", self.label, self.code)
    }
}

/// The label of an offer's coupons: its words and, of a percentage, the number.
pub fn label(words: &str, discount: Discount) -> String {
    match discount {
        Discount::Percent(percent) => format!("{words}-{percent}"),
        Discount::Amount(_) => words.to_owned(),
    }
}
