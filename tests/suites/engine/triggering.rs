//! Triggers: everybody whom an event concerns is called once, whoever raises it and however often, wherever a worker dies.

use anyhow::Context as _;
use callwright_engine::definitions::library::Library;
use callwright_engine::domain::campaign::CampaignStatus;
use callwright_engine::domain::new_lead::NewLead;
use callwright_engine::domain::new_product::NewProduct;
use callwright_engine::domain::new_purchase::NewPurchase;
use callwright_engine::domain::product::ChangeSource;
use callwright_engine::domain::purchase::{Interest, InterestKind};
use callwright_engine::domain::trigger::{Trigger, TriggerKind, TriggerRule, TriggerSource, TriggerState};
use callwright_engine::engine::Engine;
use callwright_engine::engine::triggers::{NewTrigger, Raised};
use callwright_engine::id::{CampaignId, LeadId, ProductId, TriggerId};
use callwright_engine::money::{Currency, Money, Number, Percent};
use callwright_engine::store::analytics::{self, Reached};
use callwright_engine::store::coupon::{self, CouponFilter};
use callwright_engine::store::edge::{self, Fate};
use callwright_engine::store::jobs::admin::{self, JobFilter};
use callwright_engine::store::{Db, campaign_product, interest, product, purchase, trigger, trigger_rule};
use callwright_tests::TestDb;
use chrono::TimeDelta;

use crate::facts::{said, talk};
use crate::fake::Fake;
use crate::given::World;
use crate::on_both;
use crate::one_commit::OneCommit;

pub fn usd(minor: i64) -> Money {
    Money::of_minor(minor, Currency::USD).expect("an amount")
}

pub fn number(text: &str) -> Number {
    serde_json::from_str(text).expect("a number")
}

pub fn percent(text: &str) -> Percent {
    text.parse().expect("a percentage")
}

/// A shop with one product and the shipped cadences.
pub struct Shop {
    pub world: World,
    pub campaign: CampaignId,
    pub product: ProductId,
}

impl Shop {
    pub async fn open(db: TestDb) -> anyhow::Result<Self> {
        let world = World::with(db, Library::embedded()).await?;
        let campaign = world.campaign("price-drop", |_| ()).await?;
        let product = stock(&world, "iphone", "iPhone 15 Pro", "999.99").await?;
        Ok(Self { world, campaign, product })
    }

    /// A lead who bought the product a day ago, changed as the test wants it.
    pub async fn buyer(&self, nth: u32, change: impl FnOnce(&mut NewPurchase)) -> anyhow::Result<LeadId> {
        let lead = self.person(nth).await?;
        self.bought(lead, change).await?;
        Ok(lead)
    }

    pub async fn person(&self, nth: u32) -> anyhow::Result<LeadId> {
        let phone = format!("+1202456{:04}", 1_000 + nth);
        let new = NewLead { phone: phone.as_str().into(), ..NewLead::default() };
        self.world.lead_like(new).await
    }

    pub async fn bought(&self, lead: LeadId, change: impl FnOnce(&mut NewPurchase)) -> anyhow::Result<()> {
        let mut new = NewPurchase {
            lead_id: Some(lead.to_string()),
            product_id: Some(self.product.to_string()),
            unit_price: Some(number("999.99")),
            purchased_at: Some(self.world.now() - TimeDelta::days(1)),
            ..NewPurchase::default()
        };
        change(&mut new);
        record(&self.world, &new).await
    }

    pub fn drop_to(&self, minor: i64) -> NewTrigger {
        NewTrigger {
            product_id: Some(self.product),
            original: Some(usd(99_999)),
            new: Some(usd(minor)),
            ..NewTrigger::new(TriggerKind::PriceDrop, TriggerSource::Api, self.campaign)
        }
    }

    /// The shop's own change of the price.
    pub async fn set_price(&self, minor: i64) -> anyhow::Result<()> {
        let (engine, now) = (&self.world.engine, self.world.now());
        let mut tx = engine.db.begin().await?;
        product::set_price(&mut tx, &engine.ids, self.product, usd(minor), ChangeSource::Api, now).await?;
        Ok(tx.commit().await?)
    }

    /// Raises a trigger and goes through its people.
    pub async fn spread(&self, new: &NewTrigger) -> anyhow::Result<Trigger> {
        let raised = self.world.engine.raise(new).await?;
        finish(&self.world.engine, raised.trigger().id, 2).await?;
        Ok(self.world.engine.trigger(raised.trigger().id).await?)
    }
}

