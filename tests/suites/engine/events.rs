//! Events of others: they change the lead, end and start cadences, count in caps, and happen once (CRM-3, I12).

use callwright_engine::definitions::library::Library;
use callwright_engine::domain::lead::LeadStatus;
use callwright_engine::engine::NewEvent;
use callwright_engine::id::LeadId;
use chrono::TimeDelta;
use serde_json::json;

use crate::fake::Fake;
use crate::given::{ALICE, World, at, library, noon};
use crate::on_both;

const LISTENING: &str = r"
cadence: listening
title: Waits for an answer
steps:
  - id: answer
    wait: { event: MESSAGE_RECEIVED, if: event.length > 3, timeout: 2 days, then: heard, on_timeout: silent }
  - id: heard
    end: heard
  - id: silent
    end: silent
";

fn posted(lead: LeadId, kind: &str, dedupe: &str) -> NewEvent {
    NewEvent {
        kind: kind.to_owned(),
        lead_id: lead,
        campaign_id: None,
        at: None,
        data: json!({}),
        dedupe: Some(dedupe.to_owned()),
    }
}

on_both! {
    async fn an_accepted_trial_converts_and_starts_the_next_cadence(db) {
        let world = World::with(db, Library::embedded()).await?;
        let lead = world.lead(ALICE).await?;
        world.enroll(lead, "new-lead").await?;
        world.log(lead, "TRIAL_SIGNUP_OFFERED", json!({"agentAccepted": false})).await?;
        assert_eq!(world.walk(lead).await?.result, None, "an offer that was not taken changes nothing");
        world.log(lead, "TRIAL_SIGNUP_OFFERED", json!({"agentAccepted": true})).await?;
        let walks = world.walks(lead).await?;
        let seen: Vec<_> = walks.iter().map(|walk| (walk.enrollment.cadence.as_str(), walk.result.as_deref())).collect();
        assert_eq!(seen, [("new-lead", Some("converted")), ("trial-nurture", None)]);
        assert_eq!(world.stored_lead(lead).await?.status, LeadStatus::Trial);
    }

    async fn a_conversion_takes_a_planned_call_back(db) {
        let world = World::with(db, Library::embedded()).await?;
        let lead = world.lead(ALICE).await?;
        world.enroll(lead, "new-lead").await?;
        assert_eq!(world.plan().await?.planned, 1);
        world.log(lead, "TRIAL_SIGNUP_OFFERED", json!({"agentAccepted": true})).await?;
        assert_eq!(world.states(lead).await?, ["cancelled"]);
        assert!(world.claim(&Fake::default()).await?.requests.is_empty());
    }

    async fn a_repeated_key_changes_nothing(db) {
        let world = World::open(db).await?;
        let lead = world.lead(ALICE).await?;
        let qualified = || NewEvent { data: json!({"leadScore": 80}), ..posted(lead, "QUALIFICATION_RESULT", "crm:1") };
        let first = world.log_as(qualified()).await?;
        let stored = world.stored_lead(lead).await?;
        let again = world.log_as(NewEvent { data: json!({"leadScore": 10}), ..qualified() }).await?;
        assert_eq!((again.event_id, first.repeated, again.repeated), (first.event_id, false, true));
        assert_eq!(world.stored_lead(lead).await?.score, stored.score);
        assert_eq!(world.count(lead, "QUALIFICATION_RESULT").await?, 1);
    }

    async fn a_repeated_opt_out_is_one_event_and_its_receipt_names_it(db) {
        let world = World::open(db).await?;
        let lead = world.lead(ALICE).await?;
        let first = world.log_as(posted(lead, "OPTOUT_REQUESTED", "crm:7")).await?;
        let again = world.log_as(posted(lead, "OPTOUT_REQUESTED", "crm:7")).await?;
        assert_eq!((again.event_id, again.repeated), (first.event_id, true));
        let events = world.events(lead).await?;
        let stored: Vec<_> = events.iter().filter(|found| found.event.kind == "OPTOUT_REQUESTED").map(|found| found.event.id).collect();
        assert_eq!(stored, [first.event_id]);
    }

    async fn a_key_twice_in_one_batch_is_one_event(db) {
        let world = World::open(db).await?;
        let lead = world.lead(ALICE).await?;
        let receipts = world.engine.log_events(vec![posted(lead, "X", "crm:2"), posted(lead, "X", "crm:2")]).await?;
        assert_eq!((receipts[0].event_id, receipts[1].repeated), (receipts[1].event_id, true));
        assert_eq!(world.count(lead, "X").await?, 1);
    }

    async fn the_calls_of_an_outside_dialer_count_in_caps(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let called_at = noon() - TimeDelta::minutes(10);
        let outside = NewEvent { campaign_id: Some(world.campaign), at: Some(called_at), ..posted(lead, "CALL_PLACED", "d:1") };
        world.log_as(outside).await?;
        assert_eq!(world.plan().await?.deferred, 1);
        let walk = world.walk(lead).await?;
        assert_eq!(walk.verdict, Some(("defer".to_owned(), "cap-gap".to_owned())));
        assert_eq!(walk.enrollment.due_at, Some(called_at + TimeDelta::minutes(30)));
    }

    async fn an_outside_call_that_names_no_campaign_counts_too(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        world.log_as(posted(lead, "CALL_PLACED", "d:2")).await?;
        assert_eq!(world.plan().await?.deferred, 1);
    }

    async fn a_wait_ends_with_its_event_if_the_event_is_the_right_one(db) {
        let world = World::with(db, library(&[LISTENING])).await?;
        let lead = world.lead(ALICE).await?;
        world.enroll(lead, "listening").await?;
        world.plan().await?;
        world.log(lead, "MESSAGE_RECEIVED", json!({"length": 1})).await?;
        assert_eq!(world.walk(lead).await?.enrollment.wait_event.as_deref(), Some("MESSAGE_RECEIVED"));
        world.log(lead, "MESSAGE_RECEIVED", json!({"length": 9})).await?;
        world.plan().await?;
        assert_eq!(world.walk(lead).await?.result.as_deref(), Some("heard"));
    }

    async fn a_wait_without_its_event_ends_by_time(db) {
        let world = World::with(db, library(&[LISTENING])).await?;
        let lead = world.lead(ALICE).await?;
        world.enroll(lead, "listening").await?;
        world.plan().await?;
        assert_eq!(world.engine.next_wake().await?, Some(at("2026-07-17T16:00:00Z")));
        world.pass(TimeDelta::days(2));
        world.plan().await?;
        assert_eq!(world.walk(lead).await?.result.as_deref(), Some("silent"));
    }
}
