//! The carrier by itself: its books, faults and deliveries, without an engine.

use std::sync::atomic::{AtomicI64, Ordering as Atomic};

use callwright_engine::clock::{instant_from_micros, micros};
use callwright_engine::id::IdSource;
use callwright_engine::phone::number::PhoneNumber;

use super::super::audit::{Audit, Evidence};
use super::super::behaviour::{Behaviour, End, Profile, Scripted, Seeded, Wish};
use super::*;

pub struct Desk {
    pub carrier: SimulatedCarrier,
    clock: Arc<AtomicI64>,
    ids: IdSource,
}

impl Desk {
    pub fn new(source: impl BehaviourSource + 'static, faults: Faults) -> Self {
        let clock = Arc::new(AtomicI64::new(micros(noon())));
        let reader = clock.clone();
        let now: Now = Arc::new(move || instant_from_micros(reader.load(Atomic::SeqCst)));
        Self { carrier: SimulatedCarrier::new(now, 5, source, faults), clock, ids: IdSource::seeded(1) }
    }

    fn answering(faults: Faults) -> Self {
        Self::new(Scripted::otherwise(answered(60)), faults)
    }

    pub fn asked(&self, attempt: u32) -> Asked {
        Asked {
            attempt_id: self.ids.next(noon()),
            enrollment_id: None,
            number: PhoneNumber::e164_only(&format!("+1212555{:04}", attempt % 10_000)).unwrap(),
            step: "first".to_owned(),
            visit: 1,
            attempt,
            callback_url: None,
        }
    }

    /// Places a call as `place` does, with an empty conversation: a permit is the gates' to give.
    pub fn place(&self, asked: Asked) -> Placement {
        let now = (self.carrier.now)();
        let taken = self.carrier.take_with(asked, now, 600, |_| Conversation::default());
        self.carrier.enter(&mut self.carrier.state(), taken, now)
    }

    fn wait(&self, seconds: i64) {
        self.clock.fetch_add(seconds * 1_000_000, Atomic::SeqCst);
    }

    fn due(&self) -> Vec<ReportedFact> {
        self.carrier.due((self.carrier.now)())
    }

    fn find(&self, attempt_id: AttemptId) -> LookUpResult {
        self.carrier.find(attempt_id)
    }
}

pub fn noon() -> Instant {
    "2026-07-01T16:00:00Z".parse().unwrap()
}

fn answered(talk_s: u32) -> Behaviour {
    Behaviour { ring_s: 10, end: End::Answered { wants: Wish::Accept, talk_s } }
}

fn keys(facts: &[ReportedFact]) -> Vec<&str> {
    facts.iter().map(|fact| fact.key.as_str()).collect()
}

#[test]
fn facts_come_as_the_clock_reaches_them() {
    let desk = Desk::answering(Faults::default());
    assert!(matches!(desk.place(desk.asked(1)), Placement::Accepted { .. }));
    assert!(desk.due().is_empty());
    assert_eq!(desk.carrier.next_at(), Some(noon() + TimeDelta::seconds(10)));
    desk.wait(10);
    assert_eq!(keys(&desk.due()), ["answered"]);
    desk.wait(60);
    assert_eq!(keys(&desk.due()), ["conversation", "ended"]);
    assert_eq!(desk.carrier.next_at(), None);
}

#[test]
fn an_unanswered_call_has_one_fact() {
    let desk = Desk::new(Scripted::default(), Faults::default());
    desk.place(desk.asked(1));
    desk.wait(25);
    let facts = desk.due();
    assert_eq!(facts.len(), 1);
    assert_eq!(facts[0].fact, Fact::Ended { status: EndStatus::NoAnswer, talk_s: 0 });
}

#[test]
fn talk_is_cut_at_the_longest_duration() {
    let desk = Desk::new(Scripted::otherwise(answered(5_000)), Faults::default());
    desk.place(desk.asked(1));
    assert_eq!(desk.carrier.with_ledger(|ledger| ledger.entries()[0].end.unwrap().talk_s), 600);
}

#[test]
fn a_call_whose_answer_was_lost_is_found_again() {
    let desk = Desk::answering(Faults { timeout_after_accept: 1.0, ..Faults::default() });
    let asked = desk.asked(1);
    assert!(matches!(desk.place(asked.clone()), Placement::Unknown { .. }));
    assert!(matches!(desk.find(asked.attempt_id), LookUpResult::Found { .. }));
    desk.wait(100);
    assert_eq!(desk.due().len(), 3);
}

