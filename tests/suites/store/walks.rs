//! The engine's own rows: enrollments, attempts, calls, facts, decisions and tasks.

use anyhow::Context as _;
use callwright_engine::clock::{Instant, micros};
use callwright_engine::domain::attempt::AttemptState;
use callwright_engine::domain::call::{AnsweredBy, Fact, StoredFact};
use callwright_engine::domain::priority::Priority;
use callwright_engine::id::{AttemptId, EnrollmentId};
use callwright_engine::store::attempt::Range;
use callwright_engine::store::intent::LoadOf;
use callwright_engine::store::{
    Tx, attempt, call, campaign, decision, enrollment, gate_facts, intent, lead_change, second_look, task,
    walk,
};
use chrono::TimeDelta;

use crate::given::{ALICE, BOB, Walking, after, id, now, planned, walking};
use crate::on_both;

/// Overdue by the same instant in every respect.
fn than(before: Instant) -> attempt::Overdue {
    attempt::Overdue {
        sent_before: before,
        unsure_checked_before: before,
        placed_before: before,
        placed_checked_before: before,
    }
}

async fn claimed(tx: &mut Tx, walking: &Walking, number: &str) -> anyhow::Result<AttemptId> {
    let planned = planned(tx, walking, number).await?;
    let taken =
        attempt::claim(tx, &[(planned.to_string(), 0, None, None, None)], "me", "simulated", now(), after(1))
            .await?;
    anyhow::ensure!(taken == [planned], "not claimed: {taken:?}");
    Ok(planned)
}

fn change(id: EnrollmentId, state: &'static str) -> enrollment::Change {
    enrollment::Change {
        id: id.to_string(),
        state,
        hold: None,
        step: "second".to_owned(),
        visit: 1,
        attempt: 2,
        due_since: micros(now()),
        promised: 1,
        due_at: Some(micros(after(60))),
        wait_event: None,
        placed: 1,
        verdict: Some("defer".to_owned()),
        reason: Some("campaign-paused".to_owned()),
        checked_at: micros(now()),
        result: (state == "ended").then(|| "converted".to_owned()),
        ended_at: (state == "ended").then(|| micros(now())),
        was: "waiting",
    }
}

