//! Every step kind, every outcome, over small cadences built in code.

use std::collections::BTreeMap;

use chrono::{TimeDelta, Weekday};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::definitions::model::cadence::{
    CadenceStep, CallStep, ExitRule, Limits, OutcomeRule, Reentry, SplitArm, StepAction, Then, Wait,
};
use crate::domain::outcome::Outcome;
use crate::domain::priority::Priority;
use crate::time::duration::Delay;
use crate::time::{DaySet, LocalTime};

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

/// Wednesday noon in New York.
fn now() -> Instant {
    at("2026-07-15T16:00:00Z")
}

fn expression(source: &str) -> Expression {
    Expression::compile(source).unwrap()
}

fn step(id: &str, action: StepAction, next: Option<usize>) -> CadenceStep {
    CadenceStep { id: id.to_owned(), condition: None, action, next }
}

fn cadence(steps: Vec<CadenceStep>) -> Cadence {
    Cadence {
        key: "test".to_owned(),
        title: "Test".to_owned(),
        targets: Vec::new(),
        enter_when: None,
        reentry: Reentry::AfterEnd,
        exits: Vec::new(),
        hours: None,
        limits: Limits::default(),
        caps: std::sync::Arc::default(),
        priority: Priority::Medium,
        variables: BTreeMap::new(),
        steps,
    }
}

fn call(flow: &str, outcomes: &[(&str, OutcomeRule)]) -> StepAction {
    let outcomes = outcomes.iter().map(|(name, rule)| ((*name).to_owned(), rule.clone())).collect();
    StepAction::Call(CallStep { flow: flow.to_owned(), valid_for: None, outcomes })
}

fn end(result: &str) -> StepAction {
    StepAction::End { result: result.to_owned() }
}

fn hours(hours: i64) -> Delay {
    Delay::Exact(TimeDelta::hours(hours))
}

fn position(step: &str, due_since: Instant) -> Position {
    Position { step: step.to_owned(), visit: 1, attempt: 1, due_since, promised: false }
}

fn walk(step: &str) -> WalkState {
    WalkState {
        lead_id: LeadId(uuid::Uuid::from_u128(7)),
        position: position(step, now()),
        waiting_event: None,
        placed: 0,
        zone: Zone::find("America/New_York").unwrap(),
        holidays: HolidayCalendar::none(),
    }
}

fn nothing() -> Value {
    json!({"lead": {"status": "cold", "score": 55}})
}

fn entered(cadence: &Cadence, step: &str) -> Move {
    enter(cadence, &walk(step), &nothing, now()).unwrap()
}

fn passed(step: &str) -> StepEffect {
    StepEffect::Passed { step: step.to_owned() }
}

fn result(moved: &Move) -> Option<&str> {
    match &moved.next {
        Next::Ended { result, .. } => Some(result),
        _ => None,
    }
}

fn due(moved: &Move) -> Option<(&str, Instant)> {
    match &moved.next {
        Next::Due { position, at } => Some((&position.step, *at)),
        _ => None,
    }
}

#[test]
fn a_call_step_asks_for_its_flow() {
    let cadence = cadence(vec![step("first", call("new-lead", &[]), None)]);
    let moved = entered(&cadence, "first");
    let position = position("first", now());
    assert_eq!(
        moved,
        Move {
            effects: vec![],
            next: Next::Call { position, flow: "new-lead".to_owned(), valid_until: None }
        }
    );
}

#[rstest]
#[case::in_time(59, Some("2026-07-15T16:01:00Z"))]
#[case::over(60, None)]
fn a_call_that_is_no_longer_worth_placing_is_skipped(
    #[case] minutes_late: i64,
    #[case] valid_until: Option<&str>,
) {
    let action = StepAction::Call(CallStep {
        flow: "f".to_owned(),
        valid_for: Some(TimeDelta::hours(1)),
        outcomes: BTreeMap::new(),
    });
    let cadence = cadence(vec![step("offer", action, None)]);
    let late =
        WalkState { position: position("offer", now() - TimeDelta::minutes(minutes_late)), ..walk("offer") };
    let moved = enter(&cadence, &late, &nothing, now()).unwrap();
    let Some(end) = valid_until else {
        let reason = "too-late".to_owned();
        assert_eq!(moved.effects, [StepEffect::Skipped { step: "offer".to_owned(), reason }]);
        assert_eq!(result(&moved), Some("completed"));
        return;
    };
    assert!(matches!(moved.next, Next::Call { valid_until: Some(until), .. } if until == at(end)));
}