#[test]
fn a_request_that_never_arrived_is_absent_and_in_the_books_as_no_call() {
    let desk = Desk::answering(Faults { timeout_before_accept: 1.0, ..Faults::default() });
    let asked = desk.asked(1);
    assert!(matches!(desk.place(asked.clone()), Placement::Unknown { .. }));
    assert_eq!(desk.find(asked.attempt_id), LookUpResult::Absent);
    let audit = desk.carrier.with_ledger(|ledger| Audit::of(ledger, &Evidence::default()));
    assert_eq!((audit.requests, audit.calls), (1, 0));
}

#[test]
fn a_late_call_is_absent_until_it_starts_and_found_before_a_look_up_is_conclusive() {
    let desk = Desk::answering(Faults { late_accept: 1.0, ..Faults::default() });
    let asked = desk.asked(1);
    desk.place(asked.clone());
    assert_eq!(desk.find(asked.attempt_id), LookUpResult::Absent);
    desk.wait(SimulatedCarrier::CONCLUSIVE_AFTER.num_seconds());
    assert!(matches!(desk.find(asked.attempt_id), LookUpResult::Found { .. }));
}

#[test]
fn lost_callbacks_come_with_a_look_up() {
    let desk = Desk::answering(Faults { lose_callback: 1.0, ..Faults::default() });
    let asked = desk.asked(1);
    desk.place(asked.clone());
    desk.wait(200);
    assert!(desk.due().is_empty());
    desk.find(asked.attempt_id);
    assert_eq!(keys(&desk.due()), ["answered", "conversation", "ended"]);
}

#[test]
fn a_call_we_hang_up_reports_its_end_and_nothing_more() {
    let desk = Desk::answering(Faults::default());
    let Placement::Accepted { provider_call_id } = desk.place(desk.asked(1)) else { panic!("refused") };
    desk.wait(12);
    desk.due();
    desk.carrier.state().cut_off(&provider_call_id, noon() + TimeDelta::seconds(12), EndStatus::Canceled);
    desk.carrier.state().cut_off(&provider_call_id, noon() + TimeDelta::seconds(12), EndStatus::Canceled);
    desk.wait(1_000);
    assert_eq!(keys(&desk.due()), [HUNG_UP]);
}

