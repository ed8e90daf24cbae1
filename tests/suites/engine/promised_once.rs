//! A promise is made once, whichever way it is raised, and only while it holds; who waits for a product waits until told.

use callwright_engine::domain::purchase::{Interest, InterestKind};
use callwright_engine::domain::trigger::{Trigger, TriggerKind, TriggerRule, TriggerSource};
use callwright_engine::engine::triggers::NewTrigger;
use callwright_engine::id::LeadId;
use callwright_engine::store::product;
use callwright_engine::store::{campaign_product, interest, trigger_rule};
use callwright_tests::{Backend, TestDb};
use chrono::TimeDelta;

use crate::fake::Fake;
use crate::on_both;
use crate::triggering::{ENROLLED, Shop, counted, finish, percent};

impl Shop {
    fn promo(&self) -> NewTrigger {
        NewTrigger {
            discount: Some(percent("20")),
            ..NewTrigger::new(TriggerKind::Promo, TriggerSource::Api, self.campaign)
        }
    }

    fn restock(&self) -> NewTrigger {
        NewTrigger {
            product_id: Some(self.product),
            ..NewTrigger::new(TriggerKind::Restock, TriggerSource::Api, self.campaign)
        }
    }

    /// The same event for one customer.
    async fn call(&self, lead: LeadId, new: NewTrigger) -> anyhow::Result<Result<Trigger, String>> {
        let new = NewTrigger { lead_id: Some(lead), product_id: Some(self.product), ..new };
        let answer = self.world.engine.call_one(&new).await?;
        Ok(answer.map(|call| call.trigger).map_err(|refusal| refusal.reason))
    }

    async fn sell(&self) -> anyhow::Result<()> {
        let mut tx = self.world.engine.db.begin().await?;
        campaign_product::replace(&mut tx, self.campaign, &[self.product]).await?;
        Ok(tx.commit().await?)
    }

    async fn waits(&self, lead: LeadId) -> anyhow::Result<()> {
        let (engine, now) = (&self.world.engine, self.world.now());
        let wish = Interest {
            id: engine.ids.next(now),
            lead_id: lead,
            product_id: self.product,
            kind: InterestKind::BackInStock,
            source: "test".to_owned(),
            created_at: now,
            ended_at: None,
        };
        let mut tx = engine.db.begin().await?;
        interest::add_many(&mut tx, &[wish]).await?;
        Ok(tx.commit().await?)
    }

    async fn waiting(&self) -> anyhow::Result<u64> {
        let mut tx = self.world.engine.db.begin_read().await?;
        Ok(interest::count_waiting(&mut tx, &[self.product]).await?)
    }

    async fn rule(&self, kind: TriggerKind) -> anyhow::Result<()> {
        let rule = TriggerRule {
            id: self.world.engine.ids.next(self.world.now()),
            kind,
            campaign_id: self.campaign,
            product_id: Some(self.product),
            min_drop_bp: 500,
            discount_bp: None,
            is_active: true,
            created_at: self.world.now(),
        };
        let mut tx = self.world.engine.db.begin().await?;
        trigger_rule::set(&mut tx, &rule).await?;
        Ok(tx.commit().await?)
    }

    async fn stocked(&self, pieces: i64) -> anyhow::Result<()> {
        let engine = &self.world.engine;
        let new = callwright_engine::domain::new_product::NewProduct {
            external_id: "iphone".into(),
            stock: pieces.into(),
            ..Default::default()
        };
        let source = callwright_engine::domain::product::ChangeSource::Api;
        let mut tx = engine.db.begin().await?;
        product::upsert_many(&mut tx, &engine.ids, &[new], source, self.world.pass(TimeDelta::seconds(1)))
            .await?;
        Ok(tx.commit().await?)
    }
}

