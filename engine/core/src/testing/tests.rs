//! Tests of the tests: what passes, what fails and how it is said, and what counts as covered.

use super::{Report, run};
use crate::definitions::embedded;
use crate::definitions::library::Library;
use crate::definitions::schema::DefinitionKind;
use rstest::rstest;

fn library(test: &str) -> Library {
    let (library, problems) =
        Library::from_files(embedded::FILES.iter().copied().chain([("flows/x.test.yaml", test)]));
    assert_eq!(problems, []);
    library
}

fn play(test: &str) -> Report {
    run(&library(test), |_, _| true)
}

fn failure(test: &str) -> (String, String, String) {
    let report = play(test);
    let failed = report.files[0].cases.iter().find_map(|case| case.failure.clone()).expect("a case fails");
    (failed.message, failed.expected, failed.found)
}

const TALK: &str = "test: T\nflow: price-drop\ngiven: { lead: { firstName: Alice }, product: { name: Pen }, offer: { percent: 15, coupon: A-1 } }\ncases:\n  - case: one\n";
const WALK: &str =
    "test: T\ncadence: new-lead\ngiven: { lead: { zone: America/New_York } }\ncases:\n  - case: one\n";

#[test]
fn a_conversation_that_goes_as_written_passes() {
    let report = play(&format!(
        "{TALK}    talk:\n      - hear: {{ text: Is it okay if I record this for quality purposes? }}\n      - answer: \"yes\"\n      - hear: {{ matches: \"refund\\\\s+of 15 percent\" }}\n      - not_hear: goodbye\n      - press: 1\n      - hear: a-1\n    expect: {{ end: accepted, outcome: converted, recorded: true, score: 10, opted_out: false, call_back: false, consent: {{ recording: granted }}, answers: {{ refund: accept }}, events: [{{ type: OFFER_ACCEPTED, with: {{ product: Pen }} }}] }}\n"
    ));
    assert_eq!((report.passed(), report.failed()), (1, 0), "{report:?}");
    assert!(report.coverage.has_step(DefinitionKind::Flow, "price-drop", "refund"));
    assert!(!report.coverage.has_step(DefinitionKind::Flow, "price-drop", "declined"));
}

#[rstest]
#[case::unsaid("talk: [{ hear: purple elephants }]", "this is not said")]
#[case::said("talk: [{ not_hear: hi alice }]", "this is said")]
#[case::unfinished("talk: [{ answer: \"yes\" }]", "the call goes on: it waits for an answer")]
#[case::too_long(
    "talk: [{ hang_up: true }, { answer: \"yes\" }]",
    "the call has ended already, as `hung_up`"
)]
#[case::wrong_kind(
    "talk: [{ transfer: bridged }]",
    "this answers a transfer, but the flow waits for consent (recording)"
)]
#[case::wrong_end("talk: [{ hang_up: true }]\n    expect: { end: accepted }", "the end is not as expected")]
#[case::events(
    "talk: [{ hang_up: true }]\n    expect: { events: [OFFER_ACCEPTED] }",
    "the end is not as expected"
)]
#[case::not_recorded(
    "talk: [{ hang_up: true }]\n    expect: { recorded: true, opted_out: true, score: 1 }",
    "3 things at the end are not as expected"
)]
fn a_conversation_that_goes_otherwise_fails(#[case] case: &str, #[case] message: &str) {
    assert_eq!(failure(&format!("{TALK}    {case}\n")).0, message);
}

#[test]
fn a_flow_that_cannot_be_followed_fails_its_case() {
    let test = "test: T\nflow: price-drop\ncases:\n  - { case: no product, talk: [{ answer: \"yes\" }, { press: 1 }] }\n";
    let (message, ..) = failure(test);
    assert!(message.starts_with("the flow cannot be followed: text `offer`"), "{message}");
}

#[test]
fn tables_play_a_case_for_each_row() {
    let report = play(&format!(
        "{TALK}    talk: [{{ machine: true }}]\n  - case: \"{{{{ key }}}} means {{{{ end }}}}\"\n    each: [{{ key: 1, end: accepted }}, {{ key: 2, end: declined }}]\n    talk: [{{ answer: \"yes\" }}, {{ press: \"{{{{ key }}}}\" }}]\n    expect: {{ end: \"{{{{ end }}}}\" }}\n"
    ));
    let names: Vec<&str> = report.files[0].cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names, ["one", "1 means accepted", "2 means declined"]);
    assert_eq!(report.failed(), 0, "{report:?}");
}

