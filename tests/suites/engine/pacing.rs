//! Pacing: no more calls than campaigns, caller numbers and the provider allow, whichever worker claims them.

use std::time::Duration;

use anyhow::Context as _;
use callwright_engine::domain::campaign::{Campaign, Pacing};
use callwright_engine::domain::priority::Priority;
use callwright_engine::engine::EnrollRequest;
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::store::attempt::Range;
use callwright_engine::store::pacing_counter::{self, Scope};
use callwright_engine::store::{attempt, campaign, intent};
use callwright_engine::time::zone::Zone;
use chrono::TimeDelta;

use crate::facts::no_answer;
use crate::fake::Fake;
use crate::given::{World, at};
use crate::on_both;

const SHOWN: &str = "+12025550100";

/// A campaign with five leads whose calls are due.
async fn five_calls(world: &World, key: &str, change: impl FnOnce(&mut Campaign)) -> anyhow::Result<()> {
    let campaign = world.campaign(key, change).await?;
    let hundreds = key.bytes().map(u32::from).sum::<u32>() % 90;
    for n in 0..5 {
        let lead = world.lead(&format!("+1202456{:04}", 1000 + 100 * hundreds + n)).await?;
        let request = EnrollRequest { campaign_id: campaign, ..world.request(lead, "welcome") };
        assert!(world.try_enroll(request).await?.is_ok());
    }
    Ok(())
}

fn at_a_time(most: u32) -> Pacing {
    Pacing { max_concurrent: Some(most), ..Pacing::default() }
}

