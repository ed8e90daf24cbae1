//! Offers, budgets and the issue of coupons, on both databases. Redeeming is the engine's verb and tested there.

use anyhow::Context as _;
use callwright_engine::domain::coupon::{Code, CouponState, RANDOM_BYTES, Redemption};
use callwright_engine::domain::new_offer::{self, NewOffer};
use callwright_engine::domain::offer::Offer;
use callwright_engine::id::{CampaignId, LeadId};
use callwright_engine::money::Money;
use callwright_engine::store::coupon::{self, CouponFilter, Issue, Issued};
use callwright_engine::store::{Tx, budget, campaign, offer, redemption_limit};

use crate::catalogue::{number, usd};
use crate::given::{ALICE, BOB, after, campaign as given_campaign, described, id, ids, lead, now};
use crate::on_both;

async fn spring(tx: &mut Tx, campaign_id: Option<CampaignId>) -> anyhow::Result<Offer> {
    let new = NewOffer {
        key: Some("spring".to_owned()),
        label: Some("PRICE_DROP".to_owned()),
        percent: number("15"),
        coupon_hours: 24.into(),
        campaign_id: campaign_id.map_or_else(Default::default, Into::into),
        ..NewOffer::default()
    };
    let offer = new_offer::prepare(&new, id(), now()).map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    Ok(offer::ensure(tx, &offer).await?.0)
}

async fn campaign_with(tx: &mut Tx, key: &str, total: Option<Money>) -> anyhow::Result<CampaignId> {
    let stored = given_campaign(key)?;
    campaign::create(tx, &stored).await?;
    if let Some(total) = total {
        assert!(budget::set(tx, stored.id, total, now()).await?);
    }
    Ok(stored.id)
}

fn issue<'a>(key: &str, lead_id: LeadId, offer: &'a Offer, most: Money) -> Issue<'a> {
    Issue {
        issue_key: key.to_owned(),
        lead_id,
        offer,
        product_id: None,
        campaign_id: offer.campaign_id,
        trigger_id: Some("t1".to_owned()),
        most,
    }
}

/// Bytes that differ from one another.
fn counting() -> impl FnMut() -> [u8; RANDOM_BYTES] + Send {
    let mut count = 0_u64;
    move || {
        count += 1;
        let mut bytes = [0; RANDOM_BYTES];
        bytes.copy_from_slice(&count.to_le_bytes()[..RANDOM_BYTES]);
        bytes
    }
}

