//! A database restored from a backup (D2): nothing goes out while it is marked, calls that it does not know are adopted, and
//! an adopted call is like any other: it counts, keeps its number busy, and its callbacks move its enrollment on.

use callwright_engine::clock::Instant;
use callwright_engine::domain::call::EndStatus;
use callwright_engine::engine::recover::Adopted;
use callwright_engine::id::{AttemptId, EnrollmentId};
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::provider::{CallPurpose, FoundEnd, ListedCall, Placement};
use callwright_engine::store::suppression;
use chrono::TimeDelta;

use crate::facts::no_answer;
use crate::fake::Fake;
use crate::given::{ALICE, BOB, World, noon};
use crate::on_both;

impl World {
    async fn restored(&self) -> anyhow::Result<()> {
        Ok(self.engine.mark_recovering(self.now(), self.now()).await?)
    }

    async fn adopt(&self, calls: Vec<ListedCall>) -> anyhow::Result<Adopted> {
        let adopted = self.engine.adopt_calls(&Fake::default(), calls, |_| ()).await?;
        crate::sound::check(&self.db.db).await?;
        Ok(adopted)
    }

    async fn recovered(&self) -> anyhow::Result<bool> {
        Ok(self.engine.finish_recovery(serde_json::json!({})).await?)
    }

    fn fresh(&self) -> AttemptId {
        self.engine.ids.next(self.now())
    }
}

/// A call for the first try of `welcome`, still ringing.
fn call(attempt: AttemptId, number: &str, at: Instant) -> ListedCall {
    ListedCall {
        provider_call_id: Fake::call_id(attempt),
        attempt_id: Some(attempt),
        number: PhoneNumber::e164_only(number).expect("a number"),
        asked_at: at,
        purpose: None,
        end: None,
    }
}

fn for_try(call: ListedCall, enrollment_id: EnrollmentId, attempt: u32) -> ListedCall {
    let purpose = CallPurpose { enrollment_id, step: "first".to_owned(), visit: 1, attempt };
    ListedCall { purpose: Some(purpose), ..call }
}

fn unanswered(call: ListedCall) -> ListedCall {
    let end = FoundEnd { at: call.asked_at + TimeDelta::seconds(20), status: EndStatus::NoAnswer, talk_s: 0 };
    ListedCall { end: Some(end), ..call }
}

