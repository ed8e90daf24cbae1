//! What is offered where.

use super::super::complete::{Completion, complete};
use super::bench;

fn offered(path: &str, text: &str) -> Vec<String> {
    with(&[(path, text)]).into_iter().map(|each| each.label).collect()
}

fn with(files: &[(&str, &str)]) -> Vec<Completion> {
    let bench = bench(files);
    complete(&bench.project, &bench.path, bench.offset)
}

fn holds(found: &[String], expected: &[&str]) {
    for word in expected {
        assert!(found.iter().any(|each| each == word), "{word} is not among {found:?}");
    }
}

const FLOW: &str = "flows/x.yaml";
const CADENCE: &str = "cadences/x.yaml";
const SCRIPT: &str = "flows/scripts/x.yaml";

#[test]
fn an_empty_file_begins_with_its_required_keys() {
    assert_eq!(offered(FLOW, "‸")[..3], ["flow", "title", "steps"]);
    holds(&offered(SCRIPT, "sc‸"), &["script", "languages"]);
}

#[test]
fn keys_of_the_schema_come_with_their_documentation_and_without_those_already_there() {
    let found = with(&[(FLOW, "flow: x\ntitle: X\n‸\nsteps:\n  a: { end: done }\n")]);
    let keys: Vec<&str> = found.iter().map(|each| each.label.as_str()).collect();
    assert!(keys.contains(&"voicemail") && !keys.contains(&"title"), "{keys:?}");
    let voicemail = found.iter().find(|each| each.label == "voicemail").expect("voicemail");
    assert!(voicemail.docs.as_deref().is_some_and(|docs| docs.contains("machine")), "{voicemail:?}");
    assert_eq!(voicemail.insert, "voicemail: ");
}

#[test]
fn keys_of_a_step_are_offered_in_both_styles_also_unclosed() {
    for text in [
        "flow: x\nsteps:\n  a:\n    say: hi\n    ‸\n",
        "flow: x\nsteps:\n  a:\n    sa‸\n  b: { end: done }\n",
        "flow: x\nsteps:\n  a: { say: hi, ‸ }\n",
        "flow: x\nsteps:\n  a: { say: hi, n‸\n  b: { end: done }\n",
    ] {
        holds(&offered(FLOW, text), &["next", "ask_consent", "end"]);
    }
    let found = offered(CADENCE, "cadence: x\nsteps:\n  - ‸\n");
    holds(&found, &["call", "wait", "id"]);
}

#[test]
fn steps_are_offered_as_targets() {
    let text = "flow: x\nsteps:\n  a: { say: hi, next: ‸\n  bee: { end: done }\n  cee: { end: done }\n";
    assert_eq!(offered(FLOW, text), ["a", "bee", "cee"]);
    let text =
        "flow: x\nsteps:\n  a:\n    ask: q\n    then: { accept: b‸, default: bee }\n  bee: { end: done }\n";
    assert_eq!(offered(FLOW, text), ["a", "bee"]);
}

#[test]
fn steps_of_the_own_arm_are_offered_by_their_short_names() {
    let text = "cadence: x\nsteps:\n  - id: s\n    split:\n      - arm: one\n        share: 50\n        steps:\n          \
                - { id: i, call: promo }\n          - { id: j, task: t, next: ‸ }\n      - arm: two\n        share: 50\n        \
                steps: [{ id: k, end: done }]\n  - { id: last, end: done }\n";
    assert_eq!(offered(CADENCE, text), ["s", "i", "j", "s/two/k", "last"]);
}

#[test]
fn a_cadence_goes_by_outcomes_and_by_the_endings_of_its_flow() {
    let text = "cadence: x\nsteps:\n  - id: one\n    call: price-drop\n    then:\n      no_answer: { end: none }\n      ‸\n";
    let found = offered(CADENCE, text);
    holds(&found, &["busy", "voicemail", "declined", "default", "callback_requested"]);
    assert!(!found.contains(&"no_answer".to_owned()), "it is there already: {found:?}");
}

#[test]
fn a_rule_for_an_outcome_is_a_step_or_keys() {
    let text = "cadence: x\nsteps:\n  - id: one\n    call: price-drop\n    then:\n      busy: { ‸ }\n  - { id: two, end: done }\n";
    holds(&offered(CADENCE, text), &["retry", "after", "call_back"]);
    let text = "cadence: x\nsteps:\n  - id: one\n    call: price-drop\n    then:\n      busy: ‸\n  - { id: two, end: done }\n";
    holds(&offered(CADENCE, text), &["one", "two"]);
}

#[test]
fn flows_scripts_and_cadences_are_offered_by_name_and_title() {
    let found = with(&[(CADENCE, "cadence: x\nsteps:\n  - call: ‸\n")]);
    let price = found.iter().find(|each| each.label == "price-drop").expect("price-drop");
    assert_eq!(price.detail.as_deref(), Some("flows/price-drop.yaml"));
    assert!(price.docs.as_deref().is_some_and(|docs| docs.contains("price drop")));
    holds(&offered(FLOW, "flow: x\nscript: ‸\n"), &["price-drop", "common"]);
    holds(&offered(CADENCE, "cadence: x\nsteps:\n  - enroll: ‸\n"), &["promo", "x"]);
    holds(
        &offered(CADENCE, "cadence: x\nsteps:\n  - message: { channel: sms, script: ‸ }\n"),
        &["missed-you"],
    );
}

