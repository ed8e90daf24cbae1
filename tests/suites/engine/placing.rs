//! Placing: the second look, one question, and every kind of answer.

use callwright_engine::domain::campaign::CampaignStatus;
use callwright_engine::domain::outcome::Outcome;
use callwright_engine::provider::Placement;
use chrono::TimeDelta;
use rstest::rstest;

use crate::facts::no_answer;
use crate::fake::Fake;
use crate::given::{ALICE, World, noon};
use crate::on_both;

fn refused(retry: bool) -> Placement {
    Placement::Refused { reason: "rate limit".to_owned(), retry }
}

fn unknown() -> Placement {
    Placement::Unknown { reason: "time-out".to_owned() }
}

on_both! {
    async fn an_opt_out_between_claim_and_place_keeps_the_provider_unasked(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        world.plan().await?;
        let provider = Fake::default();
        let claimed = world.claim(&provider).await?;
        // Somebody else with the same number says stop.
        let other = world.lead(ALICE).await?;
        world.engine.opt_out(other, "asked", "api").await?;
        assert_eq!(world.place(&provider, claimed.requests).await?.not_sent, 1);
        assert!(provider.asked().is_empty());
        assert_eq!(world.states(lead).await?, ["not_sent"]);
        world.dial(&provider).await?;
        assert_eq!(world.walk(lead).await?.result.as_deref(), Some("suppressed"));
        assert!(provider.asked().is_empty());
    }

    async fn a_pause_between_claim_and_place_keeps_the_provider_unasked(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        world.plan().await?;
        let provider = Fake::default();
        let claimed = world.claim(&provider).await?;
        world.engine.set_campaign_status(world.campaign, CampaignStatus::Paused).await?;
        assert_eq!(world.place(&provider, claimed.requests).await?.not_sent, 1);
        assert!(provider.asked().is_empty());
        world.engine.set_campaign_status(world.campaign, CampaignStatus::Active).await?;
        assert_eq!(world.dial(&provider).await?.accepted, 1);
        assert_eq!(world.states(lead).await?, ["not_sent", "placed"]);
    }

    async fn a_claim_that_took_too_long_is_not_sent_but_planned_again(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        world.plan().await?;
        let provider = Fake::default();
        let claimed = world.claim(&provider).await?;
        world.pass(TimeDelta::seconds(2));
        assert_eq!(world.place(&provider, claimed.requests).await?.not_sent, 1);
        assert!(provider.asked().is_empty());
        // What was never sent uses up neither a try nor the gap between calls.
        assert_eq!(world.dial(&provider).await?.accepted, 1);
        let again = world.last(lead).await?;
        assert_eq!((again.visit, again.attempt), (2, 1));
    }

    async fn a_provider_that_asks_to_be_left_alone_is(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let after = TimeDelta::minutes(5);
        let provider = Fake::default().answering(Placement::Busy { reason: "429".to_owned(), after });
        assert_eq!(world.dial(&provider).await?.refused, 1);
        assert_eq!(world.walk(lead).await?.enrollment.due_at, Some(noon() + after));
        world.pass(TimeDelta::minutes(4));
        assert_eq!(world.dial(&provider).await?.accepted, 0);
        world.pass(TimeDelta::minutes(1));
        assert_eq!(world.dial(&provider).await?.accepted, 1);
        assert_eq!(world.last(lead).await?.attempt, 1, "it used up no try");
    }

    async fn a_call_refused_for_now_is_planned_again_as_a_new_attempt(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let provider = Fake::default().answering(refused(true));
        assert_eq!(world.dial(&provider).await?.refused, 1);
        let walk = world.walk(lead).await?;
        assert_eq!((walk.enrollment.state.as_str(), walk.enrollment.placed), ("waiting", 0));
        // A refused call never rang: the gap of half an hour between calls does not count from it.
        world.pass(TimeDelta::minutes(1));
        assert_eq!(world.dial(&provider).await?.accepted, 1);
        let again = world.last(lead).await?;
        assert_eq!((again.visit, again.attempt), (2, 1));
        let asked = provider.asked();
        assert!(asked.len() == 2 && asked[0] != asked[1], "{asked:?}");
    }

    async fn a_call_refused_for_good_has_failed(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let provider = Fake::default().answering(refused(false));
        world.dial(&provider).await?;
        assert_eq!(world.last(lead).await?.outcome.as_deref(), Some(Outcome::Failed.as_str()));
        assert_eq!(world.walk(lead).await?.result.as_deref(), Some("unreachable"));
    }

    async fn a_lost_answer_keeps_the_number_and_is_never_asked_again(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let provider = Fake::default().answering(unknown());
        assert_eq!(world.dial(&provider).await?.unknown, 1);
        let (other, _) = world.welcomed(ALICE).await?;
        for _ in 0..5 {
            world.pass(TimeDelta::minutes(1));
            world.dial(&provider).await?;
        }
        assert_eq!(provider.asked().len(), 1);
        assert_eq!(world.states(lead).await?, ["unknown"]);
        assert!(world.states(other).await?.iter().all(|state| *state == "planned"));
    }

    async fn an_answer_that_comes_twice_is_recorded_once(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        world.plan().await?;
        let provider = Fake::default();
        let claimed = world.claim(&provider).await?;
        world.place(&provider, claimed.requests.clone()).await?;
        // The same requests once more, as a confused caller might: the second look sees that they are taken.
        assert_eq!(world.place(&provider, claimed.requests).await?.accepted, 0);
        assert_eq!((provider.asked().len(), world.count(lead, "CALL_PLACED").await?), (1, 1));
        assert_eq!(world.walk(lead).await?.enrollment.placed, 1);
    }

    async fn unanswered_calls_are_retried_as_often_as_the_cadence_says(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let provider = Fake::default();
        for _ in 0..5 {
            if world.dial(&provider).await?.accepted == 1 {
                world.record(no_answer(world.last(lead).await?.id, world.now())).await?;
            }
            world.pass(TimeDelta::hours(1));
        }
        assert_eq!(provider.asked().len(), 3);
        let tries: Vec<u32> = world.attempts(lead).await?.iter().map(|attempt| attempt.attempt).collect();
        assert_eq!(tries, [1, 2, 3]);
        assert_eq!(world.walk(lead).await?.result.as_deref(), Some("completed"));
    }
}

#[rstest]
#[case::accepted(Placement::Accepted { provider_call_id: "x".to_owned() }, true)]
#[case::lost(unknown(), true)]
#[case::refused(refused(true), false)]
#[tokio::test]
async fn intents_count_in_caps_unless_the_call_surely_never_rang(
    #[case] answer: Placement,
    #[case] counts: bool,
) -> anyhow::Result<()> {
    let world = World::open(callwright_tests::TestDb::sqlite().await?).await?;
    let (lead, _) = world.welcomed(ALICE).await?;
    world.dial(&Fake::default().answering(answer)).await?;
    let mut tx = world.engine.db.begin().await?;
    let since = noon() - TimeDelta::days(1);
    let facts = callwright_engine::store::gate_facts::of(&mut tx, &[(lead, Some(ALICE))], &[], since).await?;
    assert_eq!(!facts.intents.is_empty(), counts);
    Ok(())
}