on_both! {
    async fn nothing_is_planned_or_claimed_before_it_is_reconciled(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let (planned, _) = world.welcomed(BOB).await?;
        world.plan().await?;
        let late = world.lead("+12024561212").await?;
        world.enroll(late, "welcome").await?;
        world.restored().await?;
        assert_eq!(world.plan().await?.planned, 0);
        let claimed = world.claim(&Fake::default()).await?;
        assert!(claimed.requests.is_empty());
        assert_eq!((world.states(lead).await?, world.states(planned).await?), (vec!["planned"], vec!["planned"]));
        assert_eq!(world.engine.next_wake().await?, None, "the dial loop rests");
        assert!(world.engine.why(lead, None).await?.text().contains("callwright reconcile"));
        assert!(world.recovered().await?);
        assert_eq!(world.dial(&Fake::default()).await?.accepted, 3);
    }

    async fn a_claim_that_was_committed_before_the_mark_asks_nobody(db) {
        let world = World::open(db).await?;
        world.welcomed(ALICE).await?;
        world.plan().await?;
        let provider = Fake::default();
        let claimed = world.claim(&provider).await?;
        assert_eq!(claimed.requests.len(), 1);
        world.restored().await?;
        assert_eq!(world.place(&provider, claimed.requests).await?.not_sent, 1);
        assert!(provider.asked().is_empty());
    }

    async fn the_mark_goes_with_an_event_and_only_once(db) {
        let world = World::open(db).await?;
        assert!(!world.recovered().await?);
        world.restored().await?;
        assert!(world.recovered().await?);
        assert!(!world.recovered().await?);
        assert_eq!(world.engine.recovering().await?, None);
    }

    async fn a_planned_call_that_was_made_is_taken_for_made(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        world.plan().await?;
        let attempt = world.last(lead).await?.id;
        world.restored().await?;
        let adopted = world.adopt(vec![call(attempt, ALICE, noon())]).await?;
        assert_eq!((adopted.adopted, adopted.known), (1, 0));
        assert_eq!(world.states(lead).await?, ["placed"]);
        world.recovered().await?;
        let provider = Fake::default();
        world.dial(&provider).await?;
        assert!(provider.asked().is_empty(), "it is not asked for again");
        world.record(no_answer(attempt, world.now())).await?;
        assert_eq!(world.states(lead).await?, ["finished"]);
        assert_eq!(world.walk(lead).await?.enrollment.position.attempt, 2);
    }

    async fn a_call_of_an_unknown_attempt_moves_its_enrollment_on(db) {
        let world = World::open(db).await?;
        let (lead, enrollment) = world.welcomed(ALICE).await?;
        world.restored().await?;
        let (first, second) = (world.fresh(), world.fresh());
        let at = noon() + TimeDelta::hours(1);
        let calls = vec![
            // As it came from the carrier, in no order.
            for_try(call(second, ALICE, at), enrollment, 2),
            unanswered(for_try(call(first, ALICE, noon()), enrollment, 1)),
        ];
        world.clock.advance_to(at);
        let adopted = world.adopt(calls.clone()).await?;
        assert_eq!((adopted.adopted, adopted.held, adopted.outside), (2, 0, 0));
        assert_eq!(world.states(lead).await?, ["finished", "placed"]);
        let walk = world.walk(lead).await?;
        assert_eq!((walk.enrollment.position.attempt, walk.enrollment.placed), (2, 2));
        assert_eq!(world.count(lead, "CALL_PLACED").await?, 2);

        let again = world.adopt(calls).await?;
        assert_eq!((again.adopted, again.known), (0, 2), "it may be repeated");
        world.recovered().await?;
        // Its callback comes late, and finds it.
        world.record(no_answer(second, world.now())).await?;
        assert_eq!(world.walk(lead).await?.enrollment.position.attempt, 3);
    }

    async fn an_end_in_the_list_is_recorded(db) {
        let world = World::open(db).await?;
        let (lead, enrollment) = world.welcomed(ALICE).await?;
        world.restored().await?;
        let attempt = world.fresh();
        let adopted = world.adopt(vec![unanswered(for_try(call(attempt, ALICE, noon()), enrollment, 1))]).await?;
        assert_eq!(adopted.ended, 1);
        let walk = world.walk(lead).await?;
        assert_eq!((walk.enrollment.state.as_str(), walk.enrollment.position.attempt), ("waiting", 2));
    }

    async fn a_callback_that_came_before_the_adoption_counts(db) {
        let world = World::open(db).await?;
        let (lead, enrollment) = world.welcomed(ALICE).await?;
        world.restored().await?;
        let attempt = world.fresh();
        world.record(no_answer(attempt, noon())).await?;
        world.adopt(vec![unanswered(for_try(call(attempt, ALICE, noon()), enrollment, 1))]).await?;
        assert_eq!(world.states(lead).await?, ["finished"]);
        assert_eq!(world.walk(lead).await?.enrollment.position.attempt, 2);
    }

    async fn a_call_that_goes_on_keeps_its_number_busy(db) {
        let world = World::open(db).await?;
        let (lead, enrollment) = world.welcomed(ALICE).await?;
        let (housemate, _) = world.welcomed(ALICE).await?;
        world.restored().await?;
        world.adopt(vec![for_try(call(world.fresh(), ALICE, noon()), enrollment, 1)]).await?;
        world.recovered().await?;
        let provider = Fake::default();
        world.dial(&provider).await?;
        assert!(provider.asked().is_empty());
        assert_eq!((world.states(lead).await?, world.states(housemate).await?.len()), (vec!["placed"], 0));
    }

    async fn calls_of_two_enrollments_to_one_number_are_both_adopted(db) {
        let world = World::open(db).await?;
        let (lead, enrollment) = world.welcomed(ALICE).await?;
        let (housemate, other) = world.welcomed(ALICE).await?;
        world.restored().await?;
        let at = noon() + TimeDelta::hours(1);
        world.clock.advance_to(at);
        let adopted = world
            .adopt(vec![
                for_try(call(world.fresh(), ALICE, at), other, 1),
                unanswered(for_try(call(world.fresh(), ALICE, noon()), enrollment, 1)),
            ])
            .await?;
        assert_eq!((adopted.adopted, adopted.held), (2, 0));
        assert_eq!((world.states(lead).await?, world.states(housemate).await?), (vec!["finished"], vec!["placed"]));
        assert_eq!(world.walk(lead).await?.enrollment.position.attempt, 2);
        assert_eq!(world.walk(housemate).await?.enrollment.state.as_str(), "open");
    }

    async fn without_a_purpose_the_one_step_it_could_be_is_meant(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        world.restored().await?;
        let untagged = ListedCall { attempt_id: None, ..call(world.fresh(), ALICE, noon()) };
        assert_eq!(world.adopt(vec![untagged]).await?.adopted, 1);
        let attempt = world.last(lead).await?;
        assert_eq!((attempt.step.as_str(), attempt.state.as_str()), ("first", "placed"));
    }

    async fn without_a_tag_number_and_time_find_the_attempt(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let doubt = Placement::Unknown { reason: "reset".to_owned() };
        let attempt = world.dialed(lead, &Fake::default().answering(doubt)).await?;
        world.restored().await?;
        let at = noon() + TimeDelta::seconds(2);
        let untagged = ListedCall { attempt_id: None, ..call(attempt, ALICE, at) };
        assert_eq!(world.adopt(vec![untagged]).await?.known, 1);
        assert_eq!(world.states(lead).await?, ["placed"]);
    }

    async fn several_calls_of_unknown_steps_hold_the_enrollment_for_people(db) {
        let world = World::open(db).await?;
        let (lead, enrollment) = world.welcomed(ALICE).await?;
        world.restored().await?;
        let later = noon() + TimeDelta::hours(1);
        let calls = [noon(), later]
            .map(|at| unanswered(ListedCall { attempt_id: None, ..call(world.fresh(), ALICE, at) }));
        world.clock.advance_to(later + TimeDelta::minutes(1));
        let adopted = world.adopt(calls.to_vec()).await?;
        assert_eq!((adopted.held, adopted.outside), (1, 2));
        let walk = world.walk(lead).await?;
        assert_eq!((walk.enrollment.state.as_str(), walk.hold.as_deref()), ("held", Some("recovered")));
        world.recovered().await?;
        let provider = Fake::default();
        world.dial(&provider).await?;
        assert!(provider.asked().is_empty());
        world.engine.resume(enrollment).await?;
        world.dial(&provider).await?;
        assert!(provider.asked().is_empty(), "the two calls count in the gap between calls");
        world.pass(TimeDelta::hours(1));
        world.dial(&provider).await?;
        assert_eq!(provider.asked().len(), 1);
    }

    async fn a_call_of_an_enrollment_that_is_lost_counts_for_its_lead(db) {
        let world = World::open(db).await?;
        let lead = world.lead(ALICE).await?;
        world.restored().await?;
        let lost: EnrollmentId = world.engine.ids.next(noon());
        let attempt = world.fresh();
        let adopted = world.adopt(vec![for_try(call(attempt, ALICE, noon()), lost, 1)]).await?;
        assert_eq!((adopted.outside, adopted.unattributed), (1, 0));
        world.recovered().await?;
        // The CRM enrolls the lead again.
        world.enroll(lead, "welcome").await?;
        let provider = Fake::default();
        world.dial(&provider).await?;
        assert!(provider.asked().is_empty(), "the number is busy");
        world.record(no_answer(attempt, world.now())).await?;
        assert_eq!(world.states(lead).await?, ["finished"]);
        world.dial(&provider).await?;
        assert!(provider.asked().is_empty(), "and the gap between calls holds");
        world.pass(TimeDelta::minutes(31));
        world.dial(&provider).await?;
        assert_eq!(provider.asked().len(), 1);
    }

    async fn a_number_of_nobody_on_file_rests(db) {
        let world = World::open(db).await?;
        world.restored().await?;
        let lost: EnrollmentId = world.engine.ids.next(noon());
        let adopted = world.adopt(vec![for_try(call(world.fresh(), BOB, noon()), lost, 1)]).await?;
        assert_eq!((adopted.unattributed, adopted.adopted), (1, 0));
        let mut tx = world.engine.db.begin_read().await?;
        let resting = suppression::of_numbers(&mut tx, &[BOB]).await?;
        tx.rollback().await?;
        assert_eq!(resting.iter().map(|entry| entry.expires_at).collect::<Vec<_>>(), [Some(noon() + TimeDelta::hours(24))]);
    }

    async fn a_call_made_before_its_lead_opted_out_is_on_file_and_nothing_follows(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        world.plan().await?;
        let attempt = world.last(lead).await?.id;
        world.restored().await?;
        world.engine.opt_out(lead, "asked", "api").await?;
        assert_eq!(world.states(lead).await?, ["cancelled"]);
        assert_eq!(world.adopt(vec![unanswered(call(attempt, ALICE, noon()))]).await?.adopted, 1);
        assert_eq!(world.states(lead).await?, ["finished"]);
        assert_eq!(world.walk(lead).await?.result.as_deref(), Some("opted_out"));
    }

    async fn a_callback_between_the_replay_of_a_stop_and_the_adoption_is_no_orphan(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        world.plan().await?;
        let attempt = world.last(lead).await?.id;
        world.restored().await?;
        // Said after the backup, in or after the call; replayed from the journal.
        world.engine.opt_out(lead, "asked", "journal").await?;
        assert_eq!(world.states(lead).await?, ["cancelled"]);
        let told = world.record(no_answer(attempt, noon() + TimeDelta::seconds(20))).await?;
        assert_eq!((told.orphans.len(), world.count(lead, "call.orphaned").await?), (0, 0));
        let adopted = world.adopt(vec![unanswered(call(attempt, ALICE, noon()))]).await?;
        assert_eq!((adopted.adopted, adopted.orphaned), (1, 0));
        assert_eq!(world.states(lead).await?, ["finished"]);
    }

    async fn an_attempt_under_way_at_the_backup_is_settled_by_later_calls(db) {
        let world = World::open(db).await?;
        let (lead, enrollment) = world.welcomed(ALICE).await?;
        let first = world.dialed(lead, &Fake::default()).await?;
        world.restored().await?;
        let at = noon() + TimeDelta::hours(1);
        world.clock.advance_to(at);
        let second = world.fresh();
        let adopted = world
            .adopt(vec![
                for_try(unanswered(call(first, ALICE, noon())), enrollment, 1),
                for_try(call(second, ALICE, at), enrollment, 2),
            ])
            .await?;
        assert_eq!((adopted.known, adopted.adopted), (1, 1));
        assert_eq!(world.states(lead).await?, ["finished", "placed"]);
        assert_eq!(world.walk(lead).await?.enrollment.position.attempt, 2);
    }

    async fn without_a_list_everybody_is_left_in_peace(db) {
        let world = World::open(db).await?;
        let (planned, _) = world.welcomed(ALICE).await?;
        world.plan().await?;
        let (waiting, _) = world.welcomed(BOB).await?;
        world.restored().await?;
        let held = world.engine.hold_back(TimeDelta::hours(24)).await?;
        assert_eq!(held.taken_back, 1);
        assert!(held.enrollments >= 1);
        world.recovered().await?;
        let provider = Fake::default();
        world.pass(TimeDelta::hours(23));
        world.dial(&provider).await?;
        assert!(provider.asked().is_empty());
        world.pass(TimeDelta::hours(2));
        world.dial(&provider).await?;
        assert_eq!(provider.asked().len(), 2);
        assert_eq!(world.states(planned).await?, ["cancelled", "placed"]);
        assert_eq!(world.states(waiting).await?, ["placed"]);
    }

    async fn the_list_is_conclusive_only_when_late_requests_have_arrived(db) {
        let world = World::open(db).await?;
        let provider = Fake::default();
        assert_eq!(world.engine.conclusive_in(&provider).await?, None);
        world.restored().await?;
        let at_once = world.engine.conclusive_in(&provider).await?.unwrap_or_default();
        assert!(at_once.as_secs() >= 59, "{at_once:?}");
        world.pass(Fake::T_REC);
        let later = world.engine.conclusive_in(&provider).await?.unwrap_or_default();
        assert!(later < at_once && later.as_secs() <= 10, "{later:?}");
    }
}

/// Used by the tests of the journal: who is not called.
pub async fn suppressed(world: &World, numbers: &[&str]) -> anyhow::Result<usize> {
    let mut tx = world.engine.db.begin_read().await?;
    let found = suppression::of_numbers(&mut tx, numbers).await?.len();
    tx.rollback().await?;
    Ok(found)
}