#[rstest]
#[case::exact(Wait::For(hours(5)), "2026-07-15T21:00:00Z")]
#[case::business_days(Wait::For(Delay::BusinessDays(3)), "2026-07-20T16:00:00Z")]
#[case::weekday(Wait::Until { days: DaySet::of(Weekday::Fri), at: LocalTime::hm(9, 30).unwrap() }, "2026-07-17T13:30:00Z")]
fn a_wait_ends_at_a_fixed_instant(#[case] wait: Wait, #[case] ends: &str) {
    let cadence =
        cadence(vec![step("pause", StepAction::Wait(wait), Some(1)), step("call", call("f", &[]), None)]);
    let moved = entered(&cadence, "pause");
    assert_eq!(due(&moved), Some(("pause", at(ends))));
    // Looked at again too early, nothing changes; at its end, the call has been due since then.
    let early = enter(&cadence, &walk("pause"), &nothing, at(ends) - TimeDelta::seconds(1)).unwrap();
    assert_eq!(due(&early), Some(("pause", at(ends))));
    let late = enter(&cadence, &walk("pause"), &nothing, at(ends) + TimeDelta::hours(9)).unwrap();
    assert_eq!(late.effects, [passed("pause")]);
    assert!(matches!(late.next, Next::Call { position, .. } if position.due_since == at(ends)));
}

#[test]
fn steps_that_contact_nobody_are_done_in_one_move() {
    let cadence = cadence(vec![
        step(
            "task",
            StepAction::Task { title: "Look".to_owned(), due: Some(Delay::BusinessDays(1)) },
            Some(1),
        ),
        step("hook", StepAction::Webhook { endpoint: "crm".to_owned() }, Some(2)),
        step("also", StepAction::Enroll { cadence: "other".to_owned() }, Some(3)),
        step("end", end("done"), None),
    ]);
    let moved = entered(&cadence, "task");
    let expected = [
        StepEffect::Task { title: "Look".to_owned(), due_at: Some(at("2026-07-16T16:00:00Z")) },
        passed("task"),
        StepEffect::Webhook { endpoint: "crm".to_owned(), step: "hook".to_owned() },
        passed("hook"),
        StepEffect::Enroll { cadence: "other".to_owned() },
        passed("also"),
        passed("end"),
    ];
    assert_eq!(moved.effects, expected);
    assert_eq!(result(&moved), Some("done"));
}

#[test]
fn a_changed_lead_is_written_before_the_next_condition_looks() {
    let fields =
        BTreeMap::from([("status".to_owned(), expression("'trial' if lead.score > 50 else lead.status"))]);
    let cadence =
        cadence(vec![step("update", StepAction::Update { fields }, Some(1)), step("end", end("done"), None)]);
    let moved = entered(&cadence, "update");
    assert_eq!(moved.effects[0], StepEffect::Update { field: "status".to_owned(), value: json!("trial") });
    assert_eq!(due(&moved), Some(("end", now())));
}

#[test]
fn conditions_skip_and_branches_choose() {
    let mut steps = vec![
        step("vip", call("vip", &[]), Some(1)),
        step(
            "by-score",
            StepAction::Branch(vec![(expression("lead.score > 90"), 2), (expression("lead.score > 50"), 3)]),
            Some(2),
        ),
        step("cold", end("cold"), None),
        step("warm", end("warm"), None),
    ];
    steps[0].condition = Some(expression("lead.status == \"customer\""));
    let moved = entered(&cadence(steps), "vip");
    assert_eq!(
        moved.effects[0],
        StepEffect::Skipped { step: "vip".to_owned(), reason: "condition".to_owned() }
    );
    assert_eq!(result(&moved), Some("warm"));
}

#[test]
fn a_message_waits_for_the_gates_and_then_goes_on() {
    let message =
        StepAction::Message { channel: Channel::Sms, script: "missed".to_owned(), text: "body".to_owned() };
    let cadence = cadence(vec![step("text", message, Some(1)), step("end", end("done"), None)]);
    let Next::Message { position, channel: Channel::Sms, .. } = entered(&cadence, "text").next else {
        panic!()
    };
    let after = after_step(&cadence, &position, now()).unwrap();
    assert_eq!((after.effects.as_slice(), due(&after)), (&[passed("text")][..], Some(("end", now()))));
}