pub async fn stock(world: &World, key: &str, name: &str, price: &str) -> anyhow::Result<ProductId> {
    let new = NewProduct {
        external_id: key.into(),
        name: Some(name.to_owned()),
        currency: Some("USD".to_owned()),
        price: Some(number(price)),
        stock: 5.into(),
        ..NewProduct::default()
    };
    let mut tx = world.engine.db.begin().await?;
    product::upsert_many(&mut tx, &world.engine.ids, &[new], ChangeSource::Api, world.now()).await?;
    let id = product::resolve(&mut tx, key).await?.context("the product")?;
    tx.commit().await?;
    Ok(id)
}

pub async fn record(world: &World, new: &NewPurchase) -> anyhow::Result<()> {
    let mut tx = world.engine.db.begin().await?;
    let made =
        purchase::upsert_many(&mut tx, &world.engine.ids, std::slice::from_ref(new), world.now()).await?;
    anyhow::ensure!(!matches!(made.first(), Some(purchase::Upserted::Refused(_))), "{made:?}");
    tx.commit().await?;
    Ok(())
}

/// Works on a trigger until nothing is left.
pub async fn finish(engine: &Engine, id: TriggerId, batch: u32) -> anyhow::Result<()> {
    for _ in 0..200 {
        if engine.fan_out(id, batch).await?.is_over {
            return Ok(());
        }
    }
    anyhow::bail!("the trigger goes on for ever")
}

/// One number that a statement answers with.
pub async fn counted(db: &Db, statement: &'static str, id: TriggerId) -> anyhow::Result<i64> {
    Ok(match db {
        Db::Sqlite { read, .. } => sqlx::query_scalar(statement).bind(id.to_string()).fetch_one(read).await?,
        Db::Postgres { pool, .. } => {
            sqlx::query_scalar(statement).bind(id.to_string()).fetch_one(pool).await?
        }
    })
}

pub const ENROLLED: &str = "SELECT count(*) FROM enrollments WHERE entry_key = $1";
const COUPONS: &str = "SELECT count(*) FROM coupons WHERE trigger_id = $1";
const LEFT_WAITING: &str = "SELECT count(*) FROM enrollments WHERE entry_key = $1 AND state <> 'ended'";

