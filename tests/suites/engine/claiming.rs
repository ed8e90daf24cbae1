//! Claiming: a durable intent, every gate once more, and one live attempt per number.

use callwright_engine::domain::attempt::AttemptState;
use callwright_engine::domain::campaign::CampaignStatus;
use callwright_engine::domain::new_lead::NewLead;
use callwright_engine::store::{attempt, lead};
use chrono::TimeDelta;

use crate::facts::no_answer;
use crate::fake::Fake;
use crate::given::{ALICE, BOB, World, at};
use crate::on_both;

on_both! {
    async fn the_intent_is_committed_before_the_provider_is_asked(db) {
        let world = World::open(db).await?;
        world.welcomed(ALICE).await?;
        let provider = Fake::watching(&world.db.url);
        assert_eq!(world.dial(&provider).await?.accepted, 1);
        assert_eq!(provider.seen(), ["dialing"]);
    }

    async fn two_leads_with_one_number_are_never_called_at_once(db) {
        let world = World::open(db).await?;
        let (first, _) = world.welcomed(ALICE).await?;
        let (second, _) = world.welcomed(ALICE).await?;
        let provider = Fake::default();
        assert_eq!(world.plan().await?.planned, 2);
        let claimed = world.claim(&provider).await?;
        assert_eq!(claimed.requests.len(), 1);
        assert!(world.claim(&provider).await?.requests.is_empty(), "while the first is dialing");
        world.place(&provider, claimed.requests).await?;
        world.pass(TimeDelta::minutes(2));
        assert!(world.claim(&provider).await?.requests.is_empty(), "while the first is in its call");
        let (called, waiting) =
            if world.states(first).await? == ["placed"] { (first, second) } else { (second, first) };
        world.record(no_answer(world.last(called).await?.id, world.now())).await?;
        world.pass(TimeDelta::minutes(31));
        assert_eq!(world.dial(&provider).await?.accepted, 1);
        assert_eq!(world.states(waiting).await?, ["placed"]);
    }

    async fn two_engines_that_claim_together_take_each_attempt_once(db) {
        let world = World::open(db).await?;
        for n in 0..20 {
            world.welcomed(&format!("+1202456{:04}", 2000 + n)).await?;
        }
        world.plan().await?;
        let (provider, other) = (Fake::default(), world.restarted(2));
        let (mine, theirs) = tokio::join!(world.engine.claim(50, &provider, "me"), other.claim(50, &provider, "you"));
        let mut taken: Vec<_> = mine?.requests.into_iter().chain(theirs?.requests).map(|request| request.attempt_id).collect();
        // What one of them passed over because the other held it is there for the next claim.
        taken.extend(world.claim(&provider).await?.requests.into_iter().map(|request| request.attempt_id));
        taken.sort_unstable();
        let claimed = taken.len();
        taken.dedup();
        assert_eq!((claimed, taken.len()), (20, 20));
    }

    async fn batches_planned_side_by_side_plan_everyone_once(db) {
        let world = World::open(db).await?;
        let mut people = Vec::new();
        for n in 0..13 {
            people.push(world.welcomed(&format!("+1202456{:04}", 2000 + n)).await?.0);
        }
        let (mut planned, mut rounds) = (0, 0);
        loop {
            let report = world.engine.plan_batches(4).await?;
            (planned, rounds) = (planned + report.planned, rounds + 1);
            if report.due < 4 {
                break;
            }
        }
        assert_eq!(planned, 13);
        assert!(rounds <= if world.db.db.takes_several_writers() { 3 } else { 4 }, "{rounds} rounds");
        for lead in people {
            assert_eq!(world.states(lead).await?, ["planned"]);
        }
    }

    async fn a_pause_between_plan_and_claim_holds_the_call_back(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        world.plan().await?;
        let provider = Fake::default();
        world.engine.set_campaign_status(world.campaign, CampaignStatus::Paused).await?;
        assert!(world.claim(&provider).await?.requests.is_empty());
        assert_eq!(world.states(lead).await?, ["planned"]);
        world.engine.set_campaign_status(world.campaign, CampaignStatus::Active).await?;
        assert_eq!(world.claim(&provider).await?.requests.len(), 1);
    }

    async fn a_planned_call_whose_hours_end_is_put_off_at_the_claim(db) {
        let world = World::open(db).await?;
        world.clock.advance_to(at("2026-07-15T21:50:00Z"));
        let (lead, _) = world.welcomed(ALICE).await?;
        assert_eq!(world.plan().await?.planned, 1);
        world.clock.advance_to(at("2026-07-15T22:00:00Z"));
        let claimed = world.claim(&Fake::default()).await?;
        assert_eq!((claimed.requests.len(), claimed.turned_away), (0, 1));
        assert_eq!(world.last(lead).await?.due_at, at("2026-07-16T13:00:00Z"));
        assert_eq!(world.engine.next_wake().await?, Some(at("2026-07-16T13:00:00Z")));
    }

    async fn a_number_that_changed_since_the_plan_is_planned_anew(db) {
        let world = World::open(db).await?;
        let (id, _) = world.welcomed(ALICE).await?;
        world.plan().await?;
        let mut tx = world.engine.db.begin().await?;
        let moved = NewLead { phone: BOB.into(), ..NewLead::default() };
        lead::update(&mut tx, id, &moved, world.now()).await?;
        tx.commit().await?;
        let provider = Fake::default();
        assert!(world.claim(&provider).await?.requests.is_empty());
        assert_eq!(world.states(id).await?, ["cancelled"]);
        world.dial(&provider).await?;
        assert_eq!(world.last(id).await?.number, BOB);
    }

    async fn a_stale_claim_changes_nothing(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        world.plan().await?;
        let planned = world.last(lead).await?;
        let provider = Fake::default();
        let claimed = world.claim(&provider).await?;
        let mut tx = world.engine.db.begin().await?;
        let stale = [(planned.id.to_string(), planned.fence, None, None, None)];
        let now = world.now();
        assert!(attempt::claim(&mut tx, &stale, "late", "fake", now, now).await?.is_empty());
        let late = attempt::Step { fence: planned.fence, ..attempt::Step::of(&world.last(lead).await?, AttemptState::Unknown, now) };
        assert_eq!(attempt::step(&mut tx, &[late], now).await?, 0);
        tx.commit().await?;
        assert_eq!(world.place(&provider, claimed.requests).await?.accepted, 1);
    }
}