#[test]
fn switching_leaves_for_the_other_cadence() {
    let cadence = cadence(vec![step("away", StepAction::Switch { cadence: "nurture".to_owned() }, None)]);
    let ended = Next::Ended { result: "switched".to_owned(), enroll: Some("nurture".to_owned()) };
    assert_eq!(entered(&cadence, "away").next, ended);
}

#[test]
fn a_loop_without_a_wait_is_a_fault() {
    let back = StepAction::Branch(Vec::new());
    let cadence = cadence(vec![step("a", back.clone(), Some(1)), step("b", back, Some(0))]);
    let fault = enter(&cadence, &walk("a"), &nothing, now()).unwrap_err();
    assert!(matches!(fault, Fault::Runaway { steps: 64, .. }));
}

#[test]
fn a_step_that_is_gone_is_a_fault() {
    let fault = enter(&cadence(Vec::new()), &walk("ghost"), &nothing, now()).unwrap_err();
    assert_eq!(fault.to_string(), "the cadence `test` has no step `ghost`");
}

fn waiting() -> Cadence {
    let wait = Wait::Event {
        event: "MESSAGE_RECEIVED".to_owned(),
        condition: Some(expression("event.text == 'yes'")),
        timeout: Delay::Exact(TimeDelta::days(3)),
        then: Some(1),
        on_timeout: Some(2),
    };
    cadence(vec![
        step("reply", StepAction::Wait(wait), None),
        step("answer", end("answered"), None),
        step("last", end("silent"), None),
    ])
}

#[test]
fn an_event_wait_begins_when_it_is_entered_and_can_run_out() {
    let cadence = waiting();
    let late = now() + TimeDelta::days(9);
    let Next::AwaitEvent { position, event, until } =
        enter(&cadence, &walk("reply"), &nothing, late).unwrap().next
    else {
        panic!()
    };
    assert_eq!((event.as_str(), until), ("MESSAGE_RECEIVED", late + TimeDelta::days(3)));
    let begun = WalkState { position, waiting_event: Some(event), ..walk("reply") };
    let early = enter(&cadence, &begun, &nothing, until - TimeDelta::seconds(1)).unwrap();
    assert!(matches!(early.next, Next::AwaitEvent { until: same, .. } if same == until));
    assert_eq!(result(&enter(&cadence, &begun, &nothing, until).unwrap()), Some("silent"));
}

#[rstest]
#[case::the_one("MESSAGE_RECEIVED", "yes", true)]
#[case::condition_fails("MESSAGE_RECEIVED", "no", false)]
#[case::another("MEETING_BOOKED", "yes", false)]
fn the_event_that_is_waited_for_moves_on(#[case] kind: &str, #[case] text: &str, #[case] moves: bool) {
    let begun = WalkState { waiting_event: Some("MESSAGE_RECEIVED".to_owned()), ..walk("reply") };
    let variables = || json!({"event": {"type": kind, "text": text}});
    let moved = on_event(&waiting(), &begun, kind, &variables, now()).unwrap();
    assert_eq!(moved.as_ref().and_then(due), moves.then_some(("answer", now())));
}

fn with_exits() -> Cadence {
    let rule = |event: Option<&str>, condition: &str, result: &str, enroll: Option<&str>| ExitRule {
        event: event.map(str::to_owned),
        condition: Some(expression(condition)),
        result: result.to_owned(),
        enroll: enroll.map(str::to_owned),
    };
    Cadence {
        exits: vec![
            rule(Some("TRIAL_SIGNUP_OFFERED"), "event.agentAccepted", "converted", Some("trial-nurture")),
            rule(None, "lead.status == 'customer'", "already_customer", None),
        ],
        ..cadence(vec![step("first", call("f", &[]), None)])
    }
}

#[rstest]
#[case::accepted("TRIAL_SIGNUP_OFFERED", true, "cold", Some("converted"))]
#[case::declined("TRIAL_SIGNUP_OFFERED", false, "cold", None)]
#[case::any_event_looks_at_plain_rules("NOTE", false, "customer", Some("already_customer"))]
fn exit_rules_end_the_enrollment(
    #[case] kind: &str,
    #[case] accepted: bool,
    #[case] status: &str,
    #[case] expected: Option<&str>,
) {
    let variables = || json!({"event": {"agentAccepted": accepted}, "lead": {"status": status}});
    let moved = on_event(&with_exits(), &walk("first"), kind, &variables, now()).unwrap();
    assert_eq!(moved.as_ref().and_then(result), expected);
}