on_both! {
    async fn every_verified_buyer_is_called_once_per_drop(db) {
        let shop = Shop::open(db).await?;
        for nth in 0..7 {
            shop.buyer(nth, |_| ()).await?;
        }
        let twice = shop.buyer(7, |_| ()).await?;
        shop.bought(twice, |_| ()).await?;
        shop.buyer(8, |bought| bought.verified = Some(false)).await?;
        shop.buyer(9, |bought| bought.unit_price = Some(number("800"))).await?;
        shop.person(10).await?;
        let done = shop.spread(&shop.drop_to(84_999)).await?;
        assert_eq!((done.state, done.candidates, done.eligible), (TriggerState::Done, 10, 8));
        let skipped: Vec<(&str, u64)> = done.skipped.iter().map(|(reason, count)| (reason.as_str(), *count)).collect();
        assert_eq!(skipped, [("not-paid-more", 1), ("purchase-unverified", 1)]);
        assert_eq!(counted(&shop.world.db.db, ENROLLED, done.id).await?, 8);
        assert_eq!(counted(&shop.world.db.db, COUPONS, done.id).await?, 8);
        let provider = Fake::default();
        assert_eq!(shop.world.dial(&provider).await?.accepted, 8);
    }

    async fn the_same_event_again_adds_nothing_and_a_deeper_drop_is_another(db) {
        let shop = Shop::open(db).await?;
        let lead = shop.buyer(1, |_| ()).await?;
        let first = shop.spread(&shop.drop_to(84_999)).await?;
        let again = shop.world.engine.raise(&shop.drop_to(84_999)).await?;
        assert_eq!(again, Raised::Known(first.clone()));
        // In another campaign it is the same drop.
        let other = NewTrigger { campaign_id: shop.world.campaign, ..shop.drop_to(84_999) };
        assert_eq!(shop.world.engine.raise(&other).await?.trigger().id, first.id);
        let deeper = shop.spread(&shop.drop_to(79_999)).await?;
        assert_eq!((deeper.eligible, shop.world.walks(lead).await?.len()), (1, 2));
        // Back to the first price: what they have is better.
        shop.world.pass(TimeDelta::days(13));
        let shallower = shop.spread(&shop.drop_to(82_999)).await?;
        assert_eq!((shallower.eligible, shallower.skipped.get("already-offered")), (0, Some(&1)));
    }

    async fn posts_at_the_same_time_raise_one_trigger(db) {
        let shop = Shop::open(db).await?;
        shop.buyer(1, |_| ()).await?;
        let new = shop.drop_to(84_999);
        let engine = &shop.world.engine;
        let raised = futures_util::future::join_all((0..6).map(|_| engine.raise(&new))).await;
        let raised: Vec<Raised> = raised.into_iter().collect::<Result<_, _>>()?;
        let id = raised[0].trigger().id;
        assert!(raised.iter().all(|each| each.trigger().id == id), "{raised:?}");
        assert_eq!(raised.iter().filter(|each| matches!(each, Raised::New(_))).count(), 1);
        let workers = futures_util::future::join_all((0..3).map(|_| finish(engine, id, 1))).await;
        workers.into_iter().collect::<Result<Vec<()>, _>>()?;
        assert_eq!(counted(&shop.world.db.db, ENROLLED, id).await?, 1);
    }

    async fn a_worker_that_dies_in_the_middle_loses_and_doubles_nobody(db) {
        let mut shop = Shop::open(db).await?;
        for nth in 0..11 {
            shop.buyer(nth, |_| ()).await?;
        }
        let id = shop.world.engine.raise(&shop.drop_to(84_999)).await?.trigger().id;
        for (nth, fate) in [(0, Fate::NotApplied), (1, Fate::AnswerLost), (0, Fate::AnswerLost), (1, Fate::NotApplied)] {
            let edge = OneCommit::ending(nth, fate);
            let engine = &shop.world.engine;
            edge::within(edge, async {
                for _ in 0..2 {
                    let _ = engine.fan_out(id, 2).await;
                }
            })
            .await;
            // The process ends; another one goes on.
            shop.world.engine = shop.world.restarted(100 + nth as u64);
        }
        finish(&shop.world.engine, id, 2).await?;
        let done = shop.world.engine.trigger(id).await?;
        assert_eq!((done.eligible, done.skipped.len()), (11, 0));
        assert_eq!(counted(&shop.world.db.db, ENROLLED, id).await?, 11);
        assert_eq!(counted(&shop.world.db.db, COUPONS, id).await?, 11);
    }

    async fn a_trigger_leaves_its_job_in_the_queue(db) {
        let shop = Shop::open(db).await?;
        shop.buyer(1, |_| ()).await?;
        shop.world.engine.raise(&shop.drop_to(84_999)).await?;
        shop.world.engine.raise(&shop.drop_to(84_999)).await?;
        let mut tx = shop.world.db.db.begin_read().await?;
        let jobs = admin::page(&mut tx, JobFilter { state: None, kind: Some("fan_out") }, None, 10).await?;
        assert_eq!(jobs.len(), 1);
    }

    async fn cancelling_takes_out_who_was_not_called_yet(db) {
        let shop = Shop::open(db).await?;
        for nth in 0..5 {
            shop.buyer(nth, |_| ()).await?;
        }
        let engine = &shop.world.engine;
        let id = engine.raise(&shop.drop_to(84_999)).await?.trigger().id;
        engine.fan_out(id, 3).await?;
        // Two of the three are planned, and one of these is called.
        engine.plan(2).await?;
        let provider = Fake::default();
        let claimed = engine.claim(1, &provider, "me").await?;
        shop.world.place(&provider, claimed.requests).await?;
        engine.cancel_trigger(id).await?;
        finish(engine, id, 2).await?;
        let done = engine.trigger(id).await?;
        assert_eq!((done.state, done.eligible), (TriggerState::Cancelled, 3));
        assert_eq!(counted(&shop.world.db.db, LEFT_WAITING, id).await?, 1);
        assert_eq!(shop.world.dial(&provider).await?.accepted, 0);
        // Whoever raises it again starts anew.
        assert!(matches!(engine.raise(&shop.drop_to(84_999)).await?, Raised::New(_)));
    }

    async fn a_restock_calls_buyers_and_people_who_wait_and_tells_them_once(db) {
        let shop = Shop::open(db).await?;
        shop.buyer(1, |_| ()).await?;
        let waits = shop.person(2).await?;
        shop.person(3).await?;
        let world = &shop.world;
        let wish = Interest {
            id: world.engine.ids.next(world.now()),
            lead_id: waits,
            product_id: shop.product,
            kind: InterestKind::BackInStock,
            source: "test".to_owned(),
            created_at: world.now(),
            ended_at: None,
        };
        let mut tx = world.engine.db.begin().await?;
        interest::add_many(&mut tx, &[wish]).await?;
        tx.commit().await?;
        let new = NewTrigger {
            product_id: Some(shop.product),
            discount: Some(percent("10")),
            ..NewTrigger::new(TriggerKind::Restock, TriggerSource::Api, shop.campaign)
        };
        let done = shop.spread(&new).await?;
        assert_eq!((done.candidates, done.eligible), (2, 2));
        let mut tx = world.engine.db.begin_read().await?;
        assert_eq!(interest::count_waiting(&mut tx, &[shop.product]).await?, 0);
        tx.rollback().await?;
        let told = &world.walk(waits).await?.enrollment.variables;
        let coupon = told.pointer("/offer/coupon").and_then(|code| code.as_str()).unwrap_or_default();
        assert!(coupon.starts_with("RESTOCK-10-"), "{told}");
    }

    async fn a_promotion_calls_the_buyers_of_the_campaigns_products(db) {
        let shop = Shop::open(db).await?;
        shop.buyer(1, |_| ()).await?;
        let other = stock(&shop.world, "shoe", "Nike Air Max", "129.99").await?;
        let second = shop.person(2).await?;
        shop.bought(second, |bought| bought.product_id = Some(other.to_string())).await?;
        let third = stock(&shop.world, "sock", "Sock", "9.99").await?;
        let outside = shop.person(3).await?;
        shop.bought(outside, |bought| bought.product_id = Some(third.to_string())).await?;
        let mut tx = shop.world.engine.db.begin().await?;
        campaign_product::replace(&mut tx, shop.campaign, &[shop.product, other]).await?;
        tx.commit().await?;
        let new = NewTrigger {
            discount: Some(percent("20")),
            ..NewTrigger::new(TriggerKind::Promo, TriggerSource::Api, shop.campaign)
        };
        let done = shop.spread(&new).await?;
        assert_eq!((done.candidates, done.eligible), (2, 2));
        let about = shop.world.walk(second).await?.enrollment.variables;
        assert_eq!(about.pointer("/product/name").and_then(|name| name.as_str()), Some("Nike Air Max"));
        assert_eq!(about.pointer("/offer/savings").and_then(|sum| sum.as_str()), Some("26.00"));
    }

    async fn a_price_change_raises_a_trigger_only_by_a_rule_and_once(db) {
        let shop = Shop::open(db).await?;
        shop.buyer(1, |_| ()).await?;
        let engine = &shop.world.engine;
        shop.set_price(94_999).await?;
        assert!(engine.raise_from_catalogue(10).await?.is_empty(), "nobody asked for it");
        let rule = TriggerRule {
            id: engine.ids.next(shop.world.now()),
            kind: TriggerKind::PriceDrop,
            campaign_id: shop.campaign,
            product_id: Some(shop.product),
            min_drop_bp: 1_000,
            discount_bp: None,
            is_active: true,
            created_at: shop.world.now(),
        };
        let mut tx = engine.db.begin().await?;
        trigger_rule::set(&mut tx, &rule).await?;
        tx.commit().await?;
        shop.set_price(92_999).await?;
        assert!(engine.raise_from_catalogue(10).await?.is_empty(), "two percent are not enough");
        shop.set_price(74_399).await?;
        let raised = engine.raise_from_catalogue(10).await?;
        assert!(engine.raise_from_catalogue(10).await?.is_empty(), "a change is looked at once");
        let [id] = raised.as_slice() else { anyhow::bail!("{raised:?}") };
        finish(engine, *id, 10).await?;
        let done = engine.trigger(*id).await?;
        assert_eq!((done.source, done.eligible), (TriggerSource::Catalogue, 1));
        assert_eq!((done.terms.original, done.terms.new), (Some(usd(92_999)), Some(usd(74_399))));
    }

    async fn what_was_given_back_since_is_no_reason_to_call(db) {
        let shop = Shop::open(db).await?;
        let key = |bought: &mut NewPurchase| bought.external_id = Some("order-1".to_owned());
        let lead = shop.buyer(1, key).await?;
        let other = shop.buyer(2, |_| ()).await?;
        shop.spread(&shop.drop_to(84_999)).await?;
        shop.world.plan().await?;
        shop.bought(lead, |bought| {
            key(bought);
            bought.refunded = Some(number("999.99"));
        })
        .await?;
        let provider = Fake::default();
        assert_eq!(shop.world.dial(&provider).await?.accepted, 1);
        assert_eq!(shop.world.walk(lead).await?.result.as_deref(), Some("purchase-gone"));
        assert_eq!(shop.world.states(other).await?, ["placed"]);
    }

    async fn a_dry_run_counts_and_shows_and_writes_nothing(db) {
        let shop = Shop::open(db).await?;
        for nth in 0..6 {
            shop.buyer(nth, |_| ()).await?;
        }
        shop.buyer(7, |bought| bought.verified = Some(false)).await?;
        let run = shop.world.engine.dry_run(&shop.drop_to(84_999), 5).await?;
        assert_eq!((run.candidates, run.eligible, run.samples.len()), (7, 6, 5));
        assert_eq!(run.skipped.get("purchase-unverified"), Some(&1));
        assert_eq!(run.offers_at_most, Some(usd(6 * 15_000)));
        assert!(run.samples[0].package.body.contains("\"savings_amount\":150.00"), "{}", run.samples[0].package.body);
        let mut tx = shop.world.db.db.begin_read().await?;
        assert!(trigger::page(&mut tx, None, None, None, 10).await?.items.is_empty());
        let coupons = coupon::page(&mut tx, &CouponFilter::default(), None, 10).await?;
        assert!(coupons.items.is_empty());
    }

    async fn what_cannot_be_a_trigger_is_refused_with_the_field(db) {
        let shop = Shop::open(db).await?;
        let engine = &shop.world.engine;
        let problem = async |new: NewTrigger| engine.raise(&new).await.err().map(|e| e.to_string()).unwrap_or_default();
        assert!(problem(shop.drop_to(99_999)).await.starts_with("newPrice"));
        let over = NewTrigger { valid_until: Some(shop.world.now()), ..shop.drop_to(84_999) };
        assert!(problem(over).await.starts_with("validUntil"));
        let nowhere = NewTrigger { cadence: Some("nowhere".to_owned()), ..shop.drop_to(84_999) };
        assert!(problem(nowhere).await.contains("nowhere"));
        let promo = NewTrigger::new(TriggerKind::Promo, TriggerSource::Api, shop.campaign);
        assert!(problem(promo).await.starts_with("campaignId"));
        engine.set_campaign_status(shop.campaign, CampaignStatus::Ended).await?;
        assert!(problem(shop.drop_to(84_999)).await.contains("has ended"));
    }

    async fn the_numbers_of_a_trigger_are_those_of_its_rows(db) {
        let shop = Shop::open(db).await?;
        for nth in 0..4 {
            shop.buyer(nth, |_| ()).await?;
        }
        shop.buyer(5, |bought| bought.verified = Some(false)).await?;
        let done = shop.spread(&shop.drop_to(84_999)).await?;
        let (world, provider) = (&shop.world, Fake::default());
        world.dial(&provider).await?;
        let asked = provider.asked();
        use callwright_engine::domain::outcome::Outcome;
        for (nth, attempt) in asked.iter().enumerate() {
            let outcome = [Outcome::Converted, Outcome::Converted, Outcome::Answered, Outcome::NoAnswer][nth];
            let facts = match outcome {
                Outcome::NoAnswer => crate::facts::no_answer(*attempt, world.now()),
                outcome => talk(*attempt, world.now(), said(outcome, "accepted", Vec::new())),
            };
            world.record(facts).await?;
        }
        let mut tx = world.db.db.begin_read().await?;
        let line = analytics::of_trigger(&mut tx, done.id).await?.context("the trigger")?;
        assert_eq!((line.calls, line.called, line.answered, line.accepted, line.redeemed), (4, 4, 3, 2, 0));
        for (reached, people) in [(Reached::Called, 4), (Reached::Answered, 3), (Reached::Accepted, 2), (Reached::Redeemed, 0)] {
            let calls = analytics::calls(&mut tx, done.id, reached, None, 50).await?;
            assert_eq!(calls.items.len(), people, "{reached:?}");
        }
        let campaign = analytics::of_campaign(&mut tx, shop.campaign, world.now() - TimeDelta::days(1)).await?;
        let since = world.now() - TimeDelta::days(1);
        let total = analytics::total_of_campaign(&mut tx, shop.campaign, since).await?;
        assert_eq!((total.eligible, &total.skipped, total.calls), (4, &line.trigger.skipped, line.calls));
        assert_eq!((total.called, total.answered, total.accepted, total.redeemed), (4, 3, 2, 0));
        let none = analytics::total_of_campaign(&mut tx, shop.campaign, world.now() + TimeDelta::days(1)).await?;
        assert_eq!((none.eligible, none.calls, none.skipped.len()), (0, 0, 0));
        assert_eq!(campaign, [line]);
        tx.rollback().await?;
        const BY_HAND: &str = "SELECT count(DISTINCT n.lead_id) FROM enrollments n, attempts a, calls c
             WHERE n.entry_key = $1 AND a.enrollment_id = n.id AND c.attempt_id = a.id AND c.outcome = 'converted'";
        assert_eq!(counted(&world.db.db, BY_HAND, done.id).await?, 2);
    }
}
