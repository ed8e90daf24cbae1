//! Offers against made-up prices and purchases.

use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::clock::instant_from_micros;
use crate::domain::product::Product;
use crate::domain::purchase::Purchase;
use crate::money::{Currency, Money, Percent};

fn usd(minor: i64) -> Money {
    Money::of_minor(minor, Currency::USD).unwrap()
}

fn percent(text: &str) -> Percent {
    text.parse().unwrap()
}

fn day(number: i64) -> Instant {
    instant_from_micros(0) + TimeDelta::days(20_000 + number)
}

fn product() -> Product {
    Product {
        id: uuid::Uuid::from_u128(1).into(),
        external_id: None,
        name: "iPhone 15 Pro".to_owned(),
        category: Some("phones".to_owned()),
        price: usd(84_999),
        stock: Some(5),
        is_active: true,
        tags: vec!["new".to_owned()],
        attributes: std::collections::BTreeMap::new(),
        created_at: day(0),
        updated_at: day(0),
    }
}

fn purchase() -> Purchase {
    Purchase {
        id: uuid::Uuid::from_u128(2).into(),
        external_id: None,
        order_id: Some("1001".to_owned()),
        lead_id: uuid::Uuid::from_u128(3).into(),
        product_id: product().id,
        quantity: 2,
        unit_price: usd(99_999),
        refunded: usd(0),
        is_verified: true,
        purchased_at: day(10),
        delivered_at: Some(day(14)),
        created_at: day(10),
        updated_at: day(10),
    }
}

fn owed(policy: &RefundPolicy, purchase: &Purchase, now: Instant) -> Result<Refund, NotEligible> {
    let product = product();
    refund(policy, PriceDrop { product: &product, new_price: product.price }, purchase, now)
}

#[test]
fn fifteen_percent_off_rounds_the_half_cent_up() {
    let discounted = Discount::Percent(percent("15")).apply(usd(99_999)).unwrap();
    assert_eq!((discounted.off, discounted.to_pay), (usd(15_000), usd(84_999)));
}

#[test]
fn an_amount_takes_off_no_more_than_the_price() {
    assert_eq!(Discount::Amount(usd(500)).on(usd(300)), Ok(usd(300)));
}

#[test]
fn the_difference_is_owed_for_every_piece() {
    let refund = owed(&RefundPolicy::default(), &purchase(), day(12)).unwrap();
    assert_eq!((refund.per_piece, refund.amount, refund.until), (usd(15_000), usd(30_000), Some(day(40))));
}

#[test]
fn the_last_day_counts_and_the_next_does_not() {
    let policy = RefundPolicy { window_days: Some(7), ..RefundPolicy::default() };
    assert!(owed(&policy, &purchase(), day(17)).is_ok());
    let late = owed(&policy, &purchase(), day(17) + TimeDelta::microseconds(1));
    assert_eq!(late.unwrap_err(), NotEligible::TooLate(7));
}

#[test]
fn days_may_run_from_delivery() {
    let policy =
        RefundPolicy { window_days: Some(7), window_from: WindowFrom::Delivery, ..RefundPolicy::default() };
    assert_eq!(owed(&policy, &purchase(), day(20)).unwrap().until, Some(day(21)));
    let under_way = Purchase { delivered_at: None, ..purchase() };
    assert_eq!(owed(&policy, &under_way, day(90)).unwrap().until, None);
}

#[test]
fn a_cap_holds_for_the_line_and_only_in_its_currency() {
    let policy = RefundPolicy { cap: Some(usd(10_000)), ..RefundPolicy::default() };
    assert_eq!(owed(&policy, &purchase(), day(12)).unwrap().amount, usd(10_000));
    let rupees = Money::of_minor(10_000, Currency::INR).unwrap();
    let policy = RefundPolicy { cap: Some(rupees), ..RefundPolicy::default() };
    assert_eq!(owed(&policy, &purchase(), day(12)).unwrap_err().code(), "currency-mismatch");
}

#[test]
fn once_means_once_and_never_more_than_was_paid() {
    let before = Purchase { refunded: usd(199_000), ..purchase() };
    let once = RefundPolicy::default();
    assert_eq!(owed(&once, &before, day(12)).unwrap_err(), NotEligible::RefundedOnce);
    let again = RefundPolicy { once_per_order: false, ..once };
    assert_eq!(owed(&again, &before, day(12)).unwrap().amount, usd(998));
}

