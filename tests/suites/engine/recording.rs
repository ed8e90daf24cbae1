//! Recording: what a call's facts do to the attempt, the lead and the enrollment, whenever and however they come.

use std::sync::Arc;

use callwright_engine::domain::lead::LeadStatus;
use callwright_engine::domain::outcome::Outcome;
use callwright_engine::engine::Engine;
use callwright_engine::flow::session::Effect;
use callwright_engine::provider::{
    Answer, Capabilities, LookUp, LookUpResult, PlaceRequest, Placement, Provider, ProviderError,
};
use callwright_engine::store::consent;
use chrono::TimeDelta;
use serde_json::json;

use crate::facts::{declined, no_answer, said, talk};
use crate::fake::Fake;
use crate::given::{ALICE, World, at, noon};
use crate::on_both;

/// Reports the end of each call before it answers the question to place it.
#[derive(Debug)]
struct Hasty(Arc<Engine>, Fake);

impl Provider for Hasty {
    fn name(&self) -> &str {
        self.1.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.1.capabilities()
    }

    fn place(&self, requests: Vec<PlaceRequest>) -> Answer<'_, Vec<Placement>> {
        Box::pin(async move {
            for request in &requests {
                let facts = no_answer(request.attempt_id, noon());
                self.0.record(Fake::NAME, facts).await.expect("recorded");
            }
            self.1.place(requests).await
        })
    }

    fn look_up<'a>(&'a self, query: &'a LookUp) -> Answer<'a, LookUpResult> {
        self.1.look_up(query)
    }

    fn hang_up<'a>(&'a self, provider_call_id: &'a str) -> Answer<'a, Result<(), ProviderError>> {
        self.1.hang_up(provider_call_id)
    }
}