async fn issued(tx: &mut Tx, issues: &[Issue<'_>]) -> anyhow::Result<Vec<Issued>> {
    Ok(coupon::issue_many(tx, ids(), issues, &mut counting(), now()).await?)
}

fn reserved(left: Option<&callwright_engine::domain::offer::Budget>) -> Option<(i64, i64)> {
    left.map(|budget| (budget.reserved.minor(), budget.spent.minor()))
}

on_both! {
    async fn an_offer_is_made_once_and_changed_in_parts(db) {
        let mut tx = db.db.begin().await?;
        let first = spring(&mut tx, None).await?;
        let again = spring(&mut tx, None).await?;
        assert_eq!(first, again);
        let change = NewOffer { percent: None, amount: number("5"), currency: Some("EUR".to_owned()), ..NewOffer::default() };
        let edited = offer::update(&mut tx, first.id, &change, after(5)).await?;
        let offer::Edited::Saved(saved) = edited else { anyhow::bail!("{edited:?}") };
        assert_eq!(offer::by_key(&mut tx, "spring").await?.as_ref(), Some(&*saved));
        assert_eq!((saved.label.as_str(), saved.coupon_hours), ("PRICE_DROP", Some(24)));
        assert_eq!(offer::resolve(&mut tx, "spring").await?, Some(first.id));
        assert_eq!(offer::page(&mut tx, None, Some(true), None, 10).await?.items, [*saved]);
    }

    async fn the_same_purpose_gets_the_same_coupon(db) {
        let mut tx = db.db.begin().await?;
        let alice = lead(&mut tx, &described("alice", ALICE)).await?.id;
        let offer = spring(&mut tx, None).await?;
        let answers = issued(&mut tx, &[issue("k1", alice, &offer, usd(1_500)), issue("k1", alice, &offer, usd(1_500))]).await?;
        let (Issued::New(new), Issued::Known(known)) = (&answers[0], &answers[1]) else { anyhow::bail!("{answers:?}") };
        assert_eq!(new, known);
        assert!(new.text().starts_with("PRICE_DROP-15-"), "{}", new.text());
        assert_eq!(new.expires_at, after(24 * 3_600));
        let later = issued(&mut tx, &[issue("k1", alice, &offer, usd(9))]).await?;
        assert_eq!(later, [Issued::Known(new.clone())]);
        assert_eq!(coupon::by_code(&mut tx, new.code).await?.as_ref(), Some(new));
    }

    async fn a_code_that_is_taken_is_drawn_anew(db) {
        let mut tx = db.db.begin().await?;
        let alice = lead(&mut tx, &described("alice", ALICE)).await?.id;
        let offer = spring(&mut tx, None).await?;
        let mut draws = [[1; RANDOM_BYTES], [1; RANDOM_BYTES], [2; RANDOM_BYTES]].into_iter();
        let mut random = move || draws.next().unwrap_or([9; RANDOM_BYTES]);
        let issues = [issue("k1", alice, &offer, usd(1)), issue("k2", alice, &offer, usd(1))];
        let answers = coupon::issue_many(&mut tx, ids(), &issues, &mut random, now()).await?;
        let codes: Vec<Code> = answers
            .iter()
            .filter_map(|answer| if let Issued::New(coupon) = answer { Some(coupon.code) } else { None })
            .collect();
        assert_eq!(codes, [Code::from_random([1; RANDOM_BYTES]), Code::from_random([2; RANDOM_BYTES])]);
    }

    async fn a_budget_stops_when_everything_is_promised_and_goes_on_when_something_comes_back(db) {
        let mut tx = db.db.begin().await?;
        let alice = lead(&mut tx, &described("alice", ALICE)).await?.id;
        let campaign_id = campaign_with(&mut tx, "c", Some(usd(2_500))).await?;
        let offer = spring(&mut tx, Some(campaign_id)).await?;
        let keys = ["k1", "k2", "k3"];
        let issues: Vec<Issue<'_>> = keys.iter().map(|key| issue(key, alice, &offer, usd(1_000))).collect();
        let answers = issued(&mut tx, &issues).await?;
        assert!(matches!(answers[1], Issued::New(_)));
        assert_eq!(answers[2], Issued::BudgetSpent);
        assert_eq!(reserved(budget::find(&mut tx, campaign_id).await?.as_ref()), Some((2_000, 0)));
        let (Issued::New(first), Issued::New(second)) = (&answers[0], &answers[1]) else { anyhow::bail!("{answers:?}") };
        let order = Redemption { order_id: Some("o1".to_owned()), ..Redemption::default() };
        let redeemed = coupon::redeem(&mut tx, first, &order, usd(400), after(5)).await?;
        assert_eq!(redeemed.context("redeemed")?.state, CouponState::Redeemed);
        assert_eq!(coupon::redeem(&mut tx, first, &order, usd(400), after(6)).await?, None, "it is over");
        assert!(coupon::revoke(&mut tx, second.id, after(7)).await?);
        assert!(!coupon::revoke(&mut tx, second.id, after(8)).await?);
        assert_eq!(reserved(budget::find(&mut tx, campaign_id).await?.as_ref()), Some((0, 400)));
        let mut random = || [77; RANDOM_BYTES];
        let more = coupon::issue_many(&mut tx, ids(), &issues[2..], &mut random, after(9)).await?;
        assert!(matches!(more[0], Issued::New(_)), "{more:?}");
    }

    async fn an_unknown_cost_and_another_currency_are_not_promised_under_a_budget(db) {
        let mut tx = db.db.begin().await?;
        let alice = lead(&mut tx, &described("alice", ALICE)).await?.id;
        let campaign_id = campaign_with(&mut tx, "c", Some(usd(2_500))).await?;
        let offer = spring(&mut tx, Some(campaign_id)).await?;
        let rupees: Money = "5.00 INR".parse()?;
        let answers = issued(&mut tx, &[issue("k1", alice, &offer, usd(0)), issue("k2", alice, &offer, rupees)]).await?;
        assert_eq!(answers, [Issued::BudgetSpent, Issued::BudgetSpent]);
        assert!(budget::set(&mut tx, campaign_id, rupees, after(1)).await?, "nothing was promised yet");
        assert!(matches!(issued(&mut tx, &[issue("k2", alice, &offer, rupees)]).await?[0], Issued::New(_)));
        assert!(!budget::set(&mut tx, campaign_id, usd(1), after(2)).await?);
        assert!(!budget::remove(&mut tx, campaign_id).await?);
    }

    async fn a_budget_that_is_set_later_holds_what_was_promised_before(db) {
        let mut tx = db.db.begin().await?;
        let alice = lead(&mut tx, &described("alice", ALICE)).await?.id;
        let campaign_id = campaign_with(&mut tx, "c", None).await?;
        let offer = spring(&mut tx, Some(campaign_id)).await?;
        let before = issued(&mut tx, &[issue("k1", alice, &offer, usd(600))]).await?;
        assert!(budget::set(&mut tx, campaign_id, usd(1_000), after(1)).await?);
        assert!(matches!(issued(&mut tx, &[issue("k2", alice, &offer, usd(400))]).await?[0], Issued::New(_)));
        assert_eq!(issued(&mut tx, &[issue("k3", alice, &offer, usd(1))]).await?, [Issued::BudgetSpent]);
        let Issued::New(first) = &before[0] else { anyhow::bail!("{before:?}") };
        assert!(coupon::revoke(&mut tx, first.id, after(2)).await?);
        assert_eq!(reserved(budget::find(&mut tx, campaign_id).await?.as_ref()), Some((400, 0)), "of the second");
    }

    async fn what_expires_gives_back_what_was_held_for_it(db) {
        let mut tx = db.db.begin().await?;
        let alice = lead(&mut tx, &described("alice", ALICE)).await?.id;
        let bob = lead(&mut tx, &described("bob", BOB)).await?.id;
        let campaign_id = campaign_with(&mut tx, "c", Some(usd(5_000))).await?;
        let offer = spring(&mut tx, Some(campaign_id)).await?;
        issued(&mut tx, &[issue("k1", alice, &offer, usd(1_000)), issue("k2", bob, &offer, usd(500))]).await?;
        assert_eq!(coupon::expire(&mut tx, after(24 * 3_600 - 1), 10).await?, 0);
        assert_eq!(coupon::expire(&mut tx, after(24 * 3_600), 1).await?, 1);
        assert_eq!(coupon::expire(&mut tx, after(24 * 3_600), 10).await?, 1);
        assert_eq!(reserved(budget::find(&mut tx, campaign_id).await?.as_ref()), Some((0, 0)));
        let filter = CouponFilter { state: Some(CouponState::Expired), ..CouponFilter::default() };
        assert_eq!(coupon::page(&mut tx, &filter, None, 10).await?.items.len(), 2);
    }

    async fn the_report_counts_what_became_of_coupons(db) {
        let mut tx = db.db.begin().await?;
        let alice = lead(&mut tx, &described("alice", ALICE)).await?.id;
        let offer = spring(&mut tx, None).await?;
        let keys = ["k1", "k2", "k3"];
        let issues: Vec<Issue<'_>> = keys.iter().map(|key| issue(key, alice, &offer, usd(1_000))).collect();
        let answers = issued(&mut tx, &issues).await?;
        let (Issued::New(first), Issued::New(second)) = (&answers[0], &answers[1]) else { anyhow::bail!("{answers:?}") };
        let order = Redemption { amount: Some(usd(9_999)), ..Redemption::default() };
        coupon::redeem(&mut tx, first, &order, usd(750), after(5)).await?;
        coupon::revoke(&mut tx, second.id, after(5)).await?;
        let lines = coupon::report(&mut tx, &CouponFilter { offer_id: Some(offer.id), ..CouponFilter::default() }).await?;
        let [line] = lines.as_slice() else { anyhow::bail!("{lines:?}") };
        assert_eq!((line.issued, line.open, line.redeemed, line.expired, line.revoked), (3, 1, 1, 0, 1));
        assert_eq!((line.reserved, line.value, line.order_value), (usd(1_000), usd(750), usd(9_999)));
    }

    async fn budgets_hold_when_many_issue_at_once(db) {
        let mut tx = db.db.begin().await?;
        let alice = lead(&mut tx, &described("alice", ALICE)).await?.id;
        let campaign_id = campaign_with(&mut tx, "c", Some(usd(1_000))).await?;
        let offer = spring(&mut tx, Some(campaign_id)).await?;
        tx.commit().await?;
        let one = |n: u8| {
            let (db, offer) = (db.db.clone(), offer.clone());
            async move {
                let mut tx = db.begin().await?;
                // Every second asks for what its neighbour asked for.
                let key = format!("k{}", n / 2);
                let mut random = || [n + 1; RANDOM_BYTES];
                let order = [issue(&key, alice, &offer, usd(100))];
                let answers = coupon::issue_many(&mut tx, ids(), &order, &mut random, now()).await?;
                tx.commit().await?;
                anyhow::Ok(matches!(answers[0], Issued::New(_)))
            }
        };
        let answers = futures_util::future::try_join_all((0..40).map(one)).await?;
        assert_eq!(answers.into_iter().filter(|is_new| *is_new).count(), 10);
        let mut tx = db.db.begin_read().await?;
        assert_eq!(reserved(budget::find(&mut tx, campaign_id).await?.as_ref()), Some((1_000, 0)));
    }

    async fn used_allowances_are_kept_until_they_are_whole_again(db) {
        let mut tx = db.db.begin().await?;
        let clients = [redemption_limit::digest("key"), redemption_limit::digest("key/1.2.3.4")];
        assert_eq!(redemption_limit::lock(&mut tx, &clients, now()).await?, [now(), now()]);
        redemption_limit::save(&mut tx, &[(clients[1].clone(), after(12))]).await?;
        assert_eq!(redemption_limit::lock(&mut tx, &clients, after(5)).await?, [now(), after(12)]);
        assert_eq!(redemption_limit::sweep(&mut tx, after(12), 10).await?, 1);
        assert_eq!(redemption_limit::sweep(&mut tx, after(13), 10).await?, 1);
    }
}
