//! Whole calls over the shipped flows, and small ones for what they do not show.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::callee::{Callee, ScriptedCallee, Wants, converse, leave_message};
use super::interpreter::{self, Expect, Expected, Input, Program, Prompt, TransferResult, Turn};
use super::session::{Conversation, Effect, Line, Session};
use crate::definitions::context;
use crate::definitions::embedded;
use crate::definitions::library::{Bundle, Library};
use crate::definitions::model::flow::{Exit, Flow};
use crate::domain::outcome::Outcome;
use rstest::rstest;

fn shipped(flow: &str) -> Arc<Bundle> {
    Library::embedded().flow_bundle(flow).unwrap()
}

/// A flow of its own, with the shared words.
fn written(flow: &str, script: &str) -> Arc<Bundle> {
    let files = embedded::FILES.iter().copied().filter(|(path, _)| path.ends_with("common.yaml"));
    let own = [("flows/test.yaml", flow), ("flows/scripts/test.yaml", script)];
    let (library, diagnostics) = Library::from_files(files.chain(own));
    library.flow_bundle("test").unwrap_or_else(|| panic!("{diagnostics:#?}"))
}

const WORDS: &str = "
script: test
title: Words of a test
fallback: [en]
languages:
  en:
    texts: { hello: Hello., question: Shall we?, fine: Fine. }
    answers: { accept: [gladly] }
";

fn said(text: &str) -> Input {
    Input::Said(text.to_owned())
}

fn play(bundle: &Bundle, flow: &str, inputs: Vec<Input>) -> Conversation {
    play_with(bundle, flow, &context::sample(), inputs)
}

fn play_with(bundle: &Bundle, flow: &str, variables: &Value, inputs: Vec<Input>) -> Conversation {
    converse(&Program::new(bundle, flow, variables), "en", &mut ScriptedCallee::inputs(inputs))
}

fn ended(talk: &Conversation) -> (Outcome, &str) {
    (talk.outcome(), talk.disposition())
}

fn events(talk: &Conversation) -> Vec<&str> {
    let kinds = talk.effects.iter().filter_map(|effect| match effect {
        Effect::Event { kind, .. } => Some(kind.as_str()),
        _ => None,
    });
    kinds.collect()
}

fn recorded(talk: &Conversation) -> bool {
    talk.effects.contains(&Effect::Recording { on: true })
}

fn heard(talk: &Conversation, words: &str) -> bool {
    talk.transcript.iter().any(|line| matches!(line, Line::Agent(text) if text.contains(words)))
}

#[test]
fn a_buyer_accepts_the_refund() {
    let talk = play(&shipped("price-drop"), "price-drop", vec![said("yes"), Input::Pressed('1')]);
    assert_eq!(ended(&talk), (Outcome::Converted, "accepted"));
    assert_eq!(events(&talk), ["OFFER_ACCEPTED"]);
    assert!(recorded(&talk) && heard(&talk, "Is it okay if I record this for quality purposes?"));
    assert_eq!(talk.nodes, ["greet", "consent", "ask", "record", "offer", "refund"]);
}

#[test]
fn a_cold_lead_accepts_in_hinglish() {
    let bundle = shipped("new-lead");
    let program = Program::new(&bundle, "new-lead", &context::sample());
    let turn = interpreter::start(&program, "hi-Latn");
    assert!(
        turn.prompts
            .iter()
            .all(|prompt| matches!(prompt, Prompt::Say { language, .. } if language == "hi-Latn"))
    );
    let turn = interpreter::resume(&program, turn.session, said("haan ji"));
    let turn = interpreter::resume(&program, turn.session, said("theek hai"));
    assert_eq!(ended(&turn.session.conversation), (Outcome::Converted, "converted"));
    let data = turn.session.conversation.effects.iter().find_map(|effect| match effect {
        Effect::Event { kind, data } if kind == "TRIAL_SIGNUP_OFFERED" => Some(data),
        _ => None,
    });
    assert_eq!(data, Some(&json!({"agentAccepted": true})));
}