#[test]
fn texts_of_the_script_and_shared_ones_are_offered_with_their_words() {
    let found = with(&[(FLOW, "flow: x\nscript: price-drop\nsteps:\n  a: { say: ‸ }\n")]);
    let labels: Vec<&str> = found.iter().map(|each| each.label.as_str()).collect();
    assert!(labels.contains(&"refund_done") && labels.contains(&"goodbye"), "{labels:?}");
    let goodbye = found.iter().find(|each| each.label == "goodbye").expect("goodbye");
    assert!(goodbye.docs.as_deref().is_some_and(|docs| docs.contains("Thank you")));
    let text = "flow: x\nscript: price-drop\nsteps:\n  a:\n    say:\n      - greeting\n      - ‸\n";
    holds(&offered(FLOW, text), &["offer"]);
}

#[test]
fn answers_of_the_script_are_offered_where_a_question_leads() {
    let text =
        "flow: x\nscript: price-drop\nsteps:\n  a:\n    ask: offer\n    then: { ‸\n  b: { end: done }\n";
    let found = offered(FLOW, text);
    holds(&found, &["accept", "decline", "later", "agent", "default", "no_input"]);
    let text = "flow: x\nsteps:\n  a: { ask_consent: recording, then: { ‸ } }\n";
    assert_eq!(offered(FLOW, text), ["granted", "default"]);
    let text = "flow: x\nsteps:\n  a: { transfer: agent, then: { ‸ } }\n";
    holds(&offered(FLOW, text), &["bridged", "busy"]);
}

#[test]
fn words_of_the_schema_zones_and_events_are_offered() {
    assert_eq!(offered(CADENCE, "cadence: x\npriority: ‸\n"), ["high", "medium", "low"]);
    holds(
        &offered(CADENCE, "cadence: x\nhours: { between: 09:00-10:00, zone: A‸ }\n"),
        &["lead", "Asia/Kolkata"],
    );
    holds(&offered(CADENCE, "cadence: x\nexit:\n  - when_event: ‸\n"), &["OFFER_ACCEPTED"]);
    holds(&offered(FLOW, "flow: x\nsteps:\n  a: { recording: ‸ }\n"), &["start", "stop"]);
    holds(&offered(FLOW, "flow: x\nsteps:\n  a: { opt_out: ‸ }\n"), &["true", "false"]);
    holds(&offered(SCRIPT, "script: x\nlanguages:\n  ‸\n"), &["en", "hi-Latn"]);
}

#[test]
fn variables_are_offered_in_texts_and_conditions_with_their_fields() {
    let text =
        |inside: &str| format!("script: x\nlanguages:\n  en:\n    texts:\n      a: Hi {inside} there\n");
    holds(&offered(SCRIPT, &text("{{ ‸ }}")), &["lead", "offer", "answers"]);
    let found = with(&[(SCRIPT, &text("{{ lead.f‸ }}"))]);
    let first = found.iter().find(|each| each.label == "firstName").expect("firstName");
    assert_eq!((first.replace.len(), first.detail.as_deref()), (1, Some("\"Alice\"")));
    assert!(first.docs.is_some());
    holds(&offered(SCRIPT, &text("{{ lead.custom.‸")), &["plan"]);
    holds(&offered(SCRIPT, &text("{% if product.‸ %}")), &["name", "oldPrice"]);
    let condition = "cadence: x\nenter: { when: lead.‸ }\n";
    holds(&offered(CADENCE, condition), &["status", "score"]);
}

#[test]
fn variables_that_cadences_and_flows_declare_reach_the_script() {
    let script = "script: x\nlanguages:\n  en:\n    texts:\n      a: Hi {{ ‸ }}\n";
    let flow = ("flows/x.yaml", "flow: x\nuses: { seat: 12A }\nsteps:\n  a: { say: a, end: done }\n");
    let cadence = ("cadences/x.yaml", "cadence: x\nvariables: { booking: required }\nsteps:\n  - call: x\n");
    let found: Vec<String> =
        with(&[(SCRIPT, script), flow, cadence]).into_iter().map(|each| each.label).collect();
    holds(&found, &["seat", "booking"]);
}

#[test]
fn filters_are_offered_after_a_pipe() {
    let text =
        "script: x\nlanguages:\n  en:\n    texts:\n      a: >-\n        Costs {{ product.newPrice | mo‸ }}\n";
    holds(&offered(SCRIPT, text), &["money", "default", "date"]);
}

#[test]
fn compared_words_are_offered_inside_quotes() {
    holds(&offered(CADENCE, "cadence: x\nenter: { when: lead.status == \"‸\" }\n"), &["cold", "customer"]);
    holds(&offered(CADENCE, "cadence: x\nenter:\n  when: lead.status in [\"cold\", \"‸\n"), &["trial"]);
    holds(&offered(CADENCE, "cadence: x\nenter:\n  when: \"lead.segment != '‸'\"\n"), &["agencies"]);
}

#[test]
fn included_texts_are_offered_inside_quotes() {
    let text = "script: x\nlanguages:\n  en:\n    texts:\n      a: '{% include \"‸\" %}'\n      b: hello\n";
    holds(&offered(SCRIPT, text), &["b", "goodbye"]);
}
