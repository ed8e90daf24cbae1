//! Publishing: plans that change nothing, moves that are neither early nor double nor lost, withdrawn and rolled-back versions
//! that files do not bring back (DEF-4, DEF-5, I1, I4, I13).

use std::sync::Arc;

use callwright_engine::definitions::library::LibraryHandle;
use callwright_engine::domain::publication::{MapTo, Mode, StepMap};
use callwright_engine::engine::publish::{
    DEFAULT_RATE, PublicationPlan, PublicationView, PublishRequest, Withdrawal,
};
use callwright_engine::engine::{Engine, EngineError, TimeSource};
use callwright_engine::id::{IdSource, LeadId};
use callwright_engine::provider::Placement;
use callwright_engine::store::walk::Walk;
use callwright_tests::TestDb;
use chrono::TimeDelta;

use crate::facts::{declined, no_answer};
use crate::fake::Fake;
use crate::given::{ALICE, BOB, World, library, noon};
use crate::{on_both, sound};

const CAROL: &str = "+12024561212";

/// Calls, waits three days, calls again, waits for a payment, calls a last time.
const OUTREACH: &str = r"
cadence: welcome
title: Three calls
steps:
  - id: first
    call: hello
    then: { no_answer: { retry: 1, after: 2 hours }, declined: { end: not_interested } }
  - id: pause
    wait: 3 days
  - id: second
    call: hello
    valid_for: 6 hours
  - id: paid
    wait: { event: PAYMENT_RECEIVED, timeout: 5 days, then: done }
  - id: third
    call: hello
  - id: done
    end: over
";

fn request(mode: Mode) -> PublishRequest {
    PublishRequest {
        cadence: "welcome".to_owned(),
        to: None,
        mode,
        steps: StepMap::new(),
        rate: DEFAULT_RATE,
    }
}

struct Desk {
    world: World,
    provider: Fake,
}

impl Desk {
    async fn open(db: TestDb) -> anyhow::Result<Self> {
        let world = World::with(db, library(&[OUTREACH])).await?;
        world.engine.publish().await?;
        Ok(Self { world, provider: Fake::default() })
    }

    /// The files hold this text now; nobody has published it.
    fn edit(&self, from: &str, to: &str) {
        assert!(OUTREACH.contains(from), "`{from}` is not in the file");
        self.world.engine.library.reload(library(&[&OUTREACH.replace(from, to)]));
    }

    /// Another process with these files, which it has offered.
    async fn restart_with(&mut self, text: &str) -> anyhow::Result<()> {
        let library = Arc::new(LibraryHandle::new(library(&[text])));
        let time = TimeSource::Manual(self.world.clock.clone());
        self.world.engine =
            Engine::new(self.world.db.db.clone(), library, time, Arc::new(IdSource::seeded(99)));
        self.world.engine.publish().await?;
        Ok(())
    }

    /// A lead whom nobody answered twice: in the three days of `pause`.
    async fn pausing(&self, number: &str) -> anyhow::Result<LeadId> {
        Ok(self.all_pausing(&[number]).await?[0])
    }

    async fn all_pausing(&self, numbers: &[&str]) -> anyhow::Result<Vec<LeadId>> {
        let mut leads = Vec::new();
        for number in numbers {
            leads.push(self.world.welcomed(number).await?.0);
        }
        for _ in 0..2 {
            self.world.dial(&self.provider).await?;
            for lead in &leads {
                let attempt = self.world.last(*lead).await?.id;
                self.world.record(no_answer(attempt, self.world.now())).await?;
            }
            self.world.pass(TimeDelta::hours(2));
        }
        self.world.plan().await?;
        for lead in &leads {
            assert_eq!(self.walk(*lead).await?.enrollment.position.step, "pause");
        }
        Ok(leads)
    }

    async fn walk(&self, lead: LeadId) -> anyhow::Result<Walk> {
        self.world.walk(lead).await
    }

    async fn plan(&self, request: &PublishRequest) -> anyhow::Result<PublicationPlan> {
        Ok(self.world.engine.plan_publication(request).await?)
    }