#[rstest]
#[case::a_no(vec![said("no")])]
#[case::silence(vec![Input::Silence, Input::Silence])]
#[case::evasive(vec![said("who is this"), said("hm")])]
fn without_a_clear_yes_nothing_is_recorded_and_the_call_ends_politely(#[case] inputs: Vec<Input>) {
    let talk = play(&shipped("new-lead"), "new-lead", inputs);
    assert_eq!(ended(&talk), (Outcome::Answered, "recording_refused"));
    assert!(!recorded(&talk) && heard(&talk, "I will not record"));
}

#[test]
fn a_campaign_may_go_on_unrecorded() {
    let mut variables = context::sample();
    variables["campaign"]["continueUnrecorded"] = json!(true);
    let talk = play_with(&shipped("new-lead"), "new-lead", &variables, vec![said("no"), said("yes")]);
    assert_eq!(ended(&talk), (Outcome::Converted, "converted"));
    assert!(!recorded(&talk));
}

/// A flow as a careless author might get it past every check.
fn careless(bundle: &Bundle, spoil: impl FnOnce(&mut Flow)) -> BTreeMap<String, Arc<Flow>> {
    let mut flow = Flow::clone(&bundle.flows["test"]);
    spoil(&mut flow);
    BTreeMap::from([("test".to_owned(), Arc::new(flow))])
}

#[test]
fn a_flow_that_ignores_a_refusal_is_ended_by_the_interpreter() {
    let flow = "
flow: test
title: Asks and goes on
steps:
  consent: { ask_consent: recording, then: { granted: record, default: over } }
  record: { recording: start, next: ask }
  ask: { ask: question, then: { accept: agreed, default: over } }
  agreed: { say: fine, end: accepted }
  over: { say: goodbye, end: declined }
";
    let bundle = written(flow, WORDS);
    let flows = careless(&bundle, |flow| {
        let Exit::Consent { granted, otherwise, .. } = &mut flow.steps[0].exit else { panic!() };
        *otherwise = *granted;
    });
    let program = Program::of_parts(&flows, &bundle.scripts, "test", &context::sample());
    let talk = converse(&program, "en", &mut ScriptedCallee::inputs([said("no"), said("gladly")]));
    assert_eq!(ended(&talk), (Outcome::Answered, "recording_refused"));
    assert!(!recorded(&talk));
}

#[rstest]
#[case::at_the_consent(vec![said("stop calling me")])]
#[case::at_the_offer(vec![said("yes"), said("please remove me from your list")])]
#[case::shouted(vec![said("yes"), said("STOP")])]
#[case::in_hindi(vec![said("yes"), said("कॉल मत करो")])]
fn an_opt_out_is_heard_everywhere_and_ends_the_call(#[case] inputs: Vec<Input>) {
    let talk = play(&shipped("new-lead"), "new-lead", inputs);
    assert_eq!(ended(&talk), (Outcome::OptedOut, "opted_out"));
    let opt_outs = talk.effects.iter().filter(|effect| matches!(effect, Effect::OptOut { .. })).count();
    assert_eq!(opt_outs, 1);
    assert!(heard(&talk, "off our list"));
}

#[test]
fn press_two_is_an_opt_out_with_the_flows_own_words() {
    let talk = play(&shipped("outbound-caller"), "outbound-caller", vec![Input::Pressed('2')]);
    assert_eq!(ended(&talk), (Outcome::OptedOut, "opted_out"));
    assert!(heard(&talk, "You have been added to our do not call list. Goodbye."));
    assert_eq!(talk.effects.iter().filter(|effect| matches!(effect, Effect::OptOut { .. })).count(), 1);
}

#[rstest]
#[case::bridged(TransferResult::Bridged, (Outcome::Answered, "transferred"))]
#[case::nobody_free(TransferResult::NoAnswer, (Outcome::CallbackRequested, "callback_requested"))]
fn press_one_connects(#[case] result: TransferResult, #[case] expected: (Outcome, &str)) {
    let inputs = vec![Input::Pressed('1'), Input::Transfer(result.into())];
    let talk = play(&shipped("outbound-caller"), "outbound-caller", inputs);
    assert_eq!(ended(&talk), expected);
    let transfer =
        Effect::Transfer { target: "agent".to_owned(), result: Some(result.to_string()), after_ms: None };
    assert!(talk.effects.contains(&transfer));
}