on_both! {
    async fn due_enrollments_come_with_their_leads(db) {
        let mut tx = db.db.begin().await?;
        let one = walking(&mut tx, "a", ALICE).await?;
        assert!(walk::due(&mut tx, after(-1), 10).await?.is_empty());
        let due = walk::due(&mut tx, now(), 10).await?;
        assert_eq!(due.len(), 1);
        assert_eq!((due[0].enrollment.id, due[0].lead.id, due[0].lead.phone.as_deref()), (one.enrollment_id, one.lead_id, Some(ALICE)));
        assert_eq!(enrollment::next_due(&mut tx).await?, Some(now()));
        assert_eq!(walk::by_ids(&mut tx, &[one.enrollment_id]).await?.len(), 1);
        assert_eq!(walk::live_of_leads(&mut tx, &[one.lead_id]).await?.len(), 1);
        assert_eq!(walk::called_zones(&mut tx).await?.len(), 1);
    }

    async fn a_lead_walks_a_cadence_once_at_a_time(db) {
        let mut tx = db.db.begin().await?;
        let one = walking(&mut tx, "a", ALICE).await?;
        let again = enrollment::NewRow {
            id: id::<EnrollmentId>().to_string(),
            lead_id: one.lead_id.to_string(),
            campaign_id: one.campaign_id.to_string(),
            cadence: "welcome".to_owned(),
            entry_key: String::new(),
            version: "v1".to_owned(),
            step: "first".to_owned(),
            due_at: micros(now()),
            priority: 1,
            variables: r#"{"offer":{"percent":15}}"#.to_owned(),
            started_at: micros(after(9)),
        };
        assert!(enrollment::insert_many(&mut tx, std::slice::from_ref(&again)).await?.is_empty());
        assert_eq!(enrollment::change_many(&mut tx, &[change(one.enrollment_id, "ended")]).await?, 1);
        assert_eq!(enrollment::change_many(&mut tx, &[change(one.enrollment_id, "waiting")]).await?, 0, "ended is for good");
        assert_eq!(enrollment::insert_many(&mut tx, &[again]).await?.len(), 1);
        let previous = enrollment::previous(&mut tx, &[(one.lead_id.to_string(), "welcome", "")]).await?;
        assert_eq!((previous[0].started_at, previous[0].is_live), (after(9), true));
        assert_eq!(walk::all_of_lead(&mut tx, one.lead_id).await?.len(), 2);
    }

    async fn a_resumed_campaign_pulls_its_enrollments_forward(db) {
        let mut tx = db.db.begin().await?;
        let one = walking(&mut tx, "a", ALICE).await?;
        enrollment::change_many(&mut tx, &[change(one.enrollment_id, "waiting")]).await?;
        let walk = walk::by_ids(&mut tx, &[one.enrollment_id]).await?.pop().context("the walk")?;
        assert_eq!(walk.enrollment.due_at, Some(after(60)));
        assert!(walk.enrollment.position.promised);
        assert_eq!(enrollment::pull_forward(&mut tx, one.campaign_id, after(5)).await?, 1);
        assert_eq!(enrollment::next_due(&mut tx).await?, Some(after(5)));
    }

    async fn an_attempt_is_claimed_once_and_moves_by_its_fence_only(db) {
        let mut tx = db.db.begin().await?;
        let one = walking(&mut tx, "a", ALICE).await?;
        let planned = planned(&mut tx, &one, ALICE).await?;
        assert_eq!(attempt::next_planned(&mut tx, now()).await?, Some(now()));
        assert_eq!(attempt::next_planned(&mut tx, after(1)).await?, None, "who asks has looked at what was due before");
        let wanted = |most, after| Range { campaign: one.campaign_id, priority: Priority::Medium, after, until: now(), most };
        assert!(attempt::candidates(&mut tx, &[wanted(0, None), wanted(10, Some(now()))]).await?.is_empty());
        let found = attempt::candidates(&mut tx, &[wanted(10, None)]).await?;
        assert_eq!(found.iter().map(|found| (found.id, found.number.as_str())).collect::<Vec<_>>(), [(planned, ALICE)]);
        assert_eq!(attempt::lock_planned(&mut tx, &[planned]).await?.len(), 1);
        let claim = [(planned.to_string(), 0, None, None, None)];
        assert_eq!(attempt::claim(&mut tx, &claim, "me", "sim", now(), after(1)).await?, [planned]);
        assert!(attempt::claim(&mut tx, &claim, "you", "sim", now(), after(1)).await?.is_empty());
        assert!(attempt::lock_planned(&mut tx, &[planned]).await?.is_empty());
        let dialing = attempt::by_ids(&mut tx, &[planned]).await?.pop().context("the attempt")?;
        assert_eq!((dialing.state, dialing.intent_at), (AttemptState::Dialing, Some(now())));
        let placed = attempt::Step::of(&dialing, AttemptState::Placed, after(1));
        assert_eq!(attempt::step(&mut tx, std::slice::from_ref(&placed), after(1)).await?, 1);
        assert_eq!(attempt::step(&mut tx, &[placed], after(2)).await?, 0, "a stale step moves nothing");
        attempt::checked(&mut tx, &[(planned, 7)], after(3)).await?;
        let of_lead = attempt::of_lead(&mut tx, one.lead_id, 5).await?;
        assert_eq!(of_lead.iter().map(|found| found.failed_look_ups).collect::<Vec<_>>(), [7]);
    }

    async fn two_leads_with_one_number_are_not_called_at_once(db) {
        let mut tx = db.db.begin().await?;
        let (one, other) = (walking(&mut tx, "a", ALICE).await?, walking(&mut tx, "b", ALICE).await?);
        claimed(&mut tx, &one, ALICE).await?;
        let counted = gate_facts::of(&mut tx, &[(one.lead_id, Some(ALICE))], &[], now()).await?.intents;
        assert!(counted.iter().any(|intent| intent.state.is_live() && intent.number == ALICE));
        let second = planned(&mut tx, &other, ALICE).await?;
        let error = attempt::claim(&mut tx, &[(second.to_string(), 0, None, None, None)], "me", "sim", now(), after(1)).await;
        let error = error.err().context("an error")?;
        assert!(error.breaks("attempts_number_live", "attempts.number"), "{error}");
    }

    async fn intents_count_for_lead_and_number(db) {
        let mut tx = db.db.begin().await?;
        let one = walking(&mut tx, "a", ALICE).await?;
        claimed(&mut tx, &one, ALICE).await?;
        let outside = (id::<AttemptId>().to_string(), one.lead_id.to_string(), one.campaign_id.to_string(), micros(after(-50)));
        attempt::insert_outside(&mut tx, &[outside]).await?;
        let counted = gate_facts::of(&mut tx, &[(one.lead_id, Some(ALICE))], &[], after(-100)).await?.intents;
        let mut at: Vec<_> = counted.iter().map(|intent| intent.at).collect();
        at.sort_unstable();
        at.dedup();
        assert_eq!(at, [after(-50), now()]);
        let all = [one.campaign_id];
        let of = LoadOf { campaigns: &all, latest: 3, lines: &all, rated: &all, since: now() - TimeDelta::hours(1) };
        let load = intent::campaign_load(&mut tx, of).await?.remove(&one.campaign_id).context("the load")?;
        assert_eq!((load.live, load.latest), (1, vec![now(), after(-50)]));
        assert_eq!(load.recent.iter().map(|(at, _)| *at).max(), Some(now()));
    }

    async fn overdue_and_deferred_attempts(db) {
        let mut tx = db.db.begin().await?;
        let (one, other) = (walking(&mut tx, "a", ALICE).await?, walking(&mut tx, "b", BOB).await?);
        let dialing = claimed(&mut tx, &one, ALICE).await?;
        let waiting = planned(&mut tx, &other, BOB).await?;
        attempt::defer(&mut tx, &[(waiting.to_string(), micros(after(90)))], now()).await?;
        assert_eq!(attempt::next_planned(&mut tx, now()).await?, Some(after(90)));
        assert_eq!(attempt::planned_of_leads(&mut tx, &[one.lead_id, other.lead_id]).await?.len(), 1);
        let overdue = attempt::overdue(&mut tx, "simulated", than(after(30)), 10).await?;
        assert_eq!(overdue.iter().map(|attempt| attempt.id).collect::<Vec<_>>(), [dialing]);
        assert!(attempt::overdue(&mut tx, "simulated", than(after(1)), 10).await?.is_empty());
        assert!(attempt::overdue(&mut tx, "another", than(after(30)), 10).await?.is_empty());
        let row = attempt::by_ids(&mut tx, &[dialing]).await?.pop().context("the attempt")?;
        attempt::step(&mut tx, &[attempt::Step::of(&row, AttemptState::Placed, now())], now()).await?;
        assert!(attempt::overdue(&mut tx, "simulated", than(after(0)), 10).await?.is_empty());
        let silent = attempt::overdue(&mut tx, "simulated", than(after(30)), 10).await?;
        assert_eq!(silent.iter().map(|attempt| attempt.id).collect::<Vec<_>>(), [dialing]);
    }

    async fn a_pause_or_an_opt_out_after_the_claim_blocks_sending(db) {
        use callwright_engine::domain::campaign::CampaignStatus;
        let mut tx = db.db.begin().await?;
        let (one, other) = (walking(&mut tx, "a", ALICE).await?, walking(&mut tx, "b", BOB).await?);
        let (first, second) = (claimed(&mut tx, &one, ALICE).await?, claimed(&mut tx, &other, BOB).await?);
        assert!(second_look::changed(&mut tx, &[first, second], now()).await?.is_empty());
        campaign::set_status(&mut tx, one.campaign_id, CampaignStatus::Paused, now()).await?;
        let mut out = lead_change::Change::of(other.lead_id);
        out.opted_out = 1;
        lead_change::apply(&mut tx, &[out], now()).await?;
        let changed = second_look::changed(&mut tx, &[first, second], now()).await?;
        let of = |id| changed.iter().find(|found| found.id == id).context("the attempt has changed");
        assert_eq!((of(first)?.campaign, of(first)?.opted_out), (CampaignStatus::Paused, false));
        assert_eq!((of(second)?.campaign, of(second)?.opted_out), (CampaignStatus::Active, true));
        assert_eq!(changed.len(), 2);
        let mut numbers = lead_change::numbers(&mut tx, &[one.lead_id, other.lead_id]).await?;
        numbers.sort_unstable_by(|a, b| a.1.cmp(&b.1));
        assert_eq!(numbers.iter().map(|(_, number)| number.as_str()).collect::<Vec<_>>(), [ALICE, BOB]);
    }

    async fn facts_are_stored_once(db) {
        let mut tx = db.db.begin().await?;
        let one = walking(&mut tx, "a", ALICE).await?;
        let dialing = claimed(&mut tx, &one, ALICE).await?;
        let new = call::NewRow {
            id: id::<AttemptId>().to_string(),
            attempt_id: dialing.to_string(),
            lead_id: one.lead_id.to_string(),
            campaign_id: one.campaign_id.to_string(),
            provider: "sim".to_owned(),
            provider_call_id: "CA1".to_owned(),
            placed_at: micros(now()),
            flow: "welcome".to_owned(),
            version: "v1".to_owned(),
        };
        call::insert_many(&mut tx, std::slice::from_ref(&new)).await?;
        call::insert_many(&mut tx, &[new]).await?;
        let answered = StoredFact { at: after(3), fact: Fact::Answered { by: AnsweredBy::Human } };
        let row = call::FactRow {
            attempt_id: dialing.to_string(),
            key: "answered".to_owned(),
            at: micros(answered.at),
            fact: serde_json::to_string(&answered.fact)?,
        };
        assert_eq!(call::add_facts(&mut tx, std::slice::from_ref(&row), after(4)).await?, [dialing]);
        assert!(call::add_facts(&mut tx, &[row], after(5)).await?.is_empty());
        assert_eq!(call::facts(&mut tx, &[dialing]).await?, [(dialing, answered)]);
        assert_eq!(call::session(&mut tx, dialing).await?, None);
        call::save_session(&mut tx, dialing, "{}").await?;
        assert_eq!(call::session(&mut tx, dialing).await?.as_deref(), Some("{}"));
        let ended = call::Change {
            attempt_id: dialing.to_string(),
            status: "completed",
            answered_at: Some(micros(after(3))),
            ended_at: Some(micros(after(33))),
            talk_s: 30,
            answered_by: Some("human"),
            outcome: Some("answered"),
            disposition: Some("accepted".to_owned()),
            recorded: 0,
            conversation: None,
        };
        call::change_many(&mut tx, &[ended]).await?;
    }

    async fn decisions_and_tasks_are_kept(db) {
        let mut tx = db.db.begin().await?;
        let one = walking(&mut tx, "a", ALICE).await?;
        let kept = |at, reason| decision::NewRow {
            id: id::<AttemptId>().to_string(),
            lead_id: one.lead_id.to_string(),
            enrollment_id: None,
            attempt_id: None,
            step: Some("first".to_owned()),
            at: micros(at),
            verdict: "defer",
            gate: Some("legal-hours"),
            reason,
            until: Some(micros(after(60))),
            reports: "[]".to_owned(),
        };
        decision::insert_many(&mut tx, &[kept(now(), "outside-window"), kept(after(1), "suppressed")], "2026b").await?;
        let latest = decision::latest(&mut tx, one.lead_id, 1).await?;
        assert_eq!((latest[0].reason.as_str(), latest[0].until, latest[0].tzdb.as_str()), ("suppressed", Some(after(60)), "2026b"));
        let todo = task::NewRow {
            id: id::<AttemptId>().to_string(),
            lead_id: one.lead_id.to_string(),
            enrollment_id: Some(one.enrollment_id.to_string()),
            title: "Call back by hand".to_owned(),
            due_at: None,
            created_at: micros(now()),
        };
        task::insert_many(&mut tx, &[todo]).await?;
    }
}