#[test]
fn plain_exit_rules_are_looked_at_before_every_step() {
    let customer = || json!({"lead": {"status": "customer"}});
    let moved = enter(&with_exits(), &walk("first"), &customer, now()).unwrap();
    assert_eq!(result(&moved), Some("already_customer"));
}

fn retrying() -> Cadence {
    let retry = OutcomeRule { retry: 3, after: vec![hours(4), Delay::BusinessDays(1)], then: Then::Go(2) };
    let outcomes = [
        ("no_answer", retry),
        (
            "not_now",
            OutcomeRule { then: Then::End { result: "not_now".to_owned() }, ..OutcomeRule::default() },
        ),
        ("default", OutcomeRule { then: Then::Go(1), ..OutcomeRule::default() }),
    ];
    cadence(vec![
        step("first", call("f", &outcomes), Some(1)),
        step("second", call("f", &[]), None),
        step("text", end("texted"), None),
    ])
}

fn ended_call(
    cadence: &Cadence,
    attempt: u32,
    outcome: Outcome,
    disposition: &str,
    asked: Option<Instant>,
) -> Move {
    let walk = WalkState { position: Position { attempt, ..position("first", now()) }, ..walk("first") };
    after_call(cadence, &walk, outcome, disposition, asked, now()).unwrap()
}

#[rstest]
#[case::first_delay(1, Some(("first", "2026-07-15T20:00:00Z", 2)))]
#[case::second_delay(2, Some(("first", "2026-07-16T16:00:00Z", 3)))]
#[case::the_last_repeats(3, Some(("first", "2026-07-16T16:00:00Z", 4)))]
#[case::exhausted(4, Some(("text", "2026-07-15T16:00:00Z", 1)))]
fn retries_follow_their_delays(#[case] attempt: u32, #[case] expected: Option<(&str, &str, u32)>) {
    let moved = ended_call(&retrying(), attempt, Outcome::NoAnswer, "no_answer", None);
    let Next::Due { position, at: due_at } = &moved.next else { panic!("{moved:?}") };
    let found = (position.step.as_str(), *due_at, position.attempt);
    assert_eq!(Some(found), expected.map(|(step, due_at, attempt)| (step, at(due_at), attempt)));
    assert_eq!(position.visit, 1);
}

#[rstest]
#[case::by_disposition(Outcome::Answered, "not_now", Err("not_now"))]
#[case::by_default(Outcome::Busy, "busy", Ok("second"))]
#[case::opted_out_always_ends(Outcome::OptedOut, "not_now", Err("opted_out"))]
#[case::wrong_number_is_not_a_default(Outcome::WrongNumber, "wrong_number", Err("wrong_number"))]
fn outcomes_lead_where_they_are_told(
    #[case] outcome: Outcome,
    #[case] disposition: &str,
    #[case] expected: Result<&str, &str>,
) {
    let moved = ended_call(&retrying(), 1, outcome, disposition, None);
    let found = due(&moved).map(|(step, _)| step).ok_or_else(|| result(&moved).unwrap());
    assert_eq!(found, expected);
}

#[test]
fn a_call_back_comes_when_asked_and_is_promised() {
    let asked = now() + TimeDelta::hours(3);
    let moved = ended_call(&retrying(), 2, Outcome::CallbackRequested, "callback_requested", Some(asked));
    let expected =
        Position { visit: 2, attempt: 1, due_since: asked, promised: true, ..position("first", now()) };
    assert_eq!(moved.next, Next::Due { position: expected, at: asked });
}

#[test]
fn a_call_back_without_a_time_comes_a_day_later_and_is_no_promise() {
    let moved = ended_call(&retrying(), 1, Outcome::CallbackRequested, "callback_requested", None);
    let Next::Due { position, at: due_at } = moved.next else { panic!() };
    assert_eq!((due_at, position.promised, position.visit), (now() + TimeDelta::days(1), false, 2));
}

#[test]
fn an_unlisted_outcome_goes_on() {
    let cadence = cadence(vec![step("first", call("f", &[]), Some(1)), step("end", end("done"), None)]);
    let moved = ended_call(&cadence, 1, Outcome::Answered, "chatted", None);
    assert_eq!((moved.effects.as_slice(), due(&moved)), (&[passed("first")][..], Some(("end", now()))));
}