#[rstest]
#[case::bridged(TransferResult::Bridged, (Outcome::Answered, "transferred"))]
#[case::nobody_free(TransferResult::Busy, (Outcome::CallbackRequested, "callback_requested"))]
fn an_operator_can_be_asked_for_anywhere(#[case] result: TransferResult, #[case] expected: (Outcome, &str)) {
    let inputs = vec![said("let me talk to a person"), Input::Transfer(result.into())];
    assert_eq!(ended(&play(&shipped("new-lead"), "new-lead", inputs)), expected);
}

#[test]
fn a_wrong_number_is_noted_and_excused() {
    let talk = play(&shipped("new-lead"), "new-lead", vec![said("you have the wrong number")]);
    assert_eq!(ended(&talk), (Outcome::WrongNumber, "wrong_number"));
    assert!(talk.effects.contains(&Effect::WrongNumber));
}

#[test]
fn silence_is_asked_once_more_and_then_the_call_goes_on_or_ends() {
    let talk = play(&shipped("new-lead"), "new-lead", vec![said("yes"), Input::Silence, Input::Silence]);
    assert_eq!(ended(&talk), (Outcome::Answered, "no_decision"));
    let asked = talk
        .transcript
        .iter()
        .filter(|line| matches!(line, Line::Agent(text) if text.contains("fourteen days?")))
        .count();
    assert_eq!(asked, 2);
}

#[test]
fn too_much_silence_ends_the_call() {
    let flow = "
flow: test
title: Never gives up by itself
no_input_limit: 3
steps:
  ask: { ask: question, tries: 5, then: { accept: over, default: ask } }
  over: { end: accepted }
";
    let talk = play(
        &written(flow, WORDS),
        "test",
        vec![Input::Silence, said("what"), Input::Silence, said("gladly")],
    );
    assert_eq!(ended(&talk), (Outcome::Answered, "no_input"));
}

#[test]
fn a_call_back_carries_what_was_said() {
    let talk = play(&shipped("new-lead"), "new-lead", vec![said("yes"), said("call me later")]);
    assert_eq!(ended(&talk), (Outcome::CallbackRequested, "callback_requested"));
    assert!(talk.effects.iter().any(
        |effect| matches!(effect, Effect::CallBack { said: Some(words), .. } if words == "call me later")
    ));
}

#[test]
fn a_machine_gets_the_message_and_nothing_else() {
    let bundle = shipped("new-lead");
    let talk = leave_message(&Program::new(&bundle, "new-lead", &context::sample()), "en");
    assert_eq!(ended(&talk), (Outcome::Voicemail, "voicemail_left"));
    assert_eq!(talk.transcript.len(), 1);
    let found_out_late = play(&bundle, "new-lead", vec![Input::Machine]);
    assert_eq!(ended(&found_out_late), (Outcome::Voicemail, "voicemail_left"));
}

#[test]
fn hanging_up_ends_the_call_and_repeats_change_nothing() {
    let bundle = shipped("new-lead");
    let program = Program::new(&bundle, "new-lead", &context::sample());
    let turn = interpreter::start(&program, "en");
    let over = interpreter::resume(&program, turn.session, Input::HungUp);
    assert_eq!(ended(&over.session.conversation), (Outcome::Answered, "hung_up"));
    let again = interpreter::resume(&program, over.session.clone(), said("yes"));
    assert_eq!((again.session, again.prompts, again.expect), (over.session, vec![], None));
}

#[test]
fn qualification_adds_up_points_and_keeps_the_story() {
    let story = "we lose a lot of time calling people back by hand every single week";
    let inputs = vec![
        said("yes"),
        said(story),
        Input::Pressed('1'),
        Input::Pressed('1'),
        Input::Pressed('1'),
        Input::Transfer(TransferResult::Bridged.into()),
    ];
    let talk = play(&shipped("qualification"), "qualification", inputs);
    assert_eq!(ended(&talk), (Outcome::Answered, "transferred"));
    let data = talk.effects.iter().find_map(|effect| match effect {
        Effect::Event { kind, data } if kind == "QUALIFICATION_RESULT" => Some(data),
        _ => None,
    });
    let data = data.unwrap();
    assert_eq!((&data["leadScore"], &data["painPoints"]), (&json!(100), &json!([story])));
}