#[test]
fn each_rule_names_itself() {
    let with = |change: fn(&mut RefundPolicy)| {
        let mut policy = RefundPolicy::default();
        change(&mut policy);
        owed(&policy, &purchase(), day(12)).map_err(|reason| reason.code())
    };
    assert_eq!(with(|policy| policy.exclude_tags = vec!["new".to_owned()]), Err("product-excluded"));
    assert_eq!(with(|policy| policy.exclude_categories = vec!["phones".to_owned()]), Err("product-excluded"));
    assert_eq!(with(|policy| policy.min_stock = Some(6)), Err("out-of-stock"));
    let bought = |change: fn(&mut Purchase)| {
        let mut purchase = purchase();
        change(&mut purchase);
        owed(&RefundPolicy::default(), &purchase, day(12)).map_err(|reason| reason.code())
    };
    assert_eq!(bought(|purchase| purchase.is_verified = false), Err("purchase-unverified"));
    assert_eq!(bought(|purchase| purchase.refunded = usd(199_998)), Err("purchase-refunded"));
    assert_eq!(
        bought(|purchase| purchase.product_id = uuid::Uuid::from_u128(9).into()),
        Err("other-product")
    );
    assert_eq!(bought(|purchase| purchase.unit_price = usd(84_999)), Err("not-paid-more"));
}

#[test]
fn an_offer_is_open_from_its_first_instant_to_before_its_last() {
    let offer = offer(Some(day(1)), Some(day(3)));
    assert_eq!(offer.open_at(day(0)), Err(OfferClosed::NotYet(day(1))));
    assert_eq!(offer.open_at(day(1)), Ok(()));
    assert_eq!(offer.open_at(day(3)), Err(OfferClosed::Over(day(3))));
    let off = Offer { is_active: false, ..offer };
    assert_eq!(off.open_at(day(2)), Err(OfferClosed::Inactive));
}

#[test]
fn a_coupon_ends_with_its_offer_at_the_latest() {
    assert_eq!(offer(None, None).coupon_expires_at(day(0)), day(14));
    assert_eq!(offer(None, Some(day(3))).coupon_expires_at(day(0)), day(3));
}

fn offer(valid_from: Option<Instant>, valid_until: Option<Instant>) -> Offer {
    Offer {
        id: uuid::Uuid::from_u128(4).into(),
        key: "spring".to_owned(),
        name: "Spring".to_owned(),
        campaign_id: None,
        label: "SPRING".to_owned(),
        discount: Discount::Percent(percent("15")),
        valid_from,
        valid_until,
        coupon_hours: None,
        policy: RefundPolicy::default(),
        is_active: true,
        created_at: day(0),
        updated_at: day(0),
    }
}

proptest! {
    #[test]
    fn a_discount_is_at_most_the_price_and_parts_make_the_whole(
        price in 0_i64..1_000_000_000_000, points in 0_u16..=10_000, amount in 0_i64..1_000_000_000_000,
    ) {
        let share = Percent::of_basis_points(points).unwrap();
        for discount in [Discount::Percent(share), Discount::Amount(usd(amount))] {
            let discounted = discount.apply(usd(price)).unwrap();
            prop_assert!(discounted.off.minor() >= 0 && discounted.to_pay.minor() >= 0);
            prop_assert_eq!(discounted.off.checked_add(discounted.to_pay).unwrap(), usd(price));
        }
    }

    #[test]
    fn a_refund_never_exceeds_what_was_paid_and_not_given_back(
        unit in 0_i64..1_000_000, new in 0_i64..1_000_000, quantity in 1_i64..1_000, given_back in 0_i64..1_000_000,
    ) {
        let total = unit * quantity;
        let purchase = Purchase { unit_price: usd(unit), quantity, refunded: usd(given_back.min(total)), ..purchase() };
        let policy = RefundPolicy { once_per_order: false, ..RefundPolicy::default() };
        let product = product();
        let drop = PriceDrop { product: &product, new_price: usd(new) };
        if let Ok(refund) = refund(&policy, drop, &purchase, day(12)) {
            prop_assert!(refund.amount.minor() > 0);
            prop_assert!(refund.amount.minor() + purchase.refunded.minor() <= total);
        }
    }

    #[test]
    fn a_budget_never_promises_more_than_it_has(total in 0_i64..10_000, costs in prop::collection::vec(0_i64..3_000, 0..30)) {
        let mut budget = Budget::new(uuid::Uuid::from_u128(5).into(), usd(total));
        for (at, cost) in costs.into_iter().enumerate() {
            if budget.reserve(usd(cost)) {
                match at % 3 {
                    0 => budget.commit(usd(cost), usd(cost / 2)).unwrap(),
                    1 => budget.release(usd(cost)).unwrap(),
                    _ => {}
                }
            }
            prop_assert!(budget.left().unwrap().minor() >= 0 && budget.reserved.minor() >= 0);
        }
    }
}