#[test]
fn going_back_is_a_new_visit() {
    let back = OutcomeRule { then: Then::Go(0), ..OutcomeRule::default() };
    let cadence =
        cadence(vec![step("a", call("f", &[]), Some(1)), step("b", call("f", &[("default", back)]), None)]);
    let walk = walk("b");
    let Next::Due { position, .. } =
        after_call(&cadence, &walk, Outcome::Busy, "busy", None, now()).unwrap().next
    else {
        panic!()
    };
    assert_eq!((position.step.as_str(), position.visit), ("a", 2));
}

#[test]
fn an_outcome_at_a_step_that_is_no_call_is_a_fault() {
    let cadence = cadence(vec![step("end", end("done"), None)]);
    let fault = after_call(&cadence, &walk("end"), Outcome::Busy, "busy", None, now()).unwrap_err();
    assert_eq!(fault, Fault::NotACall { step: "end".to_owned() });
}

#[test]
fn a_refused_step_ends_with_the_gates_reason() {
    assert_eq!(result(&on_refused(Reason::Suppressed)), Some("suppressed"));
}

#[rstest]
#[case::never_twice(Reentry::Never, 900, Some("entered-before"))]
#[case::after_its_end(Reentry::AfterEnd, 1, None)]
#[case::too_soon(Reentry::After(TimeDelta::days(90)), 89, Some("entered-recently"))]
#[case::long_enough(Reentry::After(TimeDelta::days(90)), 90, None)]
fn reentry_follows_its_rule(#[case] reentry: Reentry, #[case] days_ago: i64, #[case] expected: Option<&str>) {
    let cadence = Cadence { reentry, ..cadence(Vec::new()) };
    let previous = Some(now() - TimeDelta::days(days_ago));
    let refused = may_enter(&cadence, previous, &nothing, now()).err().map(|refusal| refusal.reason);
    assert_eq!(refused, expected);
    assert_eq!(may_enter(&cadence, None, &nothing, now()), Ok(()));
}

#[test]
fn only_leads_who_meet_the_condition_enter() {
    let cadence = Cadence { enter_when: Some(expression("lead.status == 'trial'")), ..cadence(Vec::new()) };
    let refusal = may_enter(&cadence, None, &nothing, now()).unwrap_err();
    assert_eq!(refusal.message, "the lead does not meet `lead.status == 'trial'`");
}

fn arms(shares: &[u32]) -> Vec<SplitArm> {
    shares
        .iter()
        .enumerate()
        .map(|(index, share)| SplitArm { arm: index.to_string(), share: *share, first: index })
        .collect()
}

#[test]
fn splits_keep_their_shares_over_many_leads() {
    let arms = arms(&[20, 50, 30]);
    let mut counts = [0; 3];
    for lead in 0..10_000u128 {
        counts[arm(&arms, LeadId(uuid::Uuid::from_u128(lead)), "c", "s").unwrap().first] += 1;
    }
    for (count, share) in counts.into_iter().zip([2_000, 5_000, 3_000]) {
        assert!((share - 200..share + 200).contains(&count), "{counts:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_lead_always_takes_the_same_arm(lead in any::<u128>(), shares in prop::collection::vec(0u32..100, 1..5)) {
        let arms = arms(&shares);
        let lead = LeadId(uuid::Uuid::from_u128(lead));
        let taken = arm(&arms, lead, "c", "s").map(|arm| arm.first);
        prop_assert_eq!(taken, arm(&arms, lead, "c", "s").map(|arm| arm.first));
        prop_assert_eq!(taken.is_some(), shares.iter().any(|share| *share > 0));
        prop_assert!(taken.is_none_or(|arm| shares[arm] > 0));
    }

    #[test]
    fn a_move_never_lies_in_the_past(late in 0i64..10_000, attempt in 1u32..8) {
        let late = now() + TimeDelta::minutes(late);
        let walk = WalkState { position: Position { attempt, ..position("first", now()) }, ..walk("first") };
        for outcome in Outcome::ALL {
            let moved = after_call(&retrying(), &walk, *outcome, outcome.as_str(), Some(now()), late).unwrap();
            if let Next::Due { at, position } = moved.next {
                prop_assert!(at >= late && position.due_since == at);
            }
        }
    }
}