#[test]
fn an_endpoint_is_asked_and_its_answer_remembered() {
    let flow = "
flow: test
title: Looks something up
steps:
  look: { webhook: stock, save_as: stock, say: hello, next: choose }
  choose: { branch: [{ if: answers.stock.left > 0, go: some }], otherwise: none }
  some: { end: in_stock }
  none: { end: sold_out }
";
    let bundle = written(flow, WORDS);
    let program = Program::new(&bundle, "test", &context::sample());
    let turn = interpreter::start(&program, "en");
    assert!(
        matches!(&turn.expect, Some(Expect { kind: Expected::Webhook { endpoint }, .. }) if endpoint == "stock")
    );
    let some = interpreter::resume(&program, turn.session.clone(), Input::WebhookAnswer(json!({"left": 3})));
    assert_eq!(some.session.conversation.disposition(), "in_stock");
    let none = interpreter::resume(&program, turn.session, Input::Silence);
    assert_eq!(none.session.conversation.disposition(), "sold_out");
    assert!(heard(&none.session.conversation, "Hello."));
}

#[test]
fn a_loop_ends_politely_and_tells_its_author() {
    let flow = "
flow: test
title: Goes on
steps:
  a: { score: 1, next: b }
  b: { say: hello, next: over }
  over: { end: done }
";
    let bundle = written(flow, WORDS);
    let flows =
        careless(&bundle, |flow| (flow.steps[1].exit, flow.steps[1].actions) = (Exit::Next(0), Vec::new()));
    let program = Program::of_parts(&flows, &bundle.scripts, "test", &context::sample());
    let turn = interpreter::start(&program, "en");
    assert_eq!(turn.session.conversation.disposition(), "flow_error");
    assert_eq!(turn.fault.as_deref(), Some("the flow goes round in circles"));
    assert!(heard(&turn.session.conversation, "Goodbye"));
}

#[test]
fn a_missing_value_ends_politely_instead_of_half_a_sentence() {
    let bundle = shipped("price-drop");
    let turn = interpreter::start(&Program::new(&bundle, "price-drop", &json!({"lead": {}})), "en");
    assert_eq!(turn.session.conversation.disposition(), "flow_error");
    assert!(turn.fault.is_some() && turn.expect.is_none());
}

#[rstest]
fn every_shipped_flow_meets_every_callee(
    #[values("new-lead", "trial-nurture", "price-drop", "qualification", "outbound-caller", "replay")]
    flow: &str,
    #[values(
        Wants::Accept,
        Wants::Decline,
        Wants::OptOut,
        Wants::Agent,
        Wants::Later,
        Wants::WrongNumber,
        Wants::Silent,
        Wants::HangUp
    )]
    wish: Wants,
    #[values("en", "hi-Latn", "fr")] language: &str,
) {
    let bundle = shipped(flow);
    let program = Program::new(&bundle, flow, &context::sample());
    let talk = converse(&program, language, &mut ScriptedCallee::wants(wish));
    let ended = talk.ended.clone().unwrap();
    assert_ne!(ended.disposition, "flow_error");
    match wish {
        Wants::OptOut => assert_eq!(ended.outcome, Outcome::OptedOut),
        Wants::WrongNumber => assert_eq!(ended.outcome, Outcome::WrongNumber),
        Wants::HangUp => assert_eq!(ended.disposition, "hung_up"),
        Wants::Accept if matches!(flow, "new-lead" | "price-drop" | "replay") => {
            assert_eq!(ended.outcome, Outcome::Converted);
        }
        Wants::Decline if flow == "replay" => assert_eq!(ended.disposition, "declined"),
        _ => {}
    }
}

/// Stores and restores the session between turns, as production does.
struct Forgetful<'a>(&'a mut dyn Callee);

