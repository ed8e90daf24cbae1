//! Offers: what may be promised to a lead, for whom, until when, and what it costs at most. Pure sums and rules; whoever calls
//! must say only what these functions returned.

mod budget;
mod refund;

use chrono::TimeDelta;

pub use budget::Budget;
pub use refund::{NotEligible, PriceDrop, Refund, RefundPolicy, WindowFrom, refund};

use crate::clock::Instant;
use crate::id::{CampaignId, OfferId};
use crate::money::{Money, MoneyError, Percent};

/// What is taken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discount {
    Percent(Percent),
    /// At most the price itself.
    Amount(Money),
}

/// An offer as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    pub id: OfferId,
    /// Chosen by whoever makes it; unique. Triggers make their own: `price-drop/…`.
    pub key: String,
    pub name: String,
    pub campaign_id: Option<CampaignId>,
    /// Begins its coupons: `PRICE_DROP` in `PRICE_DROP-15-7K3Q-9XZM-TC4`.
    pub label: String,
    pub discount: Discount,
    /// First instant of validity; `None`: always was.
    pub valid_from: Option<Instant>,
    /// First instant at which it is over; `None`: never.
    pub valid_until: Option<Instant>,
    /// How long a coupon lives, unless the offer ends before; `None`: [`COUPON_HOURS`].
    pub coupon_hours: Option<u32>,
    pub policy: RefundPolicy,
    pub is_active: bool,
    pub created_at: Instant,
    pub updated_at: Instant,
}

/// Hours a coupon lives when its offer does not say: two weeks.
pub const COUPON_HOURS: u32 = 14 * 24;

/// Why an offer cannot be made now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OfferClosed {
    #[error("the offer is switched off")]
    Inactive,
    #[error("the offer begins at {0}")]
    NotYet(Instant),
    #[error("the offer ended at {0}")]
    Over(Instant),
}

impl Discount {
    /// What is taken off `price`: never more than the price, never less than nothing. The percentage rounds half up.
    pub fn on(self, price: Money) -> Result<Money, MoneyError> {
        match self {
            Self::Percent(percent) => Ok(price.share(percent)),
            Self::Amount(amount) => amount.min(price),
        }
    }

    /// Of 999.99 with 15 percent: 150.00 off, 849.99 to pay.
    pub fn apply(self, price: Money) -> Result<Discounted, MoneyError> {
        let off = self.on(price)?;
        Ok(Discounted { original: price, off, to_pay: price.checked_sub(off)? })
    }
}

/// A price, what is taken off and what is left; `off + to_pay = original`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Discounted {
    pub original: Money,
    pub off: Money,
    pub to_pay: Money,
}

impl Offer {
    /// May it be promised at `now`?
    pub fn open_at(&self, now: Instant) -> Result<(), OfferClosed> {
        if !self.is_active {
            return Err(OfferClosed::Inactive);
        }
        match (self.valid_from, self.valid_until) {
            (Some(from), _) if now < from => Err(OfferClosed::NotYet(from)),
            (_, Some(until)) if now >= until => Err(OfferClosed::Over(until)),
            _ => Ok(()),
        }
    }

    /// When a coupon issued at `now` ends: after its hours, and with the offer at the latest.
    pub fn coupon_expires_at(&self, now: Instant) -> Instant {
        let hours = i64::from(self.coupon_hours.unwrap_or(COUPON_HOURS));
        let by_age = now + TimeDelta::hours(hours);
        self.valid_until.map_or(by_age, |until| by_age.min(until))
    }
}

#[cfg(test)]
mod tests;
