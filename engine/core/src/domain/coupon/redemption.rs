//! Redeeming a coupon: may it be, and what does it cost? Decided on the locked row; writing it is the store's.

use super::{Coupon, CouponState};
use crate::clock::Instant;
use crate::id::LeadId;
use crate::money::{Money, MoneyError};

/// What a shop says when a coupon is used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Redemption {
    /// The shop's order; the same one again is the same redemption.
    pub order_id: Option<String>,
    /// What is paid for before the discount.
    pub amount: Option<Money>,
    /// Who uses it; another than the coupon's own lead is refused.
    pub lead_id: Option<LeadId>,
}

/// What redeeming comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is redeemed now, for this much.
    Now(Money),
    /// It was redeemed before, for this same order.
    Before,
}

/// Why a coupon is not redeemed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the coupon was redeemed already")]
    Redeemed,
    #[error("the coupon ended at {0}")]
    Expired(Instant),
    #[error("the coupon was taken back")]
    Revoked,
    #[error("the coupon is another customer's")]
    OtherLead,
    #[error("{0}")]
    Money(#[from] MoneyError),
}

impl Refused {
    /// Kebab-case, for machines.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Redeemed => "coupon-redeemed",
            Self::Expired(_) => "coupon-expired",
            Self::Revoked => "coupon-revoked",
            Self::OtherLead => "coupon-of-another-lead",
            Self::Money(_) => "currency-mismatch",
        }
    }
}

/// Decides at `now`. It costs the discount of the order's amount, at most what was reserved for it; without an amount, all that
/// was reserved. A coupon for which nothing was reserved has no other bound than the amount.
pub fn redeem(coupon: &Coupon, redemption: &Redemption, now: Instant) -> Result<Taken, Refused> {
    if redemption.lead_id.is_some_and(|lead| lead != coupon.lead_id) {
        return Err(Refused::OtherLead);
    }
    match coupon.state {
        CouponState::Redeemed if is_same_order(coupon, redemption) => return Ok(Taken::Before),
        CouponState::Redeemed => return Err(Refused::Redeemed),
        CouponState::Revoked => return Err(Refused::Revoked),
        CouponState::Expired => return Err(Refused::Expired(coupon.expires_at)),
        CouponState::Issued if now >= coupon.expires_at => return Err(Refused::Expired(coupon.expires_at)),
        CouponState::Issued => {}
    }
    let Some(amount) = redemption.amount else { return Ok(Taken::Now(coupon.reserved)) };
    let off = coupon.discount.on(amount)?;
    // Also when nothing is reserved: the order must be in the coupon's currency.
    let bounded = off.min(coupon.reserved)?;
    Ok(Taken::Now(if coupon.reserved.is_zero() { off } else { bounded }))
}

fn is_same_order(coupon: &Coupon, redemption: &Redemption) -> bool {
    coupon.order_id.is_some() && coupon.order_id == redemption.order_id
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::clock::instant_from_micros;
    use crate::domain::coupon::Code;
    use crate::domain::offer::Discount;
    use crate::money::Currency;

    fn usd(minor: i64) -> Money {
        Money::of_minor(minor, Currency::USD).unwrap()
    }

    fn day(number: i64) -> Instant {
        instant_from_micros(0) + TimeDelta::days(number)
    }

    fn coupon() -> Coupon {
        Coupon {
            id: uuid::Uuid::from_u128(1).into(),
            code: Code::from_random([7; super::super::RANDOM_BYTES]),
            label: "PRICE_DROP-15".to_owned(),
            issue_key: "t".to_owned(),
            lead_id: uuid::Uuid::from_u128(2).into(),
            offer_id: uuid::Uuid::from_u128(3).into(),
            product_id: None,
            campaign_id: None,
            trigger_id: None,
            discount: Discount::Percent("15".parse().unwrap()),
            currency: Currency::USD,
            reserved: usd(15_000),
            state: CouponState::Issued,
            issued_at: day(0),
            expires_at: day(14),
            ended_at: None,
            order_id: None,
            order_amount: None,
            value: None,
        }
    }

    fn order(id: &str, amount: Option<Money>) -> Redemption {
        Redemption { order_id: Some(id.to_owned()), amount, lead_id: None }
    }

    #[test]
    fn it_costs_the_discount_of_the_order_and_never_more_than_was_reserved() {
        let cost = |amount| redeem(&coupon(), &order("1", amount), day(1));
        assert_eq!(cost(Some(usd(10_000))), Ok(Taken::Now(usd(1_500))));
        assert_eq!(cost(Some(usd(900_000))), Ok(Taken::Now(usd(15_000))));
        assert_eq!(cost(None), Ok(Taken::Now(usd(15_000))));
    }

    #[test]
    fn without_a_reservation_the_order_is_the_bound() {
        let open = Coupon { reserved: usd(0), ..coupon() };
        assert_eq!(redeem(&open, &order("1", Some(usd(900_000))), day(1)), Ok(Taken::Now(usd(135_000))));
    }

    #[test]
    fn the_same_order_again_is_no_second_redemption() {
        let redeemed = Coupon { state: CouponState::Redeemed, order_id: Some("1".to_owned()), ..coupon() };
        assert_eq!(redeem(&redeemed, &order("1", None), day(99)), Ok(Taken::Before));
        assert_eq!(redeem(&redeemed, &order("2", None), day(1)), Err(Refused::Redeemed));
        let nameless = Coupon { order_id: None, ..redeemed };
        assert_eq!(redeem(&nameless, &Redemption::default(), day(1)), Err(Refused::Redeemed));
    }

    #[test]
    fn it_is_over_from_its_last_instant_on_and_for_everyone_else() {
        assert_eq!(redeem(&coupon(), &order("1", None), day(14)), Err(Refused::Expired(day(14))));
        let stranger = Redemption { lead_id: Some(uuid::Uuid::from_u128(9).into()), ..Redemption::default() };
        assert_eq!(redeem(&coupon(), &stranger, day(1)), Err(Refused::OtherLead));
        let rupees = Money::of_minor(100, Currency::INR).unwrap();
        assert_eq!(
            redeem(&coupon(), &order("1", Some(rupees)), day(1)).unwrap_err().code(),
            "currency-mismatch"
        );
    }
}