#[test]
fn a_session_survives_being_stored_between_turns() {
    let bundle = shipped("qualification");
    let program = Program::new(&bundle, "qualification", &context::sample());
    let callee = Forgetful(&mut ScriptedCallee::wants(Wants::Accept));
    let mut turn: Turn = interpreter::start(&program, "en");
    while let Some(expect) = turn.expect.take() {
        let stored = serde_json::to_string(&turn.session).unwrap();
        let session: Session = serde_json::from_str(&stored).unwrap();
        turn = interpreter::resume(&program, session, callee.0.answer(&turn.prompts, &expect));
    }
    let in_memory = converse(&program, "en", &mut ScriptedCallee::wants(Wants::Accept));
    assert_eq!(turn.session.conversation, in_memory);
}

#[test]
fn inputs_travel_as_plain_json() {
    let inputs =
        [said("yes"), Input::Pressed('1'), Input::Silence, Input::Transfer(TransferResult::NoAnswer.into())];
    let json = serde_json::to_value(&inputs).unwrap();
    let expected = json!([
        {"input": "said", "value": "yes"}, {"input": "pressed", "value": "1"}, {"input": "silence"},
        {"input": "transfer", "value": "no_answer"},
    ]);
    assert_eq!(json, expected);
    assert_eq!(serde_json::from_value::<Vec<Input>>(json).unwrap(), inputs);
}

#[test]
fn endings_that_the_caller_does_not_name_end_the_call_in_the_same_way() {
    let outer = "flow: test\ntitle: T\nsteps:\n  go: { run: inner, then: { fine: on } }\n  on: { end: went_on }\nendings: { bad: wrong_number }\n";
    let inner = "flow: inner\ntitle: I\nscript: test\nsteps:\n  ask: { ask: question, keys: { 1: accept, 2: bad }, then: { accept: fine, bad: bad, default: other } }\n  fine: { end: fine }\n  bad: { end: bad }\n  other: { end: other }\n";
    let files = embedded::FILES.iter().copied().filter(|(path, _)| path.ends_with("common.yaml"));
    let own = [("flows/test.yaml", outer), ("flows/inner.yaml", inner), ("flows/scripts/test.yaml", WORDS)];
    let (library, diagnostics) = Library::from_files(files.chain(own));
    let bundle = library.flow_bundle("test").unwrap_or_else(|| panic!("{diagnostics:#?}"));
    let ended_by = |key| {
        let talk = play(&bundle, "test", vec![Input::Pressed(key), Input::Pressed('9'), Input::Pressed('9')]);
        (talk.outcome(), talk.disposition().to_owned())
    };
    assert_eq!(ended_by('1'), (Outcome::Answered, "went_on".to_owned()));
    assert_eq!(ended_by('2'), (Outcome::WrongNumber, "bad".to_owned()));
    assert_eq!(ended_by('9'), (Outcome::Answered, "other".to_owned()));
}

#[test]
fn a_call_speaks_one_language_even_where_shared_words_know_more() {
    let shared = "script: common\nlanguages:\n  en: { texts: { hello: Hello., opted_out: Bye. }, answers: { opt_out: [stop] } }\n  gu: { texts: { hello: Kem cho., opted_out: Aavjo. }, answers: { opt_out: [band] } }\n";
    let outer = "flow: test\ntitle: T\nsteps:\n  go: { say: fine, next: inner }\n  inner: { run: inner }\n";
    let inner = "flow: inner\ntitle: I\nscript: common\nsteps:\n  hello: { say: hello, end: done }\n";
    let files = [
        ("flows/test.yaml", outer),
        ("flows/inner.yaml", inner),
        ("flows/scripts/test.yaml", WORDS),
        ("flows/scripts/common.yaml", shared),
    ];
    let (library, diagnostics) = Library::from_files(files);
    let bundle = library.flow_bundle("test").unwrap_or_else(|| panic!("{diagnostics:#?}"));
    let program = Program::new(&bundle, "test", &context::sample());
    let talk = converse(&program, "gu", &mut ScriptedCallee::inputs([]));
    assert!(heard(&talk, "Fine.") && heard(&talk, "Hello.") && !heard(&talk, "Kem cho."), "{talk:?}");
}