on_both! {
    async fn no_more_calls_go_than_the_campaign_allows(db) {
        let world = World::open(db).await?;
        five_calls(&world, "slow", |campaign| campaign.pacing = at_a_time(2)).await?;
        let provider = Fake::default();
        assert_eq!(world.dial(&provider).await?.accepted, 2);
        assert_eq!(world.dial(&provider).await?.accepted, 0);
        let ended = no_answer(provider.asked()[0], world.now());
        world.record(ended).await?;
        assert_eq!(world.dial(&provider).await?.accepted, 1);
    }

    async fn campaigns_share_the_lines_of_their_provider(db) {
        let world = World::open(db).await?;
        five_calls(&world, "spring", |_| {}).await?;
        five_calls(&world, "autumn", |_| {}).await?;
        let provider = Fake::limited(at_a_time(3));
        assert_eq!(world.dial(&provider).await?.accepted, 3);
        assert_eq!(world.dial(&provider).await?.accepted, 0);
        world.record(no_answer(provider.asked()[1], world.now())).await?;
        assert_eq!(world.dial(&provider).await?.accepted, 1);
    }

    async fn a_rate_of_the_provider_holds_between_claims(db) {
        let world = World::open(db).await?;
        five_calls(&world, "spring", |_| {}).await?;
        let rate = Pacing { calls_per_second: Some(2.0), ..Pacing::default() };
        let provider = Fake::limited(rate);
        assert_eq!(world.dial(&provider).await?.accepted, 2);
        world.pass(TimeDelta::milliseconds(900));
        assert_eq!(world.dial(&provider).await?.accepted, 0);
        world.pass(TimeDelta::milliseconds(200));
        assert_eq!(world.dial(&provider).await?.accepted, 2);
    }

    async fn a_caller_number_has_its_day_whichever_campaign_shows_it(db) {
        let world = World::open(db).await?;
        let day = Pacing { max_per_day: Some(4), ..Pacing::default() };
        for key in ["spring", "autumn"] {
            let day = day.clone();
            five_calls(&world, key, |campaign| {
                (campaign.caller_ids, campaign.caller_pacing) = (vec![SHOWN.to_owned()], day);
            })
            .await?;
        }
        let provider = Fake::default();
        world.plan().await?;
        let claimed = world.claim(&provider).await?;
        assert!(claimed.requests.iter().all(|request| request.from.is_some_and(|from| from.e164() == SHOWN)));
        assert_eq!(claimed.requests.len(), 4);
        assert_eq!(claimed.again_at.map(|at| at.date_naive()), Some(world.now().date_naive() + TimeDelta::days(1)));
        world.place(&provider, claimed.requests).await?;
        assert_eq!(world.dial(&provider).await?.accepted, 0);
        let tomorrow = at("2026-07-16T16:00:00Z");
        world.pass(tomorrow - world.now());
        assert_eq!(world.dial(&provider).await?.accepted, 4);
    }

    async fn a_campaign_s_day_ends_in_its_own_zone_and_nothing_arrives_on_the_wrong_side(db) {
        let world = World::open(db).await?;
        five_calls(&world, "spring", |campaign| {
            campaign.zone = Zone::find("Asia/Kolkata").expect("a zone");
            campaign.pacing.max_per_day = Some(2);
        })
        .await?;
        let provider = Fake::default();
        // Midnight in Kolkata is half past two in the afternoon in Washington.
        let midnight = at("2026-07-15T18:30:00Z");
        world.pass(midnight - TimeDelta::milliseconds(400) - world.now());
        assert_eq!(world.dial(&provider).await?.accepted, 0);
        assert_eq!(world.claim(&provider).await?.again_at, Some(midnight));
        world.pass(TimeDelta::milliseconds(400));
        assert_eq!(world.dial(&provider).await?.accepted, 2);
        assert_eq!(world.dial(&provider).await?.accepted, 0);
    }

    async fn numbers_take_turns_from_claim_to_claim(db) {
        let world = World::open(db).await?;
        five_calls(&world, "spring", |campaign| {
            campaign.caller_ids = vec![SHOWN.to_owned(), "+12025550101".to_owned()];
        })
        .await?;
        world.plan().await?;
        let mut shown = Vec::new();
        for _ in 0..4 {
            let claimed = world.engine.claim(1, &Fake::default(), "me").await?;
            shown.extend(claimed.requests.iter().filter_map(|request| request.from).map(PhoneNumber::e164));
            world.pass(TimeDelta::milliseconds(1));
        }
        assert_eq!(shown, [SHOWN, "+12025550101", SHOWN, "+12025550101"]);
    }

    async fn each_number_of_a_campaign_has_its_own_interval(db) {
        let world = World::open(db).await?;
        five_calls(&world, "spring", |campaign| {
            campaign.caller_ids = vec![SHOWN.to_owned(), "+12025550101".to_owned()];
            campaign.caller_pacing = Pacing { min_interval_s: Some(60.0), ..Pacing::default() };
        })
        .await?;
        let provider = Fake::default();
        assert_eq!(world.dial(&provider).await?.accepted, 2);
        let mut tx = world.engine.db.begin_read().await?;
        let mut shown: Vec<_> =
            intent::recent_of_all(&mut tx, world.now() - TimeDelta::minutes(1)).await?.into_iter().map(|call| call.caller).collect();
        tx.rollback().await?;
        shown.sort();
        assert_eq!(shown, [Some(SHOWN.to_owned()), Some("+12025550101".to_owned())]);
        world.pass(TimeDelta::seconds(59));
        assert_eq!(world.dial(&provider).await?.accepted, 0);
        // A margin longer than the interval: requests may be that much late.
        world.pass(TimeDelta::milliseconds(1_087));
        assert_eq!(world.dial(&provider).await?.accepted, 2);
    }

    async fn a_worker_waits_for_another_that_draws_on_the_same_limit(db) {
        let world = World::open(db).await?;
        five_calls(&world, "spring", |campaign| campaign.pacing = at_a_time(2)).await?;
        world.plan().await?;
        let mut tx = world.engine.db.begin().await?;
        let campaign = campaign::resolve(&mut tx, "spring").await?.context("the campaign")?;
        pacing_counter::lock(&mut tx, &[Scope::Campaign(campaign)], world.now().date_naive()).await?;
        tx.commit().await?;
        // Another worker, between its look at the limit and its commit.
        let mut theirs = world.engine.db.begin().await?;
        pacing_counter::lock(&mut theirs, &[Scope::Campaign(campaign)], world.now().date_naive()).await?;
        let wanted =
            Range { campaign, priority: Priority::Medium, after: None, until: world.now(), most: 2 };
        let taken: Vec<_> = attempt::candidates(&mut theirs, &[wanted]).await?;
        let taken: Vec<_> = taken.iter().map(|found| (found.id.to_string(), 0, None, None)).collect();
        attempt::claim(&mut theirs, &taken, "other", "fake", world.now(), world.now()).await?;

        let provider = Fake::default();
        let mut ours = std::pin::pin!(world.engine.claim(50, &provider, "me"));
        // Long enough for a claim that does not wait to be done.
        let early = tokio::time::timeout(Duration::from_millis(300), &mut ours).await;
        assert!(early.is_err(), "claimed past another worker: {early:?}");
        theirs.commit().await?;
        assert_eq!(ours.await?.requests.len(), 0);
    }
}
