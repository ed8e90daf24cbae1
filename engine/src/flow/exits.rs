//! Questions and their answers: what an input means at the step that waits for it. Opt-out words, a wish for a person and a
//! wrong number are understood at every question without being written.

use std::collections::BTreeMap;

use serde_json::Value;

use super::interpreter::{Input, Prompt, Talk};
use super::session::{Effect, Frame, Waiting};
use super::understand::{self, Understood};
use crate::definitions::model::flow::{Ask, CallBackTime, Ending, Exit, Flow, TransferTarget};
use crate::domain::outcome::Outcome;
use crate::time::duration::Delay;

/// Step name of a transfer that the callee asked for out of turn.
const OPERATOR: &str = "@operator";
/// Seconds of silence after a yes-or-no question.
const CONSENT_TIMEOUT_S: u32 = 6;

/// Asks a question, after an apology if it is asked again.
pub(super) fn ask(talk: &mut Talk<'_, '_>, flow: &Flow, ask: &Ask, apology: Option<&str>) {
    if let Some(apology) = apology {
        talk.say(flow, apology);
    }
    talk.say(flow, &ask.text);
    let mut answers: Vec<String> = ask.answers.clone();
    answers.extend(ask.keys.values().cloned());
    answers.extend(ask.then.keys().cloned());
    answers.sort_unstable();
    answers.dedup();
    talk.wait(Waiting::Answer, answers, ask.keys.clone(), ask.timeout_s);
}

pub(super) fn ask_consent(talk: &mut Talk<'_, '_>, flow: &Flow, words: &str) {
    talk.say(flow, words);
    talk.wait(Waiting::Consent, vec!["granted".to_owned()], BTreeMap::new(), CONSENT_TIMEOUT_S);
}

pub(super) fn transfer(talk: &mut Talk<'_, '_>, target: &TransferTarget) {
    let target = match target {
        TransferTarget::Agent => "agent".to_owned(),
        TransferTarget::Queue(queue) => format!("queue:{queue}"),
        TransferTarget::Number(number) => format!("number:{number}"),
    };
    talk.prompt(Prompt::Transfer { target: target.clone() });
    talk.effect(Effect::Transfer { target, result: None });
    talk.wait(Waiting::Transfer, Vec::new(), BTreeMap::new(), 30);
}

/// Takes an input at whatever the conversation waits for.
pub(super) fn take(talk: &mut Talk<'_, '_>, input: Input) {
    let Some(flow) = talk.flow() else { return talk.finish(Outcome::Failed, "flow_missing") };
    match input {
        Input::HungUp => talk.finish(Outcome::Answered, "hung_up"),
        Input::Machine => machine(talk, flow),
        Input::Transfer(result) => transferred(talk, flow, &result),
        Input::WebhookAnswer(value) => webhook_answered(talk, value),
        Input::Said(_) | Input::Pressed(_) | Input::Silence => spoken(talk, flow, &input),
    }
}

fn machine(talk: &mut Talk<'_, '_>, flow: &Flow) {
    match &flow.voicemail {
        Some(Ending { say, disposition }) => {
            if let Some(text) = say {
                talk.say(flow, text);
            }
            talk.finish(Outcome::Voicemail, disposition);
        }
        None => talk.finish(Outcome::Voicemail, "voicemail"),
    }
}

fn spoken(talk: &mut Talk<'_, '_>, flow: &Flow, input: &Input) {
    let Some((_, step)) = talk.session.stack.last().and_then(|frame| talk.program.step(frame)) else {
        return talk.finish(Outcome::Failed, "step_missing");
    };
    match (&step.exit, talk.session.waiting) {
        (Exit::Ask(question), Some(Waiting::Answer)) => answered(talk, flow, question, input),
        (Exit::Consent { purpose, words, granted, otherwise }, Some(Waiting::Consent)) => {
            let understood = understand::consent(talk.program.script(flow), &talk.session.language, input);
            match understood {
                Understood::OptOut => opted_out(talk, flow),
                Understood::WrongNumber => wrong_number(talk, flow),
                Understood::Agent => operator(talk, flow),
                other => {
                    let yes = matches!(other, Understood::Answer(_));
                    consented(talk, flow, purpose, words, yes);
                    talk.go(flow, if yes { *granted } else { *otherwise });
                    talk.run();
                }
            }
        }
        // A word said while a transfer or an endpoint is under way changes nothing.
        _ => {}
    }
}

fn consented(talk: &mut Talk<'_, '_>, flow: &Flow, purpose: &str, words: &str, granted: bool) {
    if purpose == "recording" {
        talk.session.recording_consent = Some(granted);
    }
    let wording = talk.program.text(&talk.session, flow, words).unwrap_or_default();
    talk.effect(Effect::Consent { purpose: purpose.to_owned(), granted, wording });
}

