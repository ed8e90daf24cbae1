//! Kills between the verbs: the engine is dropped after each of them, and a fresh one finishes the work. At most one question
//! to the provider per attempt, and nothing that is due is forgotten (ENG-1, I1).

use callwright_engine::id::LeadId;
use callwright_engine::provider::Provider as _;
use chrono::TimeDelta;

use crate::facts::{declined, no_answer};
use crate::fake::Fake;
use crate::given::{ALICE, World, noon};
use crate::on_both;

impl World {
    /// The process dies here; what it held in memory is gone.
    fn killed(&mut self) {
        self.engine = self.restarted(self.now().timestamp_micros().unsigned_abs());
    }

    /// Lets the engine do whatever wakes it, until it has nothing to do or the lead's call is under way.
    async fn carry_on(&self, provider: &Fake) -> anyhow::Result<()> {
        for _ in 0..50 {
            self.dial(provider).await?;
            self.reconcile(provider).await?;
            let waits = [self.engine.next_wake().await?, self.engine.next_look_up(provider).await?];
            let Some(next) = waits.into_iter().flatten().min() else { break };
            if next > noon() + TimeDelta::minutes(10) {
                break;
            }
            self.clock.advance_to(next);
        }
        Ok(())
    }

    async fn finishes(&self, lead: LeadId, provider: &Fake) -> anyhow::Result<()> {
        self.carry_on(provider).await?;
        let attempt = self.last(lead).await?;
        assert_eq!(attempt.state.as_str(), "placed", "{attempt:?}");
        self.record(declined(attempt.id, self.now())).await?;
        assert_eq!(self.walk(lead).await?.result.as_deref(), Some("not_interested"));
        let mut asked = provider.asked();
        let questions = asked.len();
        asked.sort_unstable();
        asked.dedup();
        assert_eq!(asked.len(), questions, "an attempt was asked for twice");
        assert_eq!(self.count(lead, "CALL_PLACED").await?, 1);
        Ok(())
    }
}

on_both! {
    async fn after_enrolling(db) {
        let mut world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        world.killed();
        let provider = Fake::default();
        world.finishes(lead, &provider).await?;
        assert_eq!(provider.asked().len(), 1);
    }

    async fn after_planning(db) {
        let mut world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        world.plan().await?;
        world.killed();
        let provider = Fake::default();
        world.finishes(lead, &provider).await?;
        assert_eq!((provider.asked().len(), world.attempts(lead).await?.len()), (1, 1));
    }

    async fn after_claiming_before_asking(db) {
        let mut world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        world.plan().await?;
        let provider = Fake::default();
        let lost = world.claim(&provider).await?;
        assert_eq!(lost.requests.len(), 1);
        world.killed();
        world.finishes(lead, &provider).await?;
        assert_eq!(world.states(lead).await?, ["not_placed", "finished"]);
        assert_eq!(provider.asked().len(), 1);
    }

    async fn after_planning_and_claiming_in_one(db) {
        let mut world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let provider = Fake::default();
        let (_, lost) = world.engine.plan_and_claim(100, &provider, "me").await?;
        assert_eq!(lost.requests.len(), 1);
        world.killed();
        world.finishes(lead, &provider).await?;
        assert_eq!(world.states(lead).await?, ["not_placed", "finished"]);
        assert_eq!(provider.asked().len(), 1);
    }

    async fn after_asking_before_the_answer_is_written(db) {
        let mut world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        world.plan().await?;
        let provider = Fake::default();
        let claimed = world.claim(&provider).await?;
        provider.place(claimed.requests).await;
        world.killed();
        world.finishes(lead, &provider).await?;
        assert_eq!((provider.asked().len(), world.attempts(lead).await?.len()), (1, 1));
    }

    async fn after_placing(db) {
        let mut world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let provider = Fake::default();
        world.dial(&provider).await?;
        world.killed();
        world.finishes(lead, &provider).await?;
        assert_eq!(provider.asked().len(), 1);
    }

    async fn after_recording_the_callback_is_delivered_again(db) {
        let mut world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let attempt = world.dialed(lead, &Fake::default()).await?;
        world.record(no_answer(attempt, noon())).await?;
        let before = world.walk(lead).await?;
        world.killed();
        // The acknowledgement died with the process, so the provider says it once more.
        assert_eq!(world.record(no_answer(attempt, noon())).await?.updated, 0);
        assert_eq!(format!("{:?}", world.walk(lead).await?), format!("{before:?}"));
    }

    async fn a_process_that_wakes_after_its_claim_was_written_off_asks_nobody(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        world.plan().await?;
        let provider = Fake::default();
        let held = world.claim(&provider).await?;
        world.pass(Fake::T_REC);
        let other = world.restarted(2);
        assert_eq!(other.reconcile(&provider, 10).await?.not_placed, 1);
        assert_eq!(world.place(&provider, held.requests).await?.accepted, 0);
        assert!(provider.asked().is_empty());
        world.finishes(lead, &provider).await?;
    }
}
