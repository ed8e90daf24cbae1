//! Reconciling: lost answers and lost callbacks are looked up, never asked for again (ENG-2, I14).

use anyhow::{Context as _, ensure};
use callwright_engine::decide::protocol::silence::MOST_FAILED_LOOK_UPS;
use callwright_engine::domain::call::EndStatus;
use callwright_engine::domain::outcome::Outcome;
use callwright_engine::flow::session::Effect;
use callwright_engine::id::{AttemptId, LeadId};
use callwright_engine::provider::{FoundEnd, LookUpResult, Placement};
use callwright_engine::store::attempt;
use chrono::TimeDelta;

use crate::facts::{declined, no_answer, said, talk};
use crate::fake::Fake;
use crate::given::{ALICE, World};
use crate::on_both;

fn in_doubt() -> Placement {
    Placement::Unknown { reason: "time-out".to_owned() }
}

/// A lead and the attempt whose fate nobody will ever look up.
async fn given_up(world: &World) -> anyhow::Result<(LeadId, AttemptId)> {
    let (lead, _) = world.welcomed(ALICE).await?;
    let provider = Fake::without_look_up().answering(in_doubt());
    let attempt = world.dialed(lead, &provider).await?;
    world.clock.advance_to(world.now() + Fake::T_REC);
    ensure!(world.reconcile(&provider).await?.unknown_final == 1);
    Ok((lead, attempt))
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

    async fn a_stop_in_a_call_that_was_given_up_is_a_stop(db) {
        let world = World::open(db).await?;
        let (lead, attempt) = given_up(&world).await?;
        let provider = Fake::default();
        world.pass(TimeDelta::minutes(30));
        let stop = Effect::OptOut { reason: "asked".to_owned() };
        let stopped = said(Outcome::OptedOut, "opted_out", vec![stop]);
        let talk = talk(attempt, world.now(), stopped);
        assert_eq!(world.record(talk[..3].to_vec()).await?.finished, 0, "until it has ended");
        assert_eq!(world.states(lead).await?, ["unknown_final"]);
        assert_eq!(world.record(talk).await?.finished, 1);
        assert_eq!(world.states(lead).await?, ["finished"]);
        let walk = world.walk(lead).await?;
        assert!(walk.lead.do_not_call, "what was said counts whenever it is heard of");
        assert_eq!((walk.result.as_deref(), walk.enrollment.placed), (Some("opted_out"), 1));
        world.pass(TimeDelta::hours(4));
        assert_eq!(world.dial(&provider).await?.accepted, 0);
    }

    async fn what_a_call_came_to_that_was_given_up_moves_who_waits_for_the_next_one(db) {
        let world = World::open(db).await?;
        let (lead, attempt) = given_up(&world).await?;
        world.pass(TimeDelta::minutes(30));
        assert_eq!(world.record(declined(attempt, world.now())).await?.finished, 1);
        assert_eq!(world.walk(lead).await?.result.as_deref(), Some("not_interested"), "nobody is called again");
        assert_eq!(world.record(declined(attempt, world.now())).await?.finished, 0, "once");
    }

    async fn what_a_call_came_to_that_was_given_up_moves_nobody_who_is_in_the_next_one(db) {
        let world = World::open(db).await?;
        let (lead, attempt) = given_up(&world).await?;
        let provider = Fake::default();
        world.pass(TimeDelta::hours(4));
        assert_eq!(world.dial(&provider).await?.accepted, 1);
        assert_eq!(world.record(declined(attempt, world.now())).await?.finished, 1);
        assert_eq!(world.states(lead).await?, ["finished", "placed"]);
        let next = world.last(lead).await?;
        world.record(declined(next.id, world.now())).await?;
        assert_eq!(world.walk(lead).await?.result.as_deref(), Some("not_interested"));
    }

    async fn nobody_is_called_at_a_number_whose_call_was_given_up_while_it_may_go_on(db) {
        let world = World::open(db).await?;
        let (lead, _) = given_up(&world).await?;
        let (other, _) = world.welcomed(ALICE).await?;
        let provider = Fake::default();
        world.clock.advance_to(world.walk(lead).await?.enrollment.due_at.context("a timer")? - Fake::T_REC * 2);
        assert_eq!(world.dial(&provider).await?.accepted, 0);
        let told = world.engine.why(other, None).await?.text();
        ensure!(told.contains("number_busy") || told.contains("number-busy"), "{told}");
        world.pass(Fake::T_REC * 2);
        assert_eq!(world.dial(&provider).await?.accepted, 1, "one of the two");
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

    async fn no_end_is_given_up_because_the_provider_was_out_of_reach(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let ended = FoundEnd { at: world.now() + TimeDelta::minutes(3), status: EndStatus::NoAnswer, talk_s: 0 };
        let found = LookUpResult::Found { provider_call_id: "call-9".to_owned(), end: Some(ended) };
        let provider = Fake::default().finding(LookUpResult::Failed { reason: "503".to_owned() }).finding(found);
        world.dial(&provider).await?;
        // Nobody asked either meanwhile.
        world.pass(TimeDelta::days(3));
        assert_eq!(world.reconcile(&provider).await?.ended, 0);
        assert_eq!(world.states(lead).await?, ["placed"]);
        world.pass(TimeDelta::minutes(3));
        assert_eq!(world.reconcile(&provider).await?.ended, 1);
        assert_eq!(world.last(lead).await?.outcome.as_deref(), Some("no_answer"));
        assert_eq!(world.count(lead, "CALL_FAILED").await?, 0);
    }

    async fn an_end_is_given_up_after_a_day_of_look_ups_that_all_failed(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let provider = Fake::default().finding(LookUpResult::Failed { reason: "503".to_owned() });
        let attempt = world.dialed(lead, &provider).await?;
        let asked_so_often = async |times: u32| -> anyhow::Result<()> {
            let mut tx = world.engine.db.begin().await?;
            attempt::checked(&mut tx, &[(attempt, times)], world.now()).await?;
            Ok(tx.commit().await?)
        };
        asked_so_often(MOST_FAILED_LOOK_UPS - 2).await?;
        world.pass(TimeDelta::days(1));
        assert_eq!(world.reconcile(&provider).await?.ended, 0);
        world.pass(TimeDelta::minutes(3));
        assert_eq!(world.reconcile(&provider).await?.ended, 1);
        assert_eq!(world.last(lead).await?.outcome.as_deref(), Some("failed"));
    }
}