    async fn apply(&self, request: &PublishRequest) -> anyhow::Result<PublicationView> {
        let plan = self.plan(request).await?;
        let token = plan.token.ok_or_else(|| anyhow::anyhow!("{:?}", plan.problems))?;
        let view = self.world.engine.apply_publication(&token).await?;
        self.sound().await?;
        Ok(view)
    }

    /// Moves everybody who can be moved.
    async fn move_all(&self) -> anyhow::Result<u64> {
        loop {
            let report = self.world.engine.move_enrollments(100).await?;
            self.sound().await?;
            if !report.has_more() {
                return Ok(report.left);
            }
        }
    }

    async fn publish(&self, request: &PublishRequest) -> anyhow::Result<PublicationView> {
        let view = self.apply(request).await?;
        self.move_all().await?;
        Ok(self.world.engine.publication(view.publication_id).await?)
    }

    async fn sound(&self) -> anyhow::Result<()> {
        sound::check(&self.world.db.db).await
    }

    fn hash(&self) -> String {
        self.world.engine.library.current().bundle("welcome").expect("the cadence").hash.clone()
    }
}

fn code(error: &EngineError) -> &str {
    match error {
        EngineError::Conflict { code, .. } => code,
        _ => "another error",
    }
}

on_both! {
    async fn a_plan_changes_nothing_and_pin_leaves_everybody_where_they_are(db) {
        let desk = Desk::open(db).await?;
        let lead = desk.pausing(ALICE).await?;
        let before = desk.walk(lead).await?.enrollment;
        desk.edit("wait: 3 days", "wait: 1 day");
        let plan = desk.plan(&request(Mode::Pin)).await?;
        assert_eq!((plan.running, plan.stays, plan.moves), (1, 1, 0));
        assert_eq!(plan.changes.iter().map(ToString::to_string).collect::<Vec<_>>(), ["step pause: wait: 3 days -> 1 day"]);
        let view = desk.publish(&request(Mode::Pin)).await?;
        assert_eq!((view.moved, view.state.as_str()), (0, "done"));
        let after = desk.walk(lead).await?.enrollment;
        assert_eq!((&after.version, after.due_at, &after.position), (&before.version, before.due_at, &before.position));
        let (new, _) = desk.world.welcomed(BOB).await?;
        assert_eq!(desk.walk(new).await?.enrollment.version, desk.hash());
    }

    async fn followers_wake_earlier_by_a_shorter_wait_and_their_events_say_so(db) {
        let desk = Desk::open(db).await?;
        let lead = desk.pausing(ALICE).await?;
        let since = desk.walk(lead).await?.enrollment.position.due_since;
        desk.edit("wait: 3 days", "wait: 1 day");
        let plan = desk.plan(&request(Mode::Follow)).await?;
        assert_eq!((plan.moves, plan.earlier, plan.at_once, plan.later), (1, 1, 0, 0));
        assert_eq!(plan.earliest, Some(since + TimeDelta::days(1)));
        let view = desk.publish(&request(Mode::Follow)).await?;
        assert_eq!((view.moved, view.ended, view.state.as_str()), (1, 0, "done"));
        let moved = desk.walk(lead).await?.enrollment;
        assert_eq!((moved.version.clone(), moved.due_at), (desk.hash(), Some(since + TimeDelta::days(1))));
        let events = desk.world.events(lead).await?;
        let event = &events.iter().find(|found| found.event.kind == "enrollment.migrated").expect("the event").event;
        assert_eq!((event.data["shift"].as_str(), event.version.as_deref()), (Some("earlier"), Some(desk.hash().as_str())));
        desk.world.clock.advance_to(since + TimeDelta::days(1));
        assert_eq!(desk.world.dial(&desk.provider).await?.accepted, 1);
        assert_eq!(desk.world.last(lead).await?.step, "second");
    }

    async fn waits_that_are_over_by_the_new_version_lead_to_calls_at_the_rate(db) {
        let desk = Desk::open(db).await?;
        let leads = desk.all_pausing(&[ALICE, BOB, CAROL]).await?;
        desk.world.pass(TimeDelta::hours(24));
        desk.edit("wait: 3 days", "wait: 1 hour");
        let follow = PublishRequest { rate: 2, ..request(Mode::Follow) };
        let plan = desk.plan(&follow).await?;
        assert_eq!((plan.at_once, plan.at_once_until), (3, Some(desk.world.now() + TimeDelta::seconds(90))));
        assert_eq!(desk.publish(&follow).await?.at_once, 3);
        let mut due = Vec::new();
        for lead in &leads {
            let walk = desk.walk(*lead).await?.enrollment;
            assert_eq!((walk.position.step.as_str(), walk.position.due_since), ("second", walk.due_at.expect("a timer")));
            due.push((walk.due_at.expect("a timer") - desk.world.now()).num_seconds());
        }
        due.sort_unstable();
        assert_eq!(due, [0, 30, 60]);
        desk.world.pass(TimeDelta::minutes(2));
        assert_eq!(desk.world.dial(&desk.provider).await?.accepted, 3, "nobody is too late for a call of six hours");
    }

    async fn who_is_in_a_call_moves_when_it_has_settled_and_its_outcome_counts_as_it_was_placed(db) {
        let desk = Desk::open(db).await?;
        let (lead, _) = desk.world.welcomed(ALICE).await?;
        let (other, _) = desk.world.welcomed(BOB).await?;
        desk.world.dial(&desk.provider).await?;
        desk.edit("declined: { end: not_interested }", "declined: { end: maybe_later }");
        let plan = desk.plan(&request(Mode::Follow)).await?;
        assert_eq!((plan.moves, plan.in_calls, plan.in_doubt), (0, 2, 0));
        let view = desk.publish(&request(Mode::Follow)).await?;
        assert_eq!((view.moved, view.state.as_str()), (0, "moving"));
        assert_eq!(desk.move_all().await?, 2);
        let attempt = desk.world.last(lead).await?.id;
        desk.world.record(declined(attempt, noon())).await?;
        assert_eq!(desk.walk(lead).await?.result.as_deref(), Some("not_interested"), "by the version of the call");
        let attempt = desk.world.last(other).await?.id;
        desk.world.record(no_answer(attempt, noon())).await?;
        assert_ne!(desk.walk(other).await?.enrollment.version, desk.hash());
        assert_eq!(desk.move_all().await?, 0);
        let moved = desk.walk(other).await?.enrollment;
        assert_eq!((moved.version.as_str(), moved.position.attempt), (desk.hash().as_str(), 2));
        assert_eq!(desk.world.engine.publication(view.publication_id).await?.state.as_str(), "done");
        desk.world.pass(TimeDelta::hours(2));
        desk.world.dial(&desk.provider).await?;
        let attempt = desk.world.last(other).await?.id;
        desk.world.record(declined(attempt, desk.world.now())).await?;
        assert_eq!(desk.walk(other).await?.result.as_deref(), Some("maybe_later"), "by the new one");
    }

    async fn a_call_in_doubt_is_left_alone_until_it_is_known(db) {
        let mut desk = Desk::open(db).await?;
        let (lead, _) = desk.world.welcomed(ALICE).await?;
        desk.provider = Fake::default().answering(Placement::Unknown { reason: "time-out".to_owned() });
        desk.world.dial(&desk.provider).await?;
        desk.edit("wait: 3 days", "wait: 1 day");
        let plan = desk.plan(&request(Mode::Follow)).await?;
        assert_eq!((plan.in_calls, plan.in_doubt), (1, 1));
        desk.publish(&request(Mode::Follow)).await?;
        assert_eq!(desk.world.states(lead).await?, ["unknown"]);
        desk.world.pass(TimeDelta::minutes(5));
        desk.world.reconcile(&desk.provider).await?;
        assert_eq!(desk.world.states(lead).await?, ["not_placed"]);
        desk.world.plan().await?;
        assert_eq!(desk.walk(lead).await?.enrollment.version, desk.hash(), "due before its batch, so moved by the plan");
        assert_eq!(desk.world.dial(&desk.provider).await?.accepted, 1);
        assert_eq!((desk.provider.asked().len(), desk.world.last(lead).await?.version), (2, desk.hash()));
    }

    async fn a_planned_call_is_taken_back_and_planned_again_by_the_new_version(db) {
        let desk = Desk::open(db).await?;
        let (lead, _) = desk.world.welcomed(ALICE).await?;
        desk.world.plan().await?;
        desk.edit("wait: 3 days", "wait: 1 day");
        assert_eq!(desk.publish(&request(Mode::Follow)).await?.moved, 1);
        assert_eq!(desk.world.states(lead).await?, ["cancelled"]);
        assert_eq!(desk.world.dial(&desk.provider).await?.accepted, 1);
        let last = desk.world.last(lead).await?;
        assert_eq!((last.version, last.attempt), (desk.hash(), 1));
        assert_eq!(desk.provider.asked().len(), 1);
    }

    async fn a_paused_enrollment_moves_and_stays_paused(db) {
        let desk = Desk::open(db).await?;
        let (lead, enrollment) = desk.world.welcomed(ALICE).await?;
        desk.world.engine.pause(enrollment).await?;
        desk.edit("wait: 3 days", "wait: 1 day");
        assert_eq!(desk.publish(&request(Mode::Follow)).await?.moved, 1);
        let walk = desk.walk(lead).await?;
        assert_eq!((walk.hold.as_deref(), walk.enrollment.version), (Some("paused"), desk.hash()));
        desk.world.engine.resume(enrollment).await?;
        assert_eq!(desk.world.dial(&desk.provider).await?.accepted, 1);
    }

    async fn who_stands_on_a_removed_step_must_be_mapped_to_migrate(db) {
        let desk = Desk::open(db).await?;
        let lead = desk.pausing(ALICE).await?;
        desk.edit("  - id: pause\n    wait: 3 days\n", "");
        let plan = desk.plan(&request(Mode::Migrate)).await?;
        assert_eq!((plan.token, plan.problems.len()), (None, 1));
        assert!(plan.problems[0].contains("--map pause=STEP"), "{:?}", plan.problems);
        let wrong = PublishRequest { steps: StepMap::from([("pause".to_owned(), MapTo::new("thrid"))]), ..request(Mode::Migrate) };
        assert!(desk.plan(&wrong).await?.problems[0].contains("did you mean `third`?"));
        let right = PublishRequest { steps: StepMap::from([("pause".to_owned(), MapTo::new("third"))]), ..request(Mode::Migrate) };
        let plan = desk.plan(&right).await?;
        assert_eq!((plan.steps[0].to.as_deref(), plan.steps[0].because), (Some("third"), "mapped"));
        desk.publish(&right).await?;
        assert_eq!(desk.walk(lead).await?.enrollment.position.step, "third");
    }

    async fn a_map_can_send_people_out_and_follow_leads_them_on(db) {
        let desk = Desk::open(db).await?;
        let (out, on) = (desk.pausing(ALICE).await?, desk.pausing(BOB).await?);
        desk.edit("  - id: pause\n    wait: 3 days\n", "");
        let out_map = StepMap::from([("pause".to_owned(), MapTo::new("end"))]);
        assert_eq!(desk.plan(&PublishRequest { steps: out_map.clone(), ..request(Mode::Migrate) }).await?.ends, 2);
        let follow = desk.plan(&request(Mode::Follow)).await?;
        assert_eq!((follow.moves, follow.steps[0].to.as_deref(), follow.steps[0].because), (2, Some("second"), "removed"));
        desk.world.engine.end_enrollment(desk.walk(on).await?.enrollment.id, "left").await?;
        let view = desk.publish(&PublishRequest { steps: out_map, ..request(Mode::Migrate) }).await?;
        assert_eq!((view.ended, desk.walk(out).await?.result.as_deref()), (1, Some("step_removed")));
    }

    async fn a_plan_that_things_have_overtaken_is_not_applied(db) {
        let desk = Desk::open(db).await?;
        desk.pausing(ALICE).await?;
        desk.edit("wait: 3 days", "wait: 1 day");
        let token = desk.plan(&request(Mode::Follow)).await?.token.expect("a token");
        // The server picks the very files up in between: new enrollments get them already.
        desk.world.engine.publish().await?;
        let error = desk.world.engine.apply_publication(&token).await.expect_err("a refusal");
        assert_eq!(code(&error), "plan-outdated");
        assert!(error.to_string().contains("plan again"), "{error}");
        let token = desk.plan(&request(Mode::Follow)).await?.token.expect("a token");
        desk.edit("wait: 3 days", "wait: 2 days");
        desk.world.engine.apply_publication(&token).await?;
        let unpublished = desk.plan(&request(Mode::Follow)).await?.token.expect("a token");
        desk.edit("wait: 3 days", "wait: 4 days");
        let error = desk.world.engine.apply_publication(&unpublished).await.expect_err("a refusal");
        assert_eq!(code(&error), "plan-outdated", "{error}");
    }

    async fn variables_that_the_new_version_reads_and_nobody_brings_are_counted(db) {
        let desk = Desk::open(db).await?;
        desk.pausing(ALICE).await?;
        let lead = desk.world.lead(BOB).await?;
        let mut brings = desk.world.request(lead, "welcome");
        brings.variables = serde_json::json!({"offer": {"percent": 10}});
        desk.world.try_enroll(brings).await?.map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
        desk.edit("    valid_for: 6 hours\n", "    valid_for: 6 hours\n    if: offer.percent > 5\n");
        let plan = desk.plan(&request(Mode::Follow)).await?;
        assert_eq!(plan.empty.iter().map(|e| (e.variable.as_str(), e.people)).collect::<Vec<_>>(), [("offer.percent", 1)]);
    }

    async fn a_rolled_back_version_stays_whatever_the_files_still_say(db) {
        let mut desk = Desk::open(db).await?;
        let first = desk.hash();
        let edited = OUTREACH.replace("wait: 3 days", "wait: 1 day");
        desk.restart_with(&edited).await?;
        let second = desk.hash();
        let lead = desk.pausing(ALICE).await?;
        assert_eq!(desk.walk(lead).await?.enrollment.version, second);
        let back = PublishRequest { to: Some(first[..12].to_owned()), ..request(Mode::Follow) };
        desk.publish(&back).await?;
        assert_eq!(desk.walk(lead).await?.enrollment.version, first);
        desk.restart_with(&edited).await?;
        let (new, _) = desk.world.welcomed(BOB).await?;
        assert_eq!(desk.walk(new).await?.enrollment.version, first, "the same files again decide nothing");
        desk.restart_with(&OUTREACH.replace("wait: 3 days", "wait: 2 days")).await?;
        let (newest, _) = desk.world.welcomed(CAROL).await?;
        assert_eq!(desk.walk(newest).await?.enrollment.version, desk.hash(), "changed files do");
    }

    async fn a_withdrawn_version_is_handed_out_no_more(db) {
        let mut desk = Desk::open(db).await?;
        let first = desk.hash();
        let stays = desk.pausing(ALICE).await?;
        let edited = OUTREACH.replace("wait: 3 days", "wait: 1 day");
        desk.restart_with(&edited).await?;
        let second = desk.hash();
        let moves = desk.pausing(BOB).await?;
        let view = desk.world.engine.withdraw(&Withdrawal::new(&second, Mode::Follow)).await?;
        assert_eq!(view.version.as_deref(), Some(first.as_str()));
        desk.move_all().await?;
        for lead in [stays, moves] {
            assert_eq!(desk.walk(lead).await?.enrollment.version, first);
        }
        desk.restart_with(&edited).await?;
        let (new, _) = desk.world.welcomed(CAROL).await?;
        assert_eq!(desk.walk(new).await?.enrollment.version, first);
        let history = desk.world.engine.history("welcome").await?;
        let lines: Vec<_> = history.versions.iter().map(|v| (v.version.clone(), v.is_head, v.withdrawn_at.is_some(), v.running)).collect();
        assert_eq!(lines, [(second, false, true, 0), (first, true, false, 3)]);
        assert_eq!(history.publications.iter().map(|p| p.kind.as_str()).collect::<Vec<_>>(), ["withdraw", "files", "files"]);
    }

    async fn without_a_version_left_nobody_enrolls_and_people_end_or_stay(db) {
        let desk = Desk::open(db).await?;
        let (hash, lead) = (desk.hash(), desk.pausing(ALICE).await?);
        let error = desk.world.engine.withdraw(&Withdrawal::new(&hash, Mode::Follow)).await.expect_err("a refusal");
        assert_eq!(code(&error), "nothing-left");
        desk.world.engine.withdraw(&Withdrawal::new(&hash[..8], Mode::End)).await?;
        desk.move_all().await?;
        assert_eq!(desk.walk(lead).await?.result.as_deref(), Some("withdrawn"));
        let other = desk.world.lead(BOB).await?;
        let answer = desk.world.try_enroll(desk.world.request(other, "welcome")).await?;
        assert_eq!(answer.err().map(|refusal| refusal.reason).as_deref(), Some("cadence-withdrawn"));
        // Published by hand it is in force again.
        desk.publish(&request(Mode::Pin)).await?;
        desk.world.enroll(other, "welcome").await?;
    }

    async fn a_crash_between_batches_loses_nobody(db) {
        let desk = Desk::open(db).await?;
        let leads = desk.all_pausing(&[ALICE, BOB, CAROL]).await?;
        desk.edit("wait: 3 days", "wait: 1 day");
        let view = desk.apply(&request(Mode::Follow)).await?;
        let report = desk.world.engine.move_enrollments(1).await?;
        assert_eq!((report.moved, report.has_more()), (1, true));
        // Another process, with nothing but the database.
        let other = desk.world.restarted(5);
        while other.move_enrollments(1).await?.has_more() {}
        let view = other.publication(view.publication_id).await?;
        assert_eq!((view.moved, view.state.as_str()), (3, "done"));
        for lead in leads {
            assert_eq!(desk.walk(lead).await?.enrollment.version, desk.hash());
            assert_eq!(desk.world.count(lead, "enrollment.migrated").await?, 1);
        }
    }

    async fn who_comes_due_before_their_batch_begins_nothing_by_the_old_version(db) {
        let desk = Desk::open(db).await?;
        let lead = desk.pausing(ALICE).await?;
        desk.edit("  - id: second\n    call: hello\n    valid_for: 6 hours\n", "");
        desk.apply(&request(Mode::Follow)).await?;
        desk.world.pass(TimeDelta::days(4));
        assert_eq!(desk.world.dial(&desk.provider).await?.accepted, 0);
        let walk = desk.walk(lead).await?.enrollment;
        assert_eq!((walk.version.as_str(), walk.position.visit > 1), (desk.hash().as_str(), true));
        desk.world.plan().await?;
        assert_eq!(desk.walk(lead).await?.enrollment.position.step, "paid", "not the call that is gone");
    }

    async fn a_later_publication_takes_over_whom_an_earlier_one_has_left(db) {
        let desk = Desk::open(db).await?;
        let (a, b) = (desk.pausing(ALICE).await?, desk.pausing(BOB).await?);
        desk.edit("wait: 3 days", "wait: 2 days");
        let first = desk.apply(&request(Mode::Follow)).await?;
        desk.world.engine.move_enrollments(1).await?;
        desk.edit("wait: 3 days", "wait: 1 day");
        let second = desk.publish(&request(Mode::Follow)).await?;
        assert_eq!(desk.world.engine.publication(first.publication_id).await?.state.as_str(), "superseded");
        assert_eq!((second.moved, second.from_versions.len()), (2, 2));
        for lead in [a, b] {
            assert_eq!(desk.walk(lead).await?.enrollment.version, desk.hash());
        }
    }
}
