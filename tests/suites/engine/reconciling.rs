//! Reconciling: lost answers and lost callbacks are looked up, never asked for again (ENG-2, I14).

use callwright_engine::provider::{LookUpResult, Placement};
use chrono::TimeDelta;

use crate::facts::no_answer;
use crate::fake::Fake;
use crate::given::{ALICE, World};
use crate::on_both;

fn in_doubt() -> Placement {
    Placement::Unknown { reason: "time-out".to_owned() }
}

on_both! {
    async fn a_call_that_is_found_goes_on_as_if_the_answer_had_come(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let found = LookUpResult::Found { provider_call_id: "call-9".to_owned(), end: None };
        let provider = Fake::default().answering(in_doubt()).finding(found);
        world.dial(&provider).await?;
        world.pass(TimeDelta::seconds(20));
        assert_eq!(world.reconcile(&provider).await?.found, 1);
        let attempt = world.last(lead).await?;
        assert_eq!((attempt.state.as_str(), attempt.provider_call_id.as_deref()), ("placed", Some("call-9")));
        world.record(no_answer(attempt.id, world.now())).await?;
        assert_eq!((world.states(lead).await?, provider.asked().len()), (vec!["finished"], 1));
    }

    async fn an_absent_call_stays_unknown_until_the_look_up_is_conclusive(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let provider = Fake::default().answering(in_doubt());
        world.dial(&provider).await?;
        world.clock.advance_to(world.now() + Fake::T_REC - TimeDelta::seconds(1));
        let early = world.reconcile(&provider).await?;
        assert_eq!((early.looked_up, early.not_placed), (1, 0));
        assert_eq!(world.states(lead).await?, ["unknown"]);
        world.pass(TimeDelta::seconds(20));
        assert_eq!(world.reconcile(&provider).await?.not_placed, 1);
        assert_eq!(world.dial(&provider).await?.accepted, 1);
        assert_eq!(world.states(lead).await?, ["not_placed", "placed"]);
        let attempts = world.attempts(lead).await?;
        assert_eq!((attempts[1].visit, attempts[1].attempt), (2, 1), "the same try, as a new attempt");
        assert_eq!(provider.asked(), [attempts[0].id, attempts[1].id]);
    }

    async fn absence_proves_something_for_when_it_was_asked_for_not_for_when_it_is_written(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        // A process that stands still between question and record: the call may have been accepted meanwhile.
        let provider = Fake::default().answering(in_doubt()).slowly(&world.clock, Fake::T_REC);
        world.dial(&provider).await?;
        world.pass(TimeDelta::seconds(20));
        let early = world.reconcile(&provider).await?;
        assert_eq!((early.looked_up, early.not_placed), (1, 0));
        assert_eq!(world.states(lead).await?, ["unknown"]);
        world.pass(TimeDelta::seconds(20));
        assert_eq!(world.reconcile(&provider).await?.not_placed, 1);
    }

    async fn a_look_up_that_fails_proves_nothing(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let failed = LookUpResult::Failed { reason: "500".to_owned() };
        let provider = Fake::default().answering(in_doubt()).finding(failed);
        world.dial(&provider).await?;
        world.clock.advance_to(world.now() + Fake::T_REC * 3);
        let report = world.reconcile(&provider).await?;
        assert_eq!((report.looked_up, report.not_placed), (1, 0));
        assert_eq!(world.states(lead).await?, ["unknown"]);
    }

    async fn without_a_look_up_the_doubt_is_final_and_the_lead_is_left_in_peace(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let provider = Fake::without_look_up().answering(in_doubt());
        world.dial(&provider).await?;
        world.clock.advance_to(world.now() + Fake::T_REC);
        assert_eq!(world.reconcile(&provider).await?.unknown_final, 1);
        assert_eq!(world.states(lead).await?, ["unknown_final"]);
        assert_eq!(provider.looked_up(), 0);
        assert_eq!(world.dial(&provider).await?.accepted, 0);
        assert_eq!(world.walk(lead).await?.enrollment.due_at, Some(world.now() + TimeDelta::hours(4)));
    }

    async fn a_callback_settles_a_doubt_before_the_look_up(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let provider = Fake::default().answering(in_doubt());
        let attempt = world.dialed(lead, &provider).await?;
        world.record(no_answer(attempt, world.now())).await?;
        world.pass(TimeDelta::minutes(5));
        assert_eq!(world.reconcile(&provider).await?.looked_up, 0);
        assert_eq!(world.states(lead).await?, ["finished"]);
    }

    async fn the_engine_wakes_for_a_doubt(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let provider = Fake::default().answering(in_doubt());
        world.dial(&provider).await?;
        // Nothing else is due: only the look-ups move things on.
        for _ in 0..20 {
            let Some(next) = world.engine.next_look_up(&provider).await? else { break };
            world.clock.advance_to(next);
            world.reconcile(&provider).await?;
            if world.states(lead).await? == ["not_placed"] {
                break;
            }
        }
        assert_eq!(world.states(lead).await?, ["not_placed"]);
    }

    async fn a_call_whose_end_is_never_reported_is_looked_up_and_at_last_given_up(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let provider = Fake::default();
        world.dial(&provider).await?;
        world.pass(TimeDelta::minutes(1));
        assert_eq!(world.reconcile(&provider).await?.looked_up, 0, "a call may last a while");
        world.pass(TimeDelta::hours(1));
        assert_eq!(world.reconcile(&provider).await?.looked_up, 1);
        assert_eq!(world.states(lead).await?, ["placed"], "the look-up may have called a lost report back");
        world.pass(TimeDelta::hours(12));
        world.reconcile(&provider).await?;
        let attempt = world.last(lead).await?;
        assert_eq!((attempt.state.as_str(), attempt.outcome.as_deref()), ("finished", Some("failed")));
        assert_eq!(world.walk(lead).await?.result.as_deref(), Some("unreachable"));
    }
}