/// Calls that a provider was asked for.
const CALLED: &str = "SELECT count(*) FROM attempts a JOIN enrollments n ON n.id = a.enrollment_id
     WHERE n.entry_key = $1 AND a.state NOT IN ('planned', 'cancelled')";

fn already(trigger: &Trigger) -> (u64, Option<u64>) {
    (trigger.eligible, trigger.skipped.get("already-offered").copied())
}

on_both! {
    async fn nobody_is_called_about_an_offer_that_is_over(db) {
        let shop = Shop::open(db).await?;
        let lead = shop.buyer(1, |_| ()).await?;
        let end = shop.world.now() + TimeDelta::hours(1);
        shop.spread(&NewTrigger { valid_until: Some(end), ..shop.drop_to(84_999) }).await?;
        shop.world.pass(TimeDelta::hours(1));
        assert_eq!(shop.world.dial(&Fake::default()).await?.accepted, 0);
        assert_eq!(shop.world.walk(lead).await?.result.as_deref(), Some("offer-over"));
    }

    async fn nobody_is_enrolled_any_more_for_an_offer_that_is_over(db) {
        let shop = Shop::open(db).await?;
        for nth in 0..3 {
            shop.buyer(nth, |_| ()).await?;
        }
        let engine = &shop.world.engine;
        let end = shop.world.now() + TimeDelta::hours(1);
        let id = engine.raise(&NewTrigger { valid_until: Some(end), ..shop.drop_to(84_999) }).await?.trigger().id;
        engine.fan_out(id, 1).await?;
        shop.world.pass(TimeDelta::hours(1));
        finish(engine, id, 1).await?;
        let done = engine.trigger(id).await?;
        assert_eq!((done.eligible, done.skipped.get("offer-over")), (1, Some(&2)));
    }

    async fn who_was_called_by_themselves_is_not_called_with_everybody(db) {
        let shop = Shop::open(db).await?;
        let lead = shop.buyer(1, |_| ()).await?;
        shop.sell().await?;
        assert!(shop.call(lead, shop.promo()).await?.is_ok());
        assert_eq!(already(&shop.spread(&shop.promo()).await?), (0, Some(1)), "the promotion of all products");
        // Nor without a coupon, nor the other way round.
        shop.spread(&shop.restock()).await?;
        assert_eq!(shop.call(lead, shop.restock()).await?.err().as_deref(), Some("already-offered"));
    }

    async fn who_has_used_a_coupon_is_not_given_another_for_the_same(db) {
        let shop = Shop::open(db).await?;
        let lead = shop.buyer(1, |_| ()).await?;
        assert!(shop.call(lead, shop.drop_to(84_999)).await?.is_ok());
        crate::trigger_promises::redeem(&shop, lead, "849.99").await?;
        assert_eq!(already(&shop.spread(&shop.drop_to(84_999)).await?), (0, Some(1)));
    }

    async fn a_slip_that_is_cancelled_leaves_those_alone_who_were_told_of_it(db) {
        let shop = Shop::open(db).await?;
        for nth in 0..2 {
            shop.buyer(nth, |_| ()).await?;
        }
        let engine = &shop.world.engine;
        let slip = shop.spread(&shop.drop_to(8_499)).await?;
        let provider = Fake::default();
        engine.plan(10).await?;
        let claimed = engine.claim(1, &provider, "me").await?;
        shop.world.place(&provider, claimed.requests).await?;
        engine.cancel_trigger(slip.id).await?;
        // While it is being withdrawn, too.
        let right = engine.raise(&shop.drop_to(84_999)).await?.trigger().id;
        finish(engine, right, 10).await?;
        assert_eq!(already(&engine.trigger(right).await?), (1, Some(1)));
        finish(engine, slip.id, 10).await?;
    }

    async fn calls_of_a_cancelled_trigger_do_not_wait_for_their_turn_to_be_taken_back(db) {
        let shop = Shop::open(db).await?;
        let lead = shop.buyer(1, |_| ()).await?;
        let engine = &shop.world.engine;
        let slip = shop.spread(&shop.drop_to(8_499)).await?;
        engine.plan(10).await?;
        engine.cancel_trigger(slip.id).await?;
        let right = engine.raise(&shop.drop_to(84_999)).await?.trigger().id;
        finish(engine, right, 10).await?;
        let provider = Fake::default();
        shop.world.dial(&provider).await?;
        let results = "SELECT count(*) FROM enrollments WHERE entry_key = $1 AND result = 'offer-withdrawn'";
        assert_eq!(counted(&shop.world.db.db, results, slip.id).await?, 1);
        assert_eq!(counted(&shop.world.db.db, CALLED, slip.id).await?, 0);
        finish(engine, slip.id, 10).await?;
        shop.world.dial(&provider).await?;
        assert_eq!(counted(&shop.world.db.db, CALLED, right).await?, 1);
        assert_eq!(shop.world.attempts(lead).await?.len(), 2);
    }

    async fn whoever_was_not_reached_before_the_offer_ended_waits_again(db) {
        let shop = Shop::open(db).await?;
        let lead = shop.person(1).await?;
        shop.waits(lead).await?;
        let end = shop.world.now() + TimeDelta::hours(1);
        shop.spread(&NewTrigger { valid_until: Some(end), ..shop.restock() }).await?;
        assert_eq!(shop.waiting().await?, 0);
        shop.world.pass(TimeDelta::hours(1));
        assert_eq!(shop.world.dial(&Fake::default()).await?.accepted, 0);
        assert_eq!(shop.world.walk(lead).await?.result.as_deref(), Some("offer-over"));
        assert_eq!(shop.waiting().await?, 1);
    }

    async fn whoever_said_that_they_wait_no_longer_does_not_wait_again(db) {
        let shop = Shop::open(db).await?;
        shop.waits(shop.person(1).await?).await?;
        let engine = &shop.world.engine;
        let mut tx = engine.db.begin().await?;
        let leads = interest::waiting(&mut tx, &[shop.product], None, 10).await?;
        let waiting = interest::among(&mut tx, &leads, &[shop.product]).await?;
        tx.rollback().await?;
        let back = shop.spread(&shop.restock()).await?;
        let mut tx = engine.db.begin().await?;
        interest::end(&mut tx, waiting[0].id, shop.world.pass(TimeDelta::seconds(1))).await?;
        tx.commit().await?;
        engine.cancel_trigger(back.id).await?;
        finish(engine, back.id, 10).await?;
        assert_eq!(shop.waiting().await?, 0);
    }

    async fn whoever_was_not_told_that_it_is_back_waits_again(db) {
        let shop = Shop::open(db).await?;
        for nth in 0..2 {
            shop.waits(shop.person(nth).await?).await?;
        }
        let engine = &shop.world.engine;
        let first = shop.spread(&shop.restock()).await?;
        assert_eq!((first.eligible, shop.waiting().await?), (2, 0));
        engine.plan(10).await?;
        let provider = Fake::default();
        let claimed = engine.claim(1, &provider, "me").await?;
        shop.world.place(&provider, claimed.requests).await?;
        engine.cancel_trigger(first.id).await?;
        finish(engine, first.id, 10).await?;
        assert_eq!(shop.waiting().await?, 1);
        assert_eq!(shop.spread(&shop.restock()).await?.eligible, 1);
    }

    async fn who_is_refused_by_the_cadence_goes_on_waiting(db) {
        let shop = Shop::open(db).await?;
        shop.waits(shop.person(1).await?).await?;
        let known = callwright_engine::domain::new_lead::NewLead {
            phone: "+12024561999".into(),
            status: Some("contacted".to_owned()),
            ..Default::default()
        };
        shop.waits(shop.world.lead_like(known).await?).await?;
        // `new-lead` takes cold leads only.
        let done = shop.spread(&NewTrigger { cadence: Some("new-lead".to_owned()), ..shop.restock() }).await?;
        assert_eq!((done.eligible, done.skipped.get("entry-condition"), shop.waiting().await?), (1, Some(&1), 1));
    }

    async fn a_price_that_was_put_right_raises_nothing(db) {
        let shop = Shop::open(db).await?;
        shop.rule(TriggerKind::PriceDrop).await?;
        for minor in [999, 99_999] {
            shop.set_price(minor).await?;
            shop.world.pass(TimeDelta::seconds(1));
        }
        assert!(shop.world.engine.raise_from_catalogue(10).await?.is_empty());
    }

    async fn a_drop_in_steps_is_one_drop_to_what_it_costs_now(db) {
        let shop = Shop::open(db).await?;
        shop.rule(TriggerKind::PriceDrop).await?;
        for minor in [89_999, 799, 84_999] {
            shop.set_price(minor).await?;
            shop.world.pass(TimeDelta::seconds(1));
        }
        let raised = shop.world.engine.raise_from_catalogue(10).await?;
        let [id] = raised.as_slice() else { anyhow::bail!("{raised:?}") };
        let terms = shop.world.engine.trigger(*id).await?.terms;
        assert_eq!((terms.original, terms.new), (shop.drop_to(84_999).original, shop.drop_to(84_999).new));
    }

    async fn what_is_sold_out_again_is_not_back(db) {
        let shop = Shop::open(db).await?;
        shop.rule(TriggerKind::Restock).await?;
        shop.stocked(0).await?;
        assert!(shop.world.engine.raise_from_catalogue(10).await?.is_empty());
        shop.stocked(5).await?;
        shop.stocked(0).await?;
        assert!(shop.world.engine.raise_from_catalogue(10).await?.is_empty());
        shop.stocked(5).await?;
        assert_eq!(shop.world.engine.raise_from_catalogue(10).await?.len(), 1);
    }

    async fn an_offer_of_nothing_is_refused(db) {
        let shop = Shop::open(db).await?;
        let problem = async |new: NewTrigger| {
            shop.world.engine.raise(&new).await.err().map(|e| e.to_string()).unwrap_or_default()
        };
        assert!(problem(shop.drop_to(99_998)).await.starts_with("newPrice"));
        let nothing = NewTrigger { discount: Some(percent("0")), ..shop.drop_to(84_999) };
        assert!(problem(nothing).await.starts_with("discountPercent"));
        let dearer = shop.drop_to(100_001);
        let restock = NewTrigger { original: dearer.original, new: dearer.new, ..shop.restock() };
        assert!(problem(restock).await.starts_with("newPrice"));
    }
}

#[tokio::test]
async fn triggers_side_by_side_promise_each_person_once() -> anyhow::Result<()> {
    let Some(db) = TestDb::open(Backend::Postgres).await? else { return Ok(()) };
    let shop = Shop::open(db).await?;
    for nth in 0..40 {
        shop.buyer(nth, |_| ()).await?;
    }
    let engine = &shop.world.engine;
    let (one, other) =
        (engine.raise(&shop.drop_to(84_999)).await?, engine.raise(&shop.drop_to(85_999)).await?);
    let (one, other) = (one.trigger().id, other.trigger().id);
    let (first, second) = tokio::join!(finish(engine, one, 5), finish(engine, other, 5));
    first.and(second)?;
    // Whoever heard of the dearer price first may hear of the lower one, and nobody the other way round.
    const TWICE: &str = "SELECT count(*) FROM enrollments n JOIN enrollments m ON m.lead_id = n.lead_id
         WHERE n.entry_key = $1 AND m.entry_key <> n.entry_key AND m.id > n.id";
    assert_eq!(counted(&shop.world.db.db, ENROLLED, one).await?, 40);
    assert_eq!(counted(&shop.world.db.db, TWICE, one).await?, 0);
    Ok(())
}
