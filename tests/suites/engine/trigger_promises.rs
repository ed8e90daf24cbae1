//! What a trigger promised: coupons nobody heard of are taken back with it, and what it came to is what its rows say.

use anyhow::Context as _;
use callwright_engine::domain::coupon::{CouponState, Given};
use callwright_engine::domain::new_lead::NewLead;
use callwright_engine::domain::outcome::Outcome;
use callwright_engine::domain::trigger::{TriggerKind, TriggerRule, TriggerState};
use callwright_engine::engine::triggers::{NewTrigger, Raised};
use callwright_engine::engine::{RedeemRequest, Redeemed};
use callwright_engine::id::{LeadId, TriggerId};
use callwright_engine::provider::{LookUpResult, Placement};
use callwright_engine::store::analytics::{self, MoneyLine, Reached};
use callwright_engine::store::coupon::{self, CouponFilter};
use callwright_engine::store::jobs::admin::{self, JobFilter};
use callwright_engine::store::{Db, Tx, audience, budget, campaign_product, trigger_rule};
use callwright_tests::{Backend, TestDb};
use callwright_workers::jobs::fan_out;
use chrono::TimeDelta;

use crate::facts::{no_answer, said, talk};
use crate::fake::Fake;
use crate::on_both;
use crate::triggering::{Shop, counted, finish, number, usd};

/// What the campaign holds back for open promises, in cents.
async fn reserved(shop: &Shop) -> anyhow::Result<i64> {
    let mut tx = shop.world.db.db.begin_read().await?;
    Ok(budget::find(&mut tx, shop.campaign).await?.context("the budget")?.reserved.minor())
}

async fn with_budget(shop: &Shop, minor: i64) -> anyhow::Result<()> {
    let mut tx = shop.world.engine.db.begin().await?;
    budget::set(&mut tx, shop.campaign, usd(minor), shop.world.now()).await?;
    Ok(tx.commit().await?)
}

/// Coupons of a lead, by state.
async fn coupons(shop: &Shop, lead: LeadId) -> anyhow::Result<Vec<CouponState>> {
    let filter = CouponFilter { lead_id: Some(lead), ..CouponFilter::default() };
    let mut tx = shop.world.db.db.begin_read().await?;
    let page = coupon::page(&mut tx, &filter, None, 10).await?;
    Ok(page.items.iter().map(|coupon| coupon.state).collect())
}

pub async fn redeem(shop: &Shop, lead: LeadId, paid: &str) -> anyhow::Result<()> {
    let told = shop.world.walk(lead).await?.enrollment.variables;
    let code = told.pointer("/offer/coupon").and_then(|code| code.as_str()).context("the coupon")?;
    let request = RedeemRequest {
        given: Given::parse(code)?,
        order_id: Some(format!("order-of-{lead}")),
        amount: Some(number(paid)),
        currency: None,
        lead_id: None,
        key: "key:shop".to_owned(),
        client: None,
    };
    let done = shop.world.engine.redeem(request).await?;
    anyhow::ensure!(matches!(done, Redeemed::Done { repeated: false, .. }), "{done:?}");
    Ok(())
}

/// Rows of a statement about a trigger, each a text and a number.
async fn rows(db: &Db, statement: &'static str, id: TriggerId) -> anyhow::Result<Vec<(String, i64)>> {
    Ok(match db {
        Db::Sqlite { read, .. } => sqlx::query_as(statement).bind(id.to_string()).fetch_all(read).await?,
        Db::Postgres { pool, .. } => sqlx::query_as(statement).bind(id.to_string()).fetch_all(pool).await?,
    })
}

async fn execute(db: &Db, statement: &'static str) -> anyhow::Result<u64> {
    Ok(match db {
        Db::Sqlite { write, .. } => sqlx::query(statement).execute(write).await?.rows_affected(),
        Db::Postgres { pool, .. } => sqlx::query(statement).execute(pool).await?.rows_affected(),
    })
}

