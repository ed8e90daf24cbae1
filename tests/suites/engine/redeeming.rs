//! Coupons are redeemed at most once, guesses are counted, and cadences hear of redemptions.

use anyhow::Context as _;
use callwright_engine::domain::coupon::allowance::{CLIENT_FAILURES, KEY_FAILURES};
use callwright_engine::domain::coupon::{Code, Coupon, CouponState, Given, RANDOM_BYTES, Refused};
use callwright_engine::domain::event::kinds;
use callwright_engine::domain::new_offer::{self, NewOffer};
use callwright_engine::engine::{Engine, EngineError, RedeemRequest, Redeemed};
use callwright_engine::id::LeadId;
use callwright_engine::money::{Currency, Money};
use callwright_engine::store::coupon::{self, CouponFilter, Issue, Issued};
use callwright_engine::store::{budget, offer};
use callwright_workers::jobs::expire_coupons;
use chrono::TimeDelta;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use crate::given::{ALICE, World, library};
use crate::on_both;

fn usd(minor: i64) -> Money {
    Money::of_minor(minor, Currency::USD).expect("an amount")
}

/// A coupon over 15 percent, at most 150 dollars, for a day, under a budget of a thousand.
async fn issued(world: &World, lead_id: LeadId) -> anyhow::Result<Coupon> {
    let new = NewOffer {
        key: Some("spring".to_owned()),
        label: Some("PRICE_DROP".to_owned()),
        percent: Some(serde_json::from_str("15")?),
        coupon_hours: 24.into(),
        campaign_id: world.campaign.into(),
        ..NewOffer::default()
    };
    let (ids, now) = (&world.engine.ids, world.now());
    let offer =
        new_offer::prepare(&new, ids.next(now), now).map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    let mut tx = world.engine.db.begin().await?;
    budget::set(&mut tx, world.campaign, usd(100_000), now).await?;
    let (offer, _) = offer::ensure(&mut tx, &offer).await?;
    let issue = Issue {
        issue_key: format!("spring/{lead_id}"),
        lead_id,
        offer: &offer,
        product_id: None,
        campaign_id: offer.campaign_id,
        trigger_id: None,
        most: usd(15_000),
    };
    let mut random = || *b"seven77";
    let answers = coupon::issue_many(&mut tx, ids, &[issue], &mut random, now).await?;
    tx.commit().await?;
    match answers.into_iter().next() {
        Some(Issued::New(coupon)) => Ok(coupon),
        other => anyhow::bail!("{other:?}"),
    }
}

fn order(coupon: &Coupon, order_id: &str) -> RedeemRequest {
    RedeemRequest {
        given: Given::parse(&coupon.text()).expect("a code"),
        order_id: Some(order_id.to_owned()),
        amount: None,
        currency: None,
        lead_id: None,
        key: "key:shop".to_owned(),
        client: None,
    }
}

/// A code that nobody has.
fn guess(number: u8, client: Option<&str>) -> RedeemRequest {
    let mut bytes = [200; RANDOM_BYTES];
    bytes[0] = number;
    RedeemRequest {
        given: Given::parse(&Code::from_random(bytes).to_string()).expect("a code"),
        order_id: None,
        amount: None,
        currency: None,
        lead_id: None,
        key: "key:shop".to_owned(),
        client: client.map(str::to_owned),
    }
}

async fn spent(world: &World) -> anyhow::Result<(i64, i64)> {
    let mut tx = world.engine.db.begin_read().await?;
    let budget = budget::find(&mut tx, world.campaign).await?.context("the budget")?;
    Ok((budget.reserved.minor(), budget.spent.minor()))
}

async fn all_coupons(world: &World) -> anyhow::Result<Vec<Coupon>> {
    let mut tx = world.engine.db.begin_read().await?;
    Ok(coupon::page(&mut tx, &CouponFilter::default(), None, 50).await?.items)
}

const WAITS_FOR_A_COUPON: &str = r"
cadence: waits
title: Ends when the coupon is used
enter: { again_after: 30 days }
hours: { days: mon-fri, between: 09:00-18:00, zone: lead, holidays: skip }
limits: { per_day: 4, gap: 30 minutes }
exit:
  - { when_event: COUPON_REDEEMED, result: converted }
steps:
  - id: pause
    wait: 5 days
  - id: done
    end: completed
";

/// Asks again when a slow machine had no connection free in time: that is an answer about the server, not about the coupon.
async fn patiently(engine: &Engine, request: &RedeemRequest) -> Result<Redeemed, EngineError> {
    for _ in 0..20 {
        match engine.redeem(request.clone()).await {
            Err(error) if error.to_string().contains("pool timed out") => {}
            answer => return answer,
        }
    }
    engine.redeem(request.clone()).await
}

