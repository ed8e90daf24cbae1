//! Who is called and who is not, one reason each.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use rstest::rstest;
use uuid::Uuid;

use super::*;
use crate::clock::instant_from_micros;
use crate::money::Currency;

fn usd(minor: i64) -> Money {
    Money::of_minor(minor, Currency::USD).unwrap()
}

fn now() -> Instant {
    instant_from_micros(0) + TimeDelta::days(20_000)
}

fn product() -> Product {
    Product {
        id: Uuid::from_u128(1).into(),
        external_id: None,
        name: "iPhone 15 Pro".to_owned(),
        category: None,
        price: usd(84_999),
        stock: None,
        is_active: true,
        tags: Vec::new(),
        attributes: BTreeMap::new(),
        created_at: now(),
        updated_at: now(),
    }
}

fn purchase() -> Purchase {
    Purchase {
        id: Uuid::from_u128(2).into(),
        external_id: None,
        order_id: None,
        lead_id: Uuid::from_u128(3).into(),
        product_id: Uuid::from_u128(1).into(),
        quantity: 1,
        unit_price: usd(99_999),
        refunded: usd(0),
        is_verified: true,
        purchased_at: now() - TimeDelta::days(1),
        delivered_at: None,
        created_at: now(),
        updated_at: now(),
    }
}

fn interest(kind: InterestKind) -> Interest {
    Interest {
        id: Uuid::from_u128(4).into(),
        lead_id: Uuid::from_u128(3).into(),
        product_id: Uuid::from_u128(1).into(),
        kind,
        source: "api".to_owned(),
        created_at: now(),
        ended_at: None,
    }
}

fn terms() -> Terms {
    Terms {
        original: Some(usd(99_999)),
        new: Some(usd(84_999)),
        discount_bp: Some(1_500),
        valid_until: now() + TimeDelta::days(14),
        min_saving: None,
        exclude_tags: vec!["staff".to_owned()],
    }
}

fn candidate<'s>(purchases: &'s [&'s Purchase], interests: &'s [&'s Interest]) -> Candidate<'s, 's> {
    Candidate {
        status: LeadStatus::Customer,
        do_not_call: false,
        has_number: true,
        tags: &[],
        purchases,
        interests,
        promised: None,
    }
}

fn answer(
    kind: TriggerKind,
    terms: &Terms,
    candidate: Candidate<'_, '_>,
) -> Result<Option<Money>, &'static str> {
    let products = [product()];
    let policy = RefundPolicy::default();
    let question = Question { kind, terms, policy: &policy, products: &products, now: now() };
    judge(question, candidate)
        .map(|grounds| grounds.refund.map(|refund| refund.amount))
        .map_err(|skip| skip.code())
}

fn of_price_drop(purchases: &[Purchase]) -> Result<Option<Money>, &'static str> {
    let purchases: Vec<&Purchase> = purchases.iter().collect();
    answer(TriggerKind::PriceDrop, &terms(), candidate(&purchases, &[]))
}

#[test]
fn a_buyer_gets_the_difference() {
    assert_eq!(of_price_drop(&[purchase()]), Ok(Some(usd(15_000))));
    assert_eq!(of_price_drop(&[Purchase { quantity: 2, ..purchase() }]), Ok(Some(usd(30_000))));
}

#[test]
fn of_several_purchases_the_one_that_is_owed_most_counts() {
    let cheap = Purchase { unit_price: usd(90_000), ..purchase() };
    assert_eq!(of_price_drop(&[cheap.clone(), purchase()]), Ok(Some(usd(15_000))));
    assert_eq!(of_price_drop(&[purchase(), cheap]), Ok(Some(usd(15_000))));
}

#[rstest]
#[case::nothing_bought(vec![], "no-purchase")]
#[case::not_verified(vec![Purchase { is_verified: false, ..purchase() }], "purchase-unverified")]
#[case::given_back(vec![Purchase { refunded: usd(99_999), ..purchase() }], "purchase-refunded")]
#[case::bought_cheaper(vec![Purchase { unit_price: usd(80_000), ..purchase() }], "not-paid-more")]
#[case::too_long_ago(vec![Purchase { purchased_at: now() - TimeDelta::days(31), ..purchase() }], "refund-window-over")]
fn no_refund_no_call(#[case] purchases: Vec<Purchase>, #[case] reason: &str) {
    assert_eq!(of_price_drop(&purchases), Err(reason));
}

#[test]
fn people_who_may_not_be_called_are_not() {
    let (bought, tags) = (purchase(), ["staff".to_owned()]);
    let purchases = [&bought];
    let base = candidate(&purchases, &[]);
    let ask = |candidate| answer(TriggerKind::PriceDrop, &terms(), candidate);
    assert_eq!(ask(Candidate { status: LeadStatus::OptedOut, ..base }), Err("opted-out"));
    assert_eq!(ask(Candidate { do_not_call: true, ..base }), Err("do-not-call"));
    assert_eq!(ask(Candidate { has_number: false, ..base }), Err("no-number"));
    assert_eq!(ask(Candidate { tags: &tags, ..base }), Err("tag-excluded"));
}

#[test]
fn only_a_deeper_drop_is_a_new_promise() {
    let bought = purchase();
    let purchases = [&bought];
    let ask = |price| {
        let promised = Some(Promised { price });
        answer(TriggerKind::PriceDrop, &terms(), Candidate { promised, ..candidate(&purchases, &[]) })
    };
    assert_eq!(ask(Some(usd(84_999))), Err("already-offered"));
    assert_eq!(ask(Some(usd(79_999))), Err("already-offered"));
    assert!(ask(Some(usd(89_999))).is_ok());
}

#[test]
fn a_saving_below_the_least_one_is_no_reason_to_call() {
    let bought = purchase();
    let purchases = [&bought];
    let at_least = |minor| Terms { min_saving: Some(usd(minor)), ..terms() };
    let ask = |terms: Terms| answer(TriggerKind::PriceDrop, &terms, candidate(&purchases, &[]));
    assert_eq!(ask(at_least(15_001)), Err("saving-too-small"));
    assert!(ask(at_least(15_000)).is_ok());
}

#[test]
fn a_restock_calls_buyers_and_people_who_wait() {
    let (bought, waits) = (purchase(), interest(InterestKind::BackInStock));
    let ended = Interest { ended_at: Some(now()), ..interest(InterestKind::BackInStock) };
    let unverified = Purchase { is_verified: false, ..purchase() };
    let ask = |purchases: &[&Purchase], interests: &[&Interest]| {
        answer(TriggerKind::Restock, &Terms { new: None, ..terms() }, candidate(purchases, interests))
    };
    assert!(ask(&[&bought], &[]).is_ok());
    assert!(ask(&[], &[&waits]).is_ok());
    assert!(ask(&[&unverified], &[&waits]).is_ok());
    assert_eq!(ask(&[], &[&ended]), Err("no-purchase"));
    assert_eq!(ask(&[&unverified], &[]), Err("purchase-unverified"));
}
