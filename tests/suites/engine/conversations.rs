//! Calls that are followed turn by turn: the provider asks what to say next.

use callwright_engine::domain::call::{AnsweredBy, EndStatus, Fact};
use callwright_engine::domain::lead::LeadStatus;
use callwright_engine::engine::EngineError;
use callwright_engine::flow::interpreter::Input;
use chrono::TimeDelta;

use crate::facts::{ended, fact};
use crate::fake::Fake;
use crate::given::{ALICE, World, noon};
use crate::on_both;

on_both! {
    async fn the_conversation_becomes_the_outcome(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let attempt = world.dialed(lead, &Fake::default()).await?;
        world.record(vec![fact(attempt, "answered", noon(), Fact::Answered { by: AnsweredBy::Human })]).await?;
        let first = world.engine.converse(attempt, None).await?;
        assert!(first.expect.is_some());
        let last = world.engine.converse(attempt, Some(Input::Pressed('2'))).await?;
        assert!(last.expect.is_none());
        let mut facts = vec![ended(attempt, noon() + TimeDelta::seconds(20), EndStatus::Completed, 20)];
        facts.extend(world.engine.conversation_fact(attempt).await?);
        world.record(facts).await?;
        assert_eq!(world.walk(lead).await?.result.as_deref(), Some("not_interested"));
    }

    async fn stop_takes_effect_when_it_is_said(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let attempt = world.dialed(lead, &Fake::default()).await?;
        world.engine.converse(attempt, None).await?;
        world.engine.converse(attempt, Some(Input::Said("stop calling".to_owned()))).await?;
        assert_eq!(world.stored_lead(lead).await?.status, LeadStatus::OptedOut);
        assert_eq!(world.walk(lead).await?.result.as_deref(), Some("opted_out"));
        let mut facts = vec![ended(attempt, noon() + TimeDelta::seconds(20), EndStatus::Completed, 20)];
        facts.extend(world.engine.conversation_fact(attempt).await?);
        world.record(facts).await?;
        assert_eq!(world.last(lead).await?.outcome.as_deref(), Some("opted_out"));
        assert_eq!(world.count(lead, "OPTOUT_REQUESTED").await?, 1);
    }

    async fn a_call_that_is_over_has_no_next_turn(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let attempt = world.dialed(lead, &Fake::default()).await?;
        world.record(vec![ended(attempt, noon(), EndStatus::Busy, 0)]).await?;
        let turn = world.engine.converse(attempt, None).await;
        assert!(matches!(turn, Err(EngineError::Conflict { code: "call-not-in-progress", .. })));
    }
}