fn answered(talk: &mut Talk<'_, '_>, flow: &Flow, question: &Ask, input: &Input) {
    let understood = understand::answer(talk.program.script(flow), &talk.session.language, question, input);
    let apology = match understood {
        Understood::OptOut => {
            talk.opt_out(&reason_of(input));
            return match question.then.get("opt_out") {
                Some(step) => {
                    talk.go(flow, *step);
                    talk.run();
                }
                None => opted_out(talk, flow),
            };
        }
        Understood::WrongNumber => return wrong_number(talk, flow),
        Understood::Agent if !question.then.contains_key("agent") => return operator(talk, flow),
        Understood::Agent => return chosen(talk, flow, question, "agent", input),
        Understood::Answer(answer) => return chosen(talk, flow, question, &answer, input),
        Understood::Silence => "did_not_hear",
        Understood::Nothing => "did_not_understand",
    };
    talk.session.tries += 1;
    talk.session.silent += 1;
    if talk.session.silent >= flow.no_input_limit {
        talk.say(flow, "goodbye_silent");
        return talk.finish(Outcome::Answered, "no_input");
    }
    if talk.session.tries < question.tries {
        return ask(talk, flow, question, Some(apology));
    }
    talk.go(flow, question.otherwise);
    talk.run();
}

fn chosen(talk: &mut Talk<'_, '_>, flow: &Flow, question: &Ask, answer: &str, input: &Input) {
    talk.session.silent = 0;
    let said = match input {
        Input::Said(text) => text.clone(),
        _ => answer.to_owned(),
    };
    if let Some(name) = &question.save_as {
        let value = if question.open { said.clone() } else { answer.to_owned() };
        talk.session.answers.insert(name.clone(), Value::String(value));
    }
    if answer == "later" {
        talk.session.answers.insert("asked_time".to_owned(), Value::String(said));
    }
    talk.go(flow, question.then.get(answer).copied().unwrap_or(question.otherwise));
    talk.run();
}

fn reason_of(input: &Input) -> String {
    match input {
        Input::Said(text) => format!("said “{text}”"),
        Input::Pressed(key) => format!("pressed {key}"),
        _ => "asked in the call".to_owned(),
    }
}

fn opted_out(talk: &mut Talk<'_, '_>, flow: &Flow) {
    talk.opt_out("asked in the call");
    talk.say(flow, "opted_out");
    talk.finish(Outcome::OptedOut, "opted_out");
}

fn wrong_number(talk: &mut Talk<'_, '_>, flow: &Flow) {
    talk.effect(Effect::WrongNumber);
    talk.say(flow, "wrong_number");
    talk.finish(Outcome::WrongNumber, "wrong_number");
}

/// A person was asked for out of turn: connect, or promise a call when nobody is there to connect to.
fn operator(talk: &mut Talk<'_, '_>, flow: &Flow) {
    match &flow.operator {
        Some(target) => {
            talk.say(flow, "connecting");
            let key = flow.key.clone();
            talk.session.stack.push(Frame { flow: key, step: OPERATOR.to_owned(), done: 0 });
            transfer(talk, target);
        }
        None => promise_call(talk, flow),
    }
}

fn promise_call(talk: &mut Talk<'_, '_>, flow: &Flow) {
    talk.say(flow, "nobody_free");
    talk.call_back(&CallBackTime::After(Delay::BusinessDays(1)));
    talk.finish(Outcome::CallbackRequested, "callback_requested");
}

fn transferred(talk: &mut Talk<'_, '_>, flow: &Flow, result: &str) {
    if talk.session.waiting != Some(Waiting::Transfer) {
        return;
    }
    let pending = talk.session.conversation.effects.iter_mut().rev();
    for effect in pending {
        if let Effect::Transfer { result: slot, .. } = effect {
            *slot = Some(result.to_owned());
            break;
        }
    }
    if talk.session.stack.last().is_some_and(|frame| frame.step == OPERATOR) {
        return if result == "bridged" {
            talk.finish(Outcome::Answered, "transferred");
        } else {
            promise_call(talk, flow);
        };
    }
    let Some((_, step)) = talk.session.stack.last().and_then(|frame| talk.program.step(frame)) else {
        return talk.finish(Outcome::Failed, "step_missing");
    };
    if let Exit::Transfer { then, otherwise, .. } = &step.exit {
        talk.go(flow, then.get(result).copied().unwrap_or(*otherwise));
        talk.run();
    }
}

fn webhook_answered(talk: &mut Talk<'_, '_>, value: Value) {
    if talk.session.waiting != Some(Waiting::Webhook) {
        return;
    }
    let name = talk.session.conversation.effects.iter().rev().find_map(|effect| match effect {
        Effect::Webhook { save_as, .. } => save_as.clone(),
        _ => None,
    });
    if let Some(name) = name {
        talk.session.answers.insert(name, value);
    }
    talk.run();
}
