//! People's hands: pause, resume, skip and end, also while a call is under way.

use callwright_engine::domain::outcome::Outcome;
use callwright_engine::engine::EngineError;
use callwright_engine::provider::Placement;
use chrono::TimeDelta;

use crate::facts::{declined, no_answer, said, talk};
use crate::fake::Fake;
use crate::given::{ALICE, World, noon};
use crate::on_both;

on_both! {
    async fn a_pause_takes_a_planned_call_back_and_a_resume_plans_it_again(db) {
        let world = World::open(db).await?;
        let (lead, enrollment) = world.welcomed(ALICE).await?;
        world.plan().await?;
        let view = world.engine.pause(enrollment).await?;
        assert_eq!((view.state, view.hold.as_deref()), ("held", Some("paused")));
        let provider = Fake::default();
        world.dial(&provider).await?;
        assert!(provider.asked().is_empty());
        world.pass(TimeDelta::hours(1));
        world.engine.resume(enrollment).await?;
        assert_eq!(world.dial(&provider).await?.accepted, 1);
        assert_eq!(world.states(lead).await?, ["cancelled", "placed"]);
    }

    async fn a_call_under_way_keeps_its_enrollment_paused_and_its_outcome_counts(db) {
        let world = World::open(db).await?;
        let (lead, enrollment) = world.welcomed(ALICE).await?;
        let provider = Fake::default();
        let attempt = world.dialed(lead, &provider).await?;
        world.engine.pause(enrollment).await?;
        world.record(no_answer(attempt, noon())).await?;
        let walk = world.walk(lead).await?;
        assert_eq!((walk.hold.as_deref(), walk.enrollment.position.attempt), (Some("paused"), 2));
        world.pass(TimeDelta::hours(2));
        assert_eq!(world.dial(&provider).await?.accepted, 0);
        world.engine.resume(enrollment).await?;
        assert_eq!(world.dial(&provider).await?.accepted, 1);
        assert_eq!(world.last(lead).await?.attempt, 2, "the second try, not the first once more");
    }

    async fn who_said_no_in_a_paused_enrollment_is_not_called_again(db) {
        let world = World::open(db).await?;
        let (lead, enrollment) = world.welcomed(ALICE).await?;
        let attempt = world.dialed(lead, &Fake::default()).await?;
        world.engine.pause(enrollment).await?;
        world.record(declined(attempt, noon())).await?;
        assert_eq!(world.walk(lead).await?.result.as_deref(), Some("not_interested"));
    }

    async fn a_refusal_or_a_write_off_does_not_undo_a_pause(db) {
        let world = World::open(db).await?;
        for (number, answer) in [
            (ALICE, Placement::Refused { reason: "busy".to_owned(), retry: true }),
            (crate::given::BOB, Placement::Unknown { reason: "time-out".to_owned() }),
        ] {
            let (lead, enrollment) = world.welcomed(number).await?;
            world.plan().await?;
            let provider = Fake::default().answering(answer);
            let claimed = world.claim(&provider).await?;
            world.engine.pause(enrollment).await?;
            world.place(&provider, claimed.requests).await?;
            world.pass(Fake::T_REC);
            world.reconcile(&provider).await?;
            world.pass(TimeDelta::minutes(1));
            assert_eq!(world.dial(&Fake::default()).await?.accepted, 0);
            assert_eq!(world.walk(lead).await?.hold.as_deref(), Some("paused"));
            world.engine.resume(enrollment).await?;
            assert_eq!(world.dial(&Fake::default()).await?.accepted, 1);
        }
    }

    async fn a_skipped_step_is_left_behind(db) {
        let world = World::open(db).await?;
        let (lead, enrollment) = world.welcomed(ALICE).await?;
        world.plan().await?;
        world.engine.skip_step(enrollment).await?;
        world.plan().await?;
        assert_eq!(world.walk(lead).await?.result.as_deref(), Some("completed"));
        assert_eq!(world.states(lead).await?, ["cancelled"]);
    }

    async fn skipping_during_a_call_does_not_follow_the_call_twice(db) {
        let world = World::open(db).await?;
        let (lead, enrollment) = world.welcomed(ALICE).await?;
        let attempt = world.dialed(lead, &Fake::default()).await?;
        let skipped = world.engine.skip_step(enrollment).await;
        assert!(matches!(skipped, Err(EngineError::Conflict { code: "call-in-progress", .. })), "{skipped:?}");
        world.record(talk(attempt, noon(), said(Outcome::Answered, "declined", Vec::new()))).await?;
        assert_eq!(world.walk(lead).await?.result.as_deref(), Some("not_interested"));
    }

    async fn an_ended_enrollment_is_out_of_reach(db) {
        let world = World::open(db).await?;
        let (_, enrollment) = world.welcomed(ALICE).await?;
        world.engine.end_enrollment(enrollment, "by_hand").await?;
        let paused = world.engine.pause(enrollment).await;
        assert!(matches!(paused, Err(EngineError::Conflict { code: "enrollment-ended", .. })), "{paused:?}");
    }
}