on_both! {
    async fn an_answered_call_changes_lead_and_enrollment(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let attempt = world.dialed(lead, &Fake::default()).await?;
        let effects = vec![
            Effect::Score { by: 5, because: None },
            Effect::Consent { purpose: "recording".to_owned(), granted: true, wording: "May I record?".to_owned() },
        ];
        let talk = talk(attempt, noon(), said(Outcome::Answered, "declined", effects));
        assert_eq!(world.record(talk).await?.finished, 1);
        let stored = world.stored_lead(lead).await?;
        let ended_at = noon() + TimeDelta::seconds(45);
        assert_eq!((stored.status, stored.score, stored.last_contacted_at), (LeadStatus::Contacted, 5, Some(ended_at)));
        assert_eq!(world.walk(lead).await?.result.as_deref(), Some("not_interested"));
        let mut tx = world.engine.db.begin_read().await?;
        assert_eq!(consent::of_leads(&mut tx, &[lead]).await?.len(), 1);
        tx.rollback().await?;
        let answered = world.events(lead).await?.into_iter().find(|found| found.event.kind == "CALL_ANSWERED");
        let data = answered.map(|found| found.event.data).unwrap_or_default();
        assert_eq!((&data["callDuration"], &data["flowNodesTraversed"]), (&json!(40), &json!(["greet", "offer"])));
    }

    async fn repeats_change_nothing(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let attempt = world.dialed(lead, &Fake::default()).await?;
        let facts = declined(attempt, noon());
        world.record(facts.clone()).await?;
        let before = world.events(lead).await?.len();
        let report = world.record(facts).await?;
        assert_eq!((report.updated, report.finished), (0, 0));
        assert_eq!(world.events(lead).await?.len(), before);
    }

    async fn a_callback_may_overtake_the_answer(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let hasty = Hasty(world.engine.clone(), Fake::default());
        world.plan().await?;
        let claimed = world.engine.claim(10, &hasty, "me").await?;
        world.engine.place(&hasty, claimed.requests).await?;
        let walk = world.walk(lead).await?;
        assert_eq!((walk.enrollment.placed, walk.enrollment.position.attempt), (1, 2));
        assert_eq!(world.states(lead).await?, ["finished"]);
        assert_eq!(world.count(lead, "CALL_PLACED").await?, 1);
    }

    async fn a_call_of_an_ended_enrollment_is_still_recorded(db) {
        let world = World::open(db).await?;
        let (lead, enrollment) = world.welcomed(ALICE).await?;
        let attempt = world.dialed(lead, &Fake::default()).await?;
        world.engine.end_enrollment(enrollment, "by_hand").await?;
        world.record(declined(attempt, noon())).await?;
        assert_eq!(world.states(lead).await?, ["finished"]);
        assert_eq!(world.count(lead, "CALL_ANSWERED").await?, 1);
        assert_eq!(world.walk(lead).await?.result.as_deref(), Some("by_hand"));
    }

    async fn a_call_of_a_written_off_attempt_is_reported_to_be_hung_up(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let lost = Placement::Unknown { reason: "time-out".to_owned() };
        let provider = Fake::default().answering(lost);
        let attempt = world.dialed(lead, &provider).await?;
        world.clock.advance_to(noon() + Fake::T_REC);
        world.reconcile(&provider).await?;
        let report = world.record(no_answer(attempt, world.now())).await?;
        assert_eq!(report.orphans, [(attempt, Fake::call_id(attempt))]);
        assert_eq!((world.states(lead).await?, world.count(lead, "call.orphaned").await?), (vec!["not_placed"], 1));
    }

    async fn what_the_callee_said_last_is_not_lost_when_the_end_overtakes_it(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let attempt = world.dialed(lead, &Fake::default()).await?;
        let stop = vec![Effect::OptOut { reason: "said stop".to_owned() }];
        let mut facts = talk(attempt, noon(), said(Outcome::OptedOut, "opted_out", stop));
        let conversation = facts.remove(2);
        world.record(facts).await?;
        world.pass(TimeDelta::seconds(30));
        world.record(vec![conversation]).await?;
        assert_eq!(world.stored_lead(lead).await?.status, LeadStatus::OptedOut);
        assert_eq!(world.walk(lead).await?.result.as_deref(), Some("opted_out"));
    }

    async fn an_opt_out_counts_even_when_it_comes_after_everything(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let attempt = world.dialed(lead, &Fake::default()).await?;
        let stop = vec![Effect::OptOut { reason: "said stop".to_owned() }];
        let mut facts = talk(attempt, noon(), said(Outcome::OptedOut, "opted_out", stop));
        let conversation = facts.remove(2);
        world.record(facts).await?;
        // Nobody brought the conversation: the call is settled without it.
        world.pass(TimeDelta::hours(13));
        world.reconcile(&Fake::default()).await?;
        assert_eq!(world.states(lead).await?, ["finished"]);
        world.record(vec![conversation]).await?;
        assert_eq!(world.stored_lead(lead).await?.status, LeadStatus::OptedOut);
    }

    async fn a_callee_who_names_a_time_is_called_then(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let attempt = world.dialed(lead, &Fake::default()).await?;
        let later = vec![Effect::CallBack { after_s: None, said: Some("after 6".to_owned()) }];
        world.record(talk(attempt, noon(), said(Outcome::CallbackRequested, "callback_requested", later))).await?;
        let walk = world.walk(lead).await?;
        assert!(walk.enrollment.position.promised);
        assert_eq!(walk.enrollment.due_at, Some(at("2026-07-15T22:00:00Z")));
        world.clock.advance_to(at("2026-07-15T22:00:00Z"));
        // The cadence's hours end at six, but the callee asked for it.
        assert_eq!(world.dial(&Fake::default()).await?.accepted, 1);
    }

    async fn a_wrong_number_is_not_called_again(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let attempt = world.dialed(lead, &Fake::default()).await?;
        world.record(talk(attempt, noon(), said(Outcome::WrongNumber, "wrong_number", vec![Effect::WrongNumber]))).await?;
        assert_eq!(world.walk(lead).await?.result.as_deref(), Some("wrong_number"));
        world.pass(TimeDelta::days(31));
        world.enroll(lead, "welcome").await?;
        world.plan().await?;
        let again = world.walks(lead).await?.pop();
        assert_eq!(again.and_then(|walk| walk.result).as_deref(), Some("phone-invalid"));
    }
}