on_both! {
    async fn a_cancelled_trigger_gives_back_what_nobody_was_told(db) {
        let shop = Shop::open(db).await?;
        with_budget(&shop, 100_000).await?;
        let mut buyers = Vec::new();
        for nth in 0..6 {
            buyers.push(shop.buyer(nth, |_| ()).await?);
        }
        let (world, engine) = (&shop.world, &shop.world.engine);
        let id = engine.raise(&shop.drop_to(84_999)).await?.trigger().id;
        engine.fan_out(id, 5).await?;
        assert_eq!(reserved(&shop).await?, 5 * 15_000);
        // Of the five, one is called, one may have been, one is planned, one has left by itself, and one waits.
        engine.plan(3).await?;
        let provider = Fake::default()
            .answering(Placement::Accepted { provider_call_id: "first".to_owned() })
            .answering(Placement::Unknown { reason: "no answer".to_owned() });
        let claimed = engine.claim(2, &provider, "me").await?;
        let (called, doubtful) = (claimed.requests[0].attempt_id, claimed.requests[1].attempt_id);
        world.place(&provider, claimed.requests).await?;
        let mut told = Vec::new();
        for lead in &buyers {
            let attempts = world.attempts(*lead).await?;
            if attempts.iter().any(|attempt| attempt.id == called || attempt.id == doubtful) {
                told.push(*lead);
            }
        }
        let waits = buyers[..5].iter().find(|lead| !told.contains(lead)).context("somebody who waits")?;
        world.log(*waits, "OPTOUT_REQUESTED", serde_json::json!({})).await?;

        engine.cancel_trigger(id).await?;
        finish(engine, id, 2).await?;
        assert_eq!(engine.trigger(id).await?.state, TriggerState::Cancelled);
        for lead in &buyers[..5] {
            let expected = if told.contains(lead) { CouponState::Issued } else { CouponState::Revoked };
            assert_eq!(coupons(&shop, *lead).await?, [expected], "{lead}");
        }
        assert_eq!((told.len(), coupons(&shop, buyers[5]).await?.len()), (2, 0));
        assert_eq!(reserved(&shop).await?, 2 * 15_000);
        // A call that proves not to have been made is not made now.
        world.clock.advance_to(world.now() + Fake::T_REC + TimeDelta::seconds(1));
        let lost = Fake::default().finding(LookUpResult::Absent);
        assert_eq!(engine.reconcile(&lost, 10).await?.not_placed, 1);
        assert_eq!(world.dial(&lost).await?.accepted, 0);
        // Cancelled twice is cancelled once, and what was freed is there for the next.
        engine.cancel_trigger(id).await?;
        finish(engine, id, 2).await?;
        assert_eq!(reserved(&shop).await?, 2 * 15_000);
        let again = engine.raise(&shop.drop_to(84_999)).await?;
        assert!(matches!(again, Raised::New(_)));
        finish(engine, again.trigger().id, 3).await?;
        let done = engine.trigger(again.trigger().id).await?;
        assert_eq!((done.eligible, done.skipped.get("already-offered"), done.skipped.get("opted-out")), (3, Some(&2), Some(&1)));
        assert_eq!(reserved(&shop).await?, 5 * 15_000);
    }

    async fn who_is_refused_by_the_cadence_holds_nothing_of_the_budget(db) {
        let shop = Shop::open(db).await?;
        with_budget(&shop, 100_000).await?;
        let cold = shop.buyer(1, |_| ()).await?;
        // `new-lead` takes cold leads only.
        let known = NewLead { phone: "+12024561999".into(), status: Some("contacted".to_owned()), ..NewLead::default() };
        let known = shop.world.lead_like(known).await?;
        shop.bought(known, |_| ()).await?;
        let new = NewTrigger { cadence: Some("new-lead".to_owned()), ..shop.drop_to(84_999) };
        let done = shop.spread(&new).await?;
        assert_eq!((done.eligible, done.skipped.get("entry-condition")), (1, Some(&1)));
        assert_eq!(coupons(&shop, cold).await?, [CouponState::Issued]);
        assert_eq!(coupons(&shop, known).await?, [CouponState::Revoked]);
        assert_eq!(reserved(&shop).await?, 15_000);
    }

    async fn what_a_trigger_came_to_equals_a_count_by_hand(db) {
        let shop = Shop::open(db).await?;
        let (world, provider) = (&shop.world, Fake::default());
        for nth in 0..6 {
            shop.buyer(nth, |_| ()).await?;
        }
        for nth in 6..8 {
            shop.buyer(nth, |bought| bought.verified = Some(false)).await?;
        }
        shop.buyer(8, |bought| bought.unit_price = Some(number("800"))).await?;
        // Another trigger, whose numbers are its own.
        let other = shop.spread(&shop.drop_to(89_999)).await?;
        world.dial(&provider).await?;
        let mut accepted = Vec::new();
        for (nth, attempt) in provider.asked().into_iter().enumerate() {
            let facts = match nth {
                0..3 => talk(attempt, world.now(), said(Outcome::Converted, "accepted", Vec::new())),
                3 => talk(attempt, world.now(), said(Outcome::Answered, "declined", Vec::new())),
                _ => no_answer(attempt, world.now()),
            };
            world.record(facts).await?;
            let mut tx = world.db.db.begin_read().await?;
            let lead = callwright_engine::store::attempt::by_ids_unlocked(&mut tx, &[attempt]).await?[0].lead_id;
            if nth < 3 {
                accepted.push(lead);
            }
        }
        redeem(&shop, accepted[0], "899.99").await?;
        redeem(&shop, accepted[1], "1234.56").await?;

        let mut tx = world.db.db.begin_read().await?;
        let line = analytics::of_trigger(&mut tx, other.id).await?.context("the trigger")?;
        let mut listed = Vec::new();
        for reached in Reached::ALL {
            listed.push(analytics::calls(&mut tx, other.id, reached, None, 50).await?.items.len() as i64);
        }
        tx.rollback().await?;
        let counts = [line.calls, line.called, line.answered, line.accepted, line.redeemed].map(|count| count as i64);
        // By hand: from the purchases, calls and coupons themselves, not from what triggers keep of them.
        let by_hand = async |statement: &'static str| counted(&world.db.db, statement, other.id).await;
        const ELIGIBLE: &str = "SELECT count(*) FROM enrollments WHERE entry_key = $1";
        assert_eq!(line.trigger.eligible as i64, by_hand(ELIGIBLE).await?);
        const CALLS: &str = "SELECT count(*) FROM enrollments n JOIN attempts a ON a.enrollment_id = n.id
             JOIN calls c ON c.attempt_id = a.id WHERE n.entry_key = $1";
        const CALLED: &str = "SELECT count(DISTINCT n.lead_id) FROM enrollments n JOIN attempts a ON a.enrollment_id = n.id
             JOIN calls c ON c.attempt_id = a.id WHERE n.entry_key = $1";
        const ANSWERED: &str = "SELECT count(DISTINCT n.lead_id) FROM enrollments n JOIN attempts a ON a.enrollment_id = n.id
             JOIN calls c ON c.attempt_id = a.id WHERE n.entry_key = $1 AND c.talk_s > 0 AND c.answered_by = 'human'";
        const ACCEPTED: &str = "SELECT count(DISTINCT n.lead_id) FROM enrollments n JOIN attempts a ON a.enrollment_id = n.id
             JOIN calls c ON c.attempt_id = a.id WHERE n.entry_key = $1 AND c.disposition = 'accepted'";
        const REDEEMED: &str = "SELECT count(*) FROM coupons WHERE trigger_id = $1 AND order_id IS NOT NULL";
        let mut expected = Vec::new();
        for statement in [CALLS, CALLED, ANSWERED, ACCEPTED, REDEEMED] {
            expected.push(by_hand(statement).await?);
        }
        assert_eq!(counts.to_vec(), expected);
        assert_eq!(expected, [6, 6, 4, 3, 2]);
        // Each number lists its calls.
        assert_eq!(listed, [expected[0], 4, 3, 2]);
        // Unverified, and bought below the new price: by the purchases.
        const SKIPPED: &str = "SELECT CASE WHEN p.is_verified = 0 THEN 'purchase-unverified' ELSE 'not-paid-more' END, count(DISTINCT p.lead_id)
             FROM purchases p JOIN triggers t ON t.product_id = p.product_id
             WHERE t.id = $1 AND (p.is_verified = 0 OR p.unit_minor <= 89999) GROUP BY 1 ORDER BY 1";
        let skipped: Vec<(String, i64)> =
            line.trigger.skipped.iter().map(|(reason, count)| (reason.clone(), *count as i64)).collect();
        assert_eq!(skipped, rows(&world.db.db, SKIPPED, other.id).await?);
        const MONEY: &str = "SELECT currency, CAST(sum(order_minor) AS BIGINT) FROM coupons WHERE trigger_id = $1 AND order_id IS NOT NULL
             GROUP BY currency";
        // Ten percent of the order, rounded half up, and no more than was promised.
        const COST: &str = "SELECT currency, CAST(sum(CASE WHEN (order_minor * 1000 + 5000) / 10000 < reserved_minor
                 THEN (order_minor * 1000 + 5000) / 10000 ELSE reserved_minor END) AS BIGINT)
             FROM coupons WHERE trigger_id = $1 AND order_id IS NOT NULL GROUP BY currency";
        let [MoneyLine { value, cost }] = line.money[..] else { anyhow::bail!("{:?}", line.money) };
        assert_eq!(rows(&world.db.db, MONEY, other.id).await?, [("USD".to_owned(), value.minor())]);
        assert_eq!(value, usd(89_999 + 123_456));
        assert_eq!(rows(&world.db.db, COST, other.id).await?, [("USD".to_owned(), cost.minor())]);
        let mut tx = world.db.db.begin_read().await?;
        let since = world.now() - TimeDelta::days(1);
        let total = analytics::total_of_campaign(&mut tx, shop.campaign, since).await?;
        assert_eq!((total.money, total.redeemed, total.calls), (line.money.clone(), line.redeemed, line.calls));
        assert_eq!(cost, usd(9_000 + 10_000));
    }

    async fn the_minutes_round_raises_what_a_rule_asks_for_and_gives_back_lost_jobs(db) {
        let shop = Shop::open(db).await?;
        shop.buyer(1, |_| ()).await?;
        let engine = &shop.world.engine;
        let id = engine.raise(&shop.drop_to(84_999)).await?.trigger().id;
        let jobs = async || -> anyhow::Result<usize> {
            let mut tx = shop.world.db.db.begin_read().await?;
            Ok(admin::page(&mut tx, JobFilter { state: None, kind: Some("fan_out") }, None, 10).await?.len())
        };
        assert_eq!(jobs().await?, 1);
        // As after a restore, or when somebody discarded it.
        execute(&shop.world.db.db, "DELETE FROM jobs WHERE kind = 'fan_out'").await?;
        fan_out::look(engine).await?;
        fan_out::look(engine).await?;
        assert_eq!(jobs().await?, 1);
        finish(engine, id, 10).await?;
        execute(&shop.world.db.db, "DELETE FROM jobs WHERE kind = 'fan_out'").await?;
        fan_out::look(engine).await?;
        assert_eq!(jobs().await?, 0, "what is finished needs no job");
        let rule = TriggerRule {
            id: engine.ids.next(shop.world.now()),
            kind: TriggerKind::PriceDrop,
            campaign_id: shop.campaign,
            product_id: None,
            min_drop_bp: 0,
            discount_bp: None,
            is_active: true,
            created_at: shop.world.now(),
        };
        let mut tx = engine.db.begin().await?;
        campaign_product::replace(&mut tx, shop.campaign, &[shop.product]).await?;
        trigger_rule::set(&mut tx, &rule).await?;
        tx.commit().await?;
        shop.world.pass(TimeDelta::minutes(1));
        shop.set_price(59_999).await?;
        fan_out::look(engine).await?;
        fan_out::look(engine).await?;
        assert_eq!(jobs().await?, 1, "the drop has become a trigger, once");
    }
}