on_both! {
    async fn of_a_thousand_at_once_one_succeeds(db) {
        let world = World::open(db).await?;
        let alice = world.lead(ALICE).await?;
        let coupon = issued(&world, alice).await?;
        let tries: FuturesUnordered<_> = (0..1_000)
            .map(|n| {
                let (engine, request) = (world.engine.clone(), order(&coupon, &format!("order-{n}")));
                tokio::spawn(async move { patiently(&engine, &request).await })
            })
            .collect();
        let answers: Vec<_> = tries.collect().await;
        let (mut redeemed, mut refused) = (0, 0);
        for answer in answers {
            match answer?? {
                Redeemed::Done { repeated: false, .. } => redeemed += 1,
                Redeemed::Refused(Refused::Redeemed) => refused += 1,
                other => anyhow::bail!("{other:?}"),
            }
        }
        assert_eq!((redeemed, refused), (1, 999));
        assert_eq!(spent(&world).await?, (0, 15_000), "and it is paid for once");
        assert_eq!(world.count(alice, kinds::COUPON_REDEEMED).await?, 1);

    }

    async fn the_same_order_again_gets_the_same_answer(db) {
        let world = World::open(db).await?;
        let alice = world.lead(ALICE).await?;
        let coupon = issued(&world, alice).await?;
        let request = RedeemRequest { amount: Some(serde_json::from_str("100.00")?), ..order(&coupon, "o1") };
        let first = world.engine.redeem(request.clone()).await?;
        let Redeemed::Done { coupon: once, repeated: false } = first else { anyhow::bail!("{first:?}") };
        assert_eq!((once.value, once.state), (Some(usd(1_500)), CouponState::Redeemed));
        let again = world.engine.redeem(request).await?;
        assert_eq!(again, Redeemed::Done { coupon: once, repeated: true });
        assert_eq!(spent(&world).await?, (0, 1_500));
    }

    async fn what_was_told_of_another_lead_is_not_redeemed(db) {
        let world = World::open(db).await?;
        let (alice, bob) = (world.lead(ALICE).await?, world.lead(crate::given::BOB).await?);
        let coupon = issued(&world, alice).await?;
        let stranger = RedeemRequest { lead_id: Some(bob), ..order(&coupon, "o1") };
        assert_eq!(world.engine.redeem(stranger).await?, Redeemed::Refused(Refused::OtherLead));
        let owner = RedeemRequest { lead_id: Some(alice), ..order(&coupon, "o1") };
        assert!(matches!(world.engine.redeem(owner).await?, Redeemed::Done { .. }));
    }

    async fn guesses_are_counted_per_client_and_a_wait_ends(db) {
        let world = World::open(db).await?;
        let alice = world.lead(ALICE).await?;
        let coupon = issued(&world, alice).await?;
        for number in 0..CLIENT_FAILURES as u8 {
            assert_eq!(world.engine.redeem(guess(number, Some("1.2.3.4"))).await?, Redeemed::Unknown);
        }
        assert_eq!(world.engine.redeem(guess(99, Some("1.2.3.4"))).await?, Redeemed::Wait(TimeDelta::seconds(12)));
        let right = RedeemRequest { client: Some("1.2.3.4".to_owned()), ..order(&coupon, "o1") };
        assert!(matches!(world.engine.redeem(right.clone()).await?, Redeemed::Wait(_)), "nothing is looked up");
        assert_eq!(world.engine.redeem(guess(99, Some("5.6.7.8"))).await?, Redeemed::Unknown, "others go on");
        world.pass(TimeDelta::seconds(12));
        assert!(matches!(world.restarted(9).redeem(right).await?, Redeemed::Done { .. }));
    }

    async fn guesses_that_come_at_once_are_counted_one_by_one(db) {
        let world = World::open(db).await?;
        let most = KEY_FAILURES as u8;
        let tries: FuturesUnordered<_> = (0..most + 20)
            .map(|number| {
                let engine = world.engine.clone();
                tokio::spawn(async move { engine.redeem(guess(number, None)).await })
            })
            .collect();
        let answers: Vec<_> = tries.collect().await;
        let mut looked_up = 0;
        for answer in answers {
            looked_up += u32::from(answer?? == Redeemed::Unknown);
        }
        assert_eq!(looked_up, KEY_FAILURES);
    }

    async fn a_label_that_does_not_belong_to_the_code_is_no_coupon(db) {
        let world = World::open(db).await?;
        let alice = world.lead(ALICE).await?;
        let coupon = issued(&world, alice).await?;
        let given = Given::parse(&format!("PRICE_DROP-50-{}", coupon.code))?;
        assert_eq!(world.engine.redeem(RedeemRequest { given, ..order(&coupon, "o1") }).await?, Redeemed::Unknown);
    }

    async fn what_is_over_is_refused_at_once_and_given_back_by_the_job(db) {
        let world = World::open(db).await?;
        let alice = world.lead(ALICE).await?;
        let coupon = issued(&world, alice).await?;
        world.pass(TimeDelta::hours(24));
        let answer = world.engine.redeem(order(&coupon, "o1")).await?;
        assert_eq!(answer, Redeemed::Refused(Refused::Expired(coupon.expires_at)));
        assert_eq!(spent(&world).await?, (15_000, 0));
        assert_eq!(expire_coupons::expire(&world.engine).await?, 1);
        assert_eq!(spent(&world).await?, (0, 0));
        assert_eq!(all_coupons(&world).await?[0].state, CouponState::Expired);
    }

    async fn a_cadence_ends_when_the_coupon_is_used(db) {
        let world = World::with(db, library(&[WAITS_FOR_A_COUPON])).await?;
        let alice = world.lead(ALICE).await?;
        world.enroll(alice, "waits").await?;
        let coupon = issued(&world, alice).await?;
        world.engine.redeem(order(&coupon, "o1")).await?;
        assert_eq!(world.walk(alice).await?.result.as_deref(), Some("converted"));
    }
}