#[test]
fn a_walk_comes_in_order_and_on_time() {
    let report = play(&format!(
        "{WALK}    walk:\n      - {{ call: first, at: \"mon 10:00\", outcome: no_answer }}\n      - {{ call: first, after: 4 hours, outcome: no_answer }}\n      - {{ call: first, at: \"2026-03-03 14:00\", outcome: voicemail }}\n      - {{ message: text }}\n      - {{ nothing: 1 day }}\n      - {{ event: MESSAGE_RECEIVED, after: 2 hours }}\n      - {{ task: answer }}\n    expect: {{ result: completed, calls: 3, score: 0, steps: [first, text, reply, answer, done] }}\n"
    ));
    assert_eq!(report.failed(), 0, "{report:?}");
}

#[test]
fn what_a_call_records_reaches_the_cadence() {
    let report = play(&format!(
        "{WALK}    walk:\n      - {{ call: first, talk: [{{ answer: \"yes\" }}, {{ press: 1 }}] }}\n      - {{ enroll: trial-nurture }}\n    expect: {{ result: converted, calls: 1, score: 20 }}\n"
    ));
    assert_eq!(report.failed(), 0, "{report:?}");
}

#[test]
fn a_promised_call_back_comes_at_the_time_asked() {
    let report = play(&format!(
        "{WALK}    walk:\n      - {{ call: first, outcome: callback_requested, asked: \"tue 08:30\" }}\n      - {{ call: first, at: \"tue 08:30\", outcome: declined }}\n    expect: {{ result: not_interested }}\n"
    ));
    assert_eq!(report.failed(), 0, "{report:?}");
}

#[rstest]
#[case::other_step("walk: [{ message: text }]", "something else happens")]
#[case::other_time("walk: [{ call: first, at: \"11:00\", outcome: busy }]", "call `first` at another time")]
#[case::too_early(
    "walk: [{ call: first, outcome: busy }, { call: first, after: 1 hour, outcome: busy }]",
    "call `first` at another time"
)]
#[case::not_quiet("walk: [{ nothing: 1 day }]", "before that: call `first` (Mon 2026-03-02 10:00)")]
#[case::no_outcome(
    "walk: [{ call: first }]",
    "say what becomes of the call: `outcome: no_answer`, or a `talk`"
)]
#[case::two_things(
    "walk: [{ call: first, message: text }]",
    "write exactly one of call, message, task, webhook, enroll, event, lead and nothing"
)]
#[case::unfinished(
    "walk: []\n    expect: { result: completed }",
    "before the end: call `first` (Mon 2026-03-02 10:00)"
)]
#[case::other_result(
    "walk: [{ call: first, outcome: declined }]\n    expect: { result: completed }",
    "the end is not as expected"
)]
#[case::admitted("walk: []\n    expect: { refused: entry-condition }", "the lead is admitted")]
fn a_walk_that_goes_otherwise_fails(#[case] case: &str, #[case] message: &str) {
    assert_eq!(failure(&format!("{WALK}    {case}\n")).0, message);
}

#[test]
fn leads_who_may_not_enter_are_refused_with_the_reason() {
    let test = "test: T\ncadence: new-lead\ngiven: { lead: { status: customer } }\ncases:\n  - { case: one, walk: [], expect: { refused: entry-condition } }\n  - { case: two, walk: [] }\n";
    let report = play(test);
    assert_eq!((report.passed(), report.failed()), (1, 1));
}

#[test]
fn coverage_names_the_lines_that_no_case_goes_through() {
    let library = library(&format!("{TALK}    talk: [{{ answer: \"yes\" }}, {{ press: 2 }}]\n"));
    let report = run(&library, |_, _| true);
    let figures = report.coverage.figures(&library);
    let flow =
        figures.iter().find(|each| each.key == "price-drop" && each.kind == DefinitionKind::Flow).unwrap();
    let missing: Vec<String> =
        flow.missing.iter().map(|missing| format!("{} {:?}", missing.step, missing.way.as_deref())).collect();
    insta::assert_snapshot!(missing.join("\n"));
    assert_eq!(flow.path, "flows/price-drop.yaml");
}

#[test]
fn arms_of_a_split_can_be_chosen() {
    let test = "test: T\ncadence: trial-nurture\ngiven: { lead: { status: trial, score: 10 }, arm: { nurture: message } }\ncases:\n  - case: one\n    walk:\n      - { call: check-in, at: \"thu 10:00\", outcome: no_decision }\n      - { message: nurture/message/upgrade-text }\n      - { event: UPGRADE_OFFERED, with: { accepted: true } }\n    expect: { result: converted }\n";
    let report = play(test);
    assert_eq!(report.failed(), 0, "{report:?}");
}