/// Enrollments that were read on this connection lately, in either way.
async fn enrollments_read(tx: &mut Tx) -> anyhow::Result<i64> {
    const READ: &str = "SELECT CAST(coalesce(idx_tup_fetch, 0) + seq_tup_read AS BIGINT)
         FROM pg_stat_xact_user_tables WHERE relname = 'enrollments'";
    let Tx::Postgres(own) = tx else { anyhow::bail!("not PostgreSQL") };
    Ok(sqlx::query_scalar(READ).fetch_one(&mut **own).await?)
}

#[tokio::test]
async fn a_promise_is_found_without_reading_everybody_elses() -> anyhow::Result<()> {
    let Some(db) = TestDb::open(Backend::Postgres).await? else { return Ok(()) };
    let shop = Shop::open(db).await?;
    let mut buyers = Vec::new();
    for nth in 0..60 {
        buyers.push(shop.buyer(nth, |_| ()).await?);
    }
    let spread = shop.spread(&shop.drop_to(84_999)).await?;
    anyhow::ensure!(spread.eligible == 60, "{:?}", spread.skipped);

    let (mut tx, now) = (shop.world.db.db.begin().await?, shop.world.now());
    let before = enrollments_read(&mut tx).await?;
    let promised = audience::promised(&mut tx, &spread, &buyers[..2], now).await?;
    anyhow::ensure!(promised.len() == 2, "{promised:?}");
    let read = enrollments_read(&mut tx).await? - before;
    anyhow::ensure!(read <= 2, "{read} enrollments were read for two people");
    Ok(())
}