#[test]
fn troubled_callbacks_are_the_same_facts_in_another_order() {
    let calm = Desk::answering(Faults::default());
    let troubled = Desk::answering(Faults {
        duplicate_callback: 0.5,
        reorder_callback: 0.5,
        late_callback: 0.3,
        ..Faults::default()
    });
    let mut seen = [Vec::new(), Vec::new()];
    for (desk, seen) in [&calm, &troubled].into_iter().zip(&mut seen) {
        for attempt in 1..200 {
            desk.place(desk.asked(attempt));
        }
        desk.wait(7_200);
        let mut facts: Vec<String> = desk
            .due()
            .iter()
            .map(|fact| format!("{} {} {:?}", fact.attempt_id, fact.key, fact.fact))
            .collect();
        facts.sort();
        facts.dedup();
        *seen = facts;
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(troubled.carrier.fired().len(), 3, "every declared fault fired");
}

#[test]
fn the_same_faults_happen_without_a_network() {
    let calls = |faults: Faults| {
        let desk = Desk::answering(faults);
        let placement = desk.place(desk.asked(1));
        (
            placement,
            desk.carrier.with_ledger(|ledger| ledger.calls_of(ledger.entries()[0].attempt_id).count()),
        )
    };
    let unknown = |faults| matches!(calls(faults), (Placement::Unknown { .. }, 1));
    assert!(unknown(Faults { reset_after_accept: 1.0, ..Faults::default() }));
    assert!(unknown(Faults { slow_answer: 1.0, ..Faults::default() }));
    let (placement, made) = calls(Faults { reset_before_accept: 1.0, ..Faults::default() });
    assert!(matches!((placement, made), (Placement::Unknown { .. }, 0)));
    let (placement, made) = calls(Faults { too_many_requests: 1.0, ..Faults::default() });
    assert!(matches!((placement, made), (Placement::Busy { .. }, 0)));
}

#[test]
fn an_early_callback_is_due_before_the_request_is_answered() {
    let desk = Desk::answering(Faults { early_callback: 1.0, ..Faults::default() });
    desk.place(desk.asked(1));
    assert_eq!(keys(&desk.due()), ["ringing"]);
}

#[test]
fn a_forged_callback_comes_again() {
    let desk = Desk::answering(Faults { forge_callback: 1.0, ..Faults::default() });
    desk.place(desk.asked(1));
    desk.wait(10);
    assert!(desk.due().is_empty());
    desk.wait(i64::from(Faults::FORGED_AGAIN_S));
    assert_eq!(keys(&desk.due()), ["answered"]);
}

#[test]
fn look_ups_fail_and_lists_are_behind_but_not_for_long() {
    let desk = Desk::answering(Faults { fail_look_up: 1.0, ..Faults::default() });
    let asked = desk.asked(1);
    desk.place(asked.clone());
    assert!(matches!(desk.find(asked.attempt_id), LookUpResult::Failed { .. }));
    for faults in [
        Faults { lag_look_up: 1.0, late_accept: 1.0, ..Faults::default() },
        Faults { stale_look_up: 1.0, late_accept: 1.0, ..Faults::default() },
    ] {
        let desk = Desk::answering(faults);
        let asked = desk.asked(1);
        desk.place(asked.clone());
        assert_eq!(desk.find(asked.attempt_id), LookUpResult::Absent);
        desk.wait(SimulatedCarrier::CONCLUSIVE_AFTER.num_seconds());
        assert!(matches!(desk.find(asked.attempt_id), LookUpResult::Found { .. }), "{faults:?}");
    }
}

#[test]
fn calls_beyond_the_carriers_rate_begin_later_and_are_counted() {
    let desk = Desk::new(Scripted::default(), Faults { calls_per_second: 0.1, ..Faults::default() });
    (1..=3).for_each(|attempt| drop(desk.place(desk.asked(attempt))));
    let audit = desk.carrier.with_ledger(|ledger| Audit::of(ledger, &Evidence::default()));
    assert_eq!((audit.calls, audit.queued), (3, 2));
    let starts: Vec<i64> = desk.carrier.with_ledger(|ledger| {
        ledger.entries().iter().map(|entry| (entry.starts_at() - noon()).num_seconds()).collect()
    });
    assert_eq!(starts, [0, 10, 20]);
}

#[test]
fn faults_can_be_changed_and_calls_under_way_go_on_as_they_began() {
    let desk = Desk::answering(Faults { late_accept: 1.0, ..Faults::default() });
    let asked = desk.asked(1);
    desk.place(asked.clone());
    desk.carrier.set_faults(Faults::default());
    assert_eq!(desk.find(asked.attempt_id), LookUpResult::Absent, "it is still on its way");
    assert!(matches!(desk.place(desk.asked(2)), Placement::Accepted { .. }));
}

#[test]
fn the_calls_of_a_dead_process_are_reported_as_failed() {
    let before = Desk::answering(Faults::default());
    before.place(before.asked(1));
    let entries = before.carrier.with_ledger(|ledger| ledger.entries().to_vec());

    let after = Desk::answering(Faults::default());
    after.carrier.restore(entries);
    let facts = after.due();
    assert_eq!(facts[0].fact, Fact::Ended { status: EndStatus::Failed, talk_s: 0 });
    assert_eq!(after.carrier.with_ledger(|ledger| ledger.entries().len()), 1);
}

#[test]
fn two_carriers_with_one_seed_keep_the_same_books() {
    let books = || {
        let source = Seeded { seed: 11, profile: Profile::default() };
        let desk = Desk::new(source, Faults::everything(0.1));
        (1..500).for_each(|attempt| drop(desk.place(desk.asked(attempt))));
        desk.carrier.with_ledger(|ledger| ledger.entries().to_vec())
    };
    assert_eq!(books(), books());
}

#[test]
fn a_hundred_thousand_calls_take_seconds() {
    let desk = Desk::new(Seeded { seed: 1, profile: Profile::default() }, Faults::default());
    let began = std::time::Instant::now();
    for attempt in 0..100_000 {
        desk.place(desk.asked(attempt));
    }
    desk.wait(86_400);
    let facts = desk.due().len();
    assert!(facts > 100_000);
    // Generous: this runs unoptimised beside other tests.
    assert!(began.elapsed().as_secs() < 120, "{:?}", began.elapsed());
}
