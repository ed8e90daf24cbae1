//! Why (ENG-8): what stands in the way of a call, gate by gate, and when the next one may go out.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use callwright_engine::decide::verdict::{Answer, Gate, Reason};
use callwright_engine::domain::campaign::CampaignStatus;
use callwright_engine::engine::{Engine, EnrollRequest, TimeSource};
use callwright_engine::id::IdSource;
use callwright_engine::rules::{OperatorRules, Rules};

use crate::facts::declined;
use crate::fake::Fake;
use crate::given::{ALICE, World, at, noon};
use crate::on_both;

/// Longest wait for an answer that takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

on_both! {
    async fn a_deferral_names_its_gate_its_reason_and_the_next_instant(db) {
        let world = World::open(db).await?;
        world.clock.advance_to(at("2026-07-17T22:30:00Z"));
        let (lead, _) = world.welcomed(ALICE).await?;
        world.plan().await?;
        let why = world.engine.why(lead, None).await?;
        let monday = at("2026-07-20T13:00:00Z");
        let each = why.enrollments.first().context("the enrollment")?;
        assert_eq!((each.verdict_now, each.next_permitted_at), (Some("defer"), Some(monday)));
        let report = each.gates.iter().find(|report| report.answer != Answer::Pass { until: None } && matches!(report.answer, Answer::Defer { .. }));
        let report = report.context("the gate that waits")?;
        assert_eq!((report.gate, report.reason), (Gate::CadenceHours, Reason::OutsideCadenceHours));
        let kept = why.decisions.first().context("the kept decision")?;
        assert_eq!((kept.verdict.as_str(), kept.reason.as_str(), kept.until), ("defer", "outside-cadence-hours", Some(monday)));
        let text = why.text();
        for words in ["wait   cadence-hours: outside-cadence-hours", "2026-07-20 13:00 UTC", "America/New_York"] {
            assert!(text.contains(words), "{words} is missing in\n{text}");
        }
        assert!(!text.contains("2024561111"), "a full number in\n{text}");
    }

    async fn a_decision_keeps_by_which_rules_it_was_made(db) {
        let mut world = World::open(db).await?;
        let rules = Arc::new(Rules::under(&OperatorRules::default(), &"federal-only".parse()?)?);
        let (library, clock) = (Arc::clone(&world.engine.library), TimeSource::Manual(Arc::clone(&world.clock)));
        let ids = Arc::new(IdSource::seeded(5));
        world.engine = Engine::with_rules(world.db.db.clone(), library, clock, ids, rules);
        let (lead, _) = world.welcomed(ALICE).await?;
        world.plan().await?;
        let why = world.engine.why(lead, None).await?;
        let kept = why.decisions.first().context("the kept decision")?;
        assert_eq!(kept.reports["profile"], "federal-only");
        assert_eq!(kept.reports["rules"], world.engine.rules.version());
        assert_ne!(world.engine.rules.version(), Rules::embedded().version());
        assert!(why.text().contains("under profile federal-only"), "{}", why.text());
    }

    async fn it_tells_what_would_be_at_another_instant(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let verdict = async |instant| anyhow::Ok(world.engine.why(lead, Some(instant)).await?.enrollments[0].verdict_now);
        assert_eq!(verdict(noon()).await?, Some("proceed"));
        assert_eq!(verdict(at("2026-07-15T05:00:00Z")).await?, Some("defer"));
    }

    async fn a_step_due_in_the_night_is_promised_for_the_morning(db) {
        let world = World::open(db).await?;
        let lead = world.lead(ALICE).await?;
        let tonight = EnrollRequest { start_at: Some(at("2026-07-16T05:00:00Z")), ..world.request(lead, "welcome") };
        assert!(world.try_enroll(tonight).await?.is_ok());
        let each = world.engine.why(lead, None).await?.enrollments.remove(0);
        assert_eq!(each.verdict_now, Some("proceed"));
        assert_eq!(each.next_permitted_at, Some(at("2026-07-16T13:00:00Z")));
    }

    async fn a_paused_campaign_is_the_reason(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        world.engine.set_campaign_status(world.campaign, CampaignStatus::Paused).await?;
        world.plan().await?;
        let why = world.engine.why(lead, None).await?;
        assert_eq!(why.decisions.first().map(|kept| kept.reason.as_str()), Some("campaign-paused"));
        // A resume does not make the lead wait for the next look.
        world.engine.set_campaign_status(world.campaign, CampaignStatus::Active).await?;
        assert_eq!(world.dial(&Fake::default()).await?.accepted, 1);
    }

    async fn calls_and_the_end_are_told_as_well(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let attempt = world.dialed(lead, &Fake::default()).await?;
        world.record(declined(attempt, noon())).await?;
        let why = world.engine.why(lead, None).await?;
        assert_eq!(why.attempts.first().and_then(|call| call.outcome.as_deref()), Some("answered"));
        assert_eq!(why.enrollments[0].verdict_now, None);
        assert!(why.text().contains("result not_interested"), "{}", why.text());
    }

    async fn a_lead_nobody_enrolled_is_told_so(db) {
        let world = World::open(db).await?;
        let lead = world.lead(ALICE).await?;
        assert!(world.engine.why(lead, None).await?.text().contains("Not enrolled"));
    }

    async fn an_explanation_does_not_wait_for_who_is_writing(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let writing = world.engine.db.begin().await?;
        // Waiting for it, this would never end.
        let why = tokio::time::timeout(PATIENCE, world.engine.why(lead, None)).await??;
        assert_eq!(why.enrollments.len(), 1);
        writing.rollback().await?;
    }
}
