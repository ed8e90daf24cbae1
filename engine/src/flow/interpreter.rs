//! Turns: what to say and what to wait for, from the state of the conversation and the callee's last input.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::exits;
pub use super::program::Program;
use super::session::{Conversation, Effect, Ended, Frame, Line, Session, Waiting};
use crate::definitions::model::flow::{Action, CallBackTime, Ending, Exit, Flow};
use crate::domain::outcome::Outcome;
use crate::time::duration::Delay;

/// Steps in one turn; more is a loop that says nothing.
const STEPS_PER_TURN: usize = 200;
/// Steps in one call.
const STEPS_PER_CALL: usize = 500;

/// What the carrier reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "input", content = "value", rename_all = "snake_case")]
pub enum Input {
    Said(String),
    Pressed(char),
    Silence,
    /// `bridged`, `busy`, `no_answer` or `failed`.
    Transfer(String),
    WebhookAnswer(Value),
    HungUp,
    /// A machine picked up.
    Machine,
}

/// Something to say or play.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "prompt", rename_all = "snake_case")]
pub enum Prompt {
    Say { text: String, language: String },
    Play { audio: String },
    Transfer { target: String },
}

/// What the carrier should wait for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expect {
    pub kind: Waiting,
    /// Answers a flow understands here, by name.
    pub answers: Vec<String>,
    /// Keys that mean one of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<char, String>,
    /// Seconds of silence before `Input::Silence`.
    pub timeout_s: u32,
}

/// One turn: say this, then wait for that; nothing to wait for means hang up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    pub prompts: Vec<Prompt>,
    pub expect: Option<Expect>,
    pub session: Session,
}

/// The first turn, when somebody has picked up.
pub fn start(program: &Program<'_>, language: &str) -> Turn {
    let mut talk = Talk::new(program, Session::new(program.root, language));
    match program.flow(program.root) {
        Some(flow) => {
            let first = flow.steps.get(flow.start).map(|step| step.name.clone()).unwrap_or_default();
            talk.session.stack = vec![Frame { flow: program.root.to_owned(), step: first, done: 0 }];
            talk.run();
        }
        None => talk.finish(Outcome::Failed, "flow_missing"),
    }
    talk.turn()
}

/// The next turn. After the end every input is answered with nothing.
pub fn resume(program: &Program<'_>, session: Session, input: Input) -> Turn {
    let mut talk = Talk::new(program, session);
    if talk.session.conversation.ended.is_none() {
        talk.session.note(&input);
        exits::take(&mut talk, input);
    }
    talk.turn()
}

impl Session {
    fn new(root: &str, language: &str) -> Self {
        Self {
            stack: vec![Frame { flow: root.to_owned(), step: String::new(), done: 0 }],
            language: language.to_owned(),
            answers: BTreeMap::new(),
            tries: 0,
            silent: 0,
            recording_consent: None,
            recording: false,
            waiting: None,
            conversation: Conversation::default(),
        }
    }

    fn note(&mut self, input: &Input) {
        let line = match input {
            Input::Said(text) => Line::Callee(text.clone()),
            Input::Pressed(key) => Line::Key(*key),
            Input::Silence => Line::Silence,
            _ => return,
        };
        self.conversation.transcript.push(line);
    }
}

/// A conversation being moved on.
pub(super) struct Talk<'p, 'a> {
    pub program: &'p Program<'a>,
    pub session: Session,
    pub expect: Option<Expect>,
    prompts: Vec<Prompt>,
}

impl<'p, 'a> Talk<'p, 'a> {
    fn new(program: &'p Program<'a>, session: Session) -> Self {
        Self { program, session, expect: None, prompts: Vec::new() }
    }

    fn turn(self) -> Turn {
        Turn { prompts: self.prompts, expect: self.expect, session: self.session }
    }

    /// The flow the conversation is in.
    pub fn flow(&self) -> Option<&'a Flow> {
        self.program.flow(&self.session.stack.last()?.flow)
    }

    /// Runs steps until there is something to wait for, or the end.
    pub fn run(&mut self) {
        self.session.waiting = None;
        for _ in 0..STEPS_PER_TURN {
            if self.session.conversation.nodes.len() > STEPS_PER_CALL {
                break;
            }
            let Some(frame) = self.session.stack.last() else { return };
            let Some((flow, step)) = self.program.step(frame) else {
                return self.finish(Outcome::Failed, "step_missing");
            };
            let done = frame.done;
            if done == 0 {
                self.session.conversation.nodes.push(step.name.clone());
            }
            for (index, action) in step.actions.iter().enumerate().skip(done) {
                if !self.act(flow, action) {
                    if let Some(frame) = self.session.stack.last_mut() {
                        frame.done = index + 1;
                    }
                    return;
                }
            }
            if !self.leave(flow, &step.exit) {
                return;
            }
        }
        self.finish(Outcome::Failed, "too_many_steps");
    }

    /// Leaves a step; answers whether the next one can run now.
    fn leave(&mut self, flow: &'a Flow, exit: &'a Exit) -> bool {
        match exit {
            Exit::Next(next) => self.go(flow, *next),
            Exit::Branch { arms, otherwise } => {
                let arm = arms.iter().find(|(condition, _)| self.program.holds(&self.session, condition));
                self.go(flow, arm.map_or(*otherwise, |(_, target)| *target));
            }
            Exit::SubFlow { flow: key, .. } => match self.program.flow(key) {
                Some(inner) => {
                    let first = inner.steps.get(inner.start).map(|step| step.name.clone()).unwrap_or_default();
                    self.session.stack.push(Frame { flow: key.clone(), step: first, done: 0 });
                }
                None => {
                    self.finish(Outcome::Failed, "flow_missing");
                    return false;
                }
            },
            Exit::Ask(ask) => {
                self.session.tries = 0;
                exits::ask(self, flow, ask, None);
                return false;
            }
            Exit::Consent { words, .. } => {
                exits::ask_consent(self, flow, words);
                return false;
            }
            Exit::Transfer { target, .. } => {
                exits::transfer(self, target);
                return false;
            }
            Exit::End(ending) => return self.end(flow, ending),
        }
        true
    }

    /// Goes to a step of the same flow.
    pub fn go(&mut self, flow: &Flow, step: usize) {
        if let (Some(frame), Some(next)) = (self.session.stack.last_mut(), flow.steps.get(step)) {
            frame.step.clone_from(&next.name);
            frame.done = 0;
        }
    }

    /// Ends the flow; answers whether an outer flow goes on.
    pub fn end(&mut self, flow: &'a Flow, ending: &Ending) -> bool {
        if let Some(text) = &ending.say {
            self.say(flow, text);
        }
        if self.session.stack.len() > 1 {
            self.session.stack.pop();
            return self.after_sub_flow(&ending.disposition);
        }
        self.finish(flow.outcome_of(&ending.disposition), &ending.disposition);
        false
    }

    fn after_sub_flow(&mut self, disposition: &str) -> bool {
        let Some((flow, step)) = self.session.stack.last().and_then(|frame| self.program.step(frame)) else {
            self.finish(Outcome::Failed, "step_missing");
            return false;
        };
        if let Exit::SubFlow { then, otherwise, .. } = &step.exit {
            self.go(flow, then.get(disposition).copied().unwrap_or(*otherwise));
        }
        true
    }

    /// Ends the call. What was said outranks how the flow ended: a stop is a stop.
    pub fn finish(&mut self, outcome: Outcome, disposition: &str) {
        let effects = &self.session.conversation.effects;
        let (outcome, disposition) = if effects.iter().any(|effect| matches!(effect, Effect::OptOut { .. })) {
            (Outcome::OptedOut, "opted_out")
        } else if effects.iter().any(|effect| matches!(effect, Effect::WrongNumber)) {
            (Outcome::WrongNumber, "wrong_number")
        } else {
            (outcome, disposition)
        };
        self.session.conversation.ended = Some(Ended { outcome, disposition: disposition.to_owned() });
        self.session.waiting = None;
        self.expect = None;
    }

    pub fn say(&mut self, flow: &Flow, name: &str) {
        if let Some(text) = self.program.text(&self.session, flow, name) {
            self.session.conversation.transcript.push(Line::Agent(text.clone()));
            self.prompts.push(Prompt::Say { text, language: self.session.language.clone() });
        }
    }

    pub fn prompt(&mut self, prompt: Prompt) {
        self.prompts.push(prompt);
    }

    pub fn effect(&mut self, effect: Effect) {
        self.session.conversation.effects.push(effect);
    }

    /// Does one action; answers whether the step goes on (false: it waits for an endpoint).
    fn act(&mut self, flow: &Flow, action: &Action) -> bool {
        match action {
            Action::Say { text } => self.say(flow, text),
            Action::Play { audio } => self.prompt(Prompt::Play { audio: audio.clone() }),
            Action::Set { values } => {
                for (name, expression) in values {
                    let value = self.program.value(&self.session, expression);
                    self.session.answers.insert(name.clone(), value);
                }
            }
            Action::Score { by, because } => self.effect(Effect::Score { by: *by, because: because.clone() }),
            Action::RecordEvent { event, fields } => {
                let data: serde_json::Map<String, Value> = fields
                    .iter()
                    .map(|(name, expression)| (name.clone(), self.program.value(&self.session, expression)))
                    .collect();
                self.effect(Effect::Event { kind: event.clone(), data: Value::Object(data) });
            }
            Action::Recording { on } => self.record(*on),
            Action::Webhook { endpoint, save_as } => {
                self.effect(Effect::Webhook { endpoint: endpoint.clone(), save_as: save_as.clone() });
                if save_as.is_some() {
                    self.wait(Waiting::Webhook, Vec::new(), BTreeMap::new(), 10);
                    return false;
                }
            }
            Action::CallBack { when } => self.call_back(when),
            Action::OptOut => self.opt_out("asked in the call"),
        }
        true
    }

    /// Never records without a consent granted in this call, whatever the flow says.
    fn record(&mut self, on: bool) {
        if on && self.session.recording_consent != Some(true) {
            return;
        }
        self.session.recording = on;
        self.effect(Effect::Recording { on });
    }

    /// An opt-out counts once, however often it is said.
    pub fn opt_out(&mut self, reason: &str) {
        if !self.session.conversation.effects.iter().any(|effect| matches!(effect, Effect::OptOut { .. })) {
            self.effect(Effect::OptOut { reason: reason.to_owned() });
        }
    }

    pub fn call_back(&mut self, when: &CallBackTime) {
        let (delay, said) = match when {
            CallBackTime::After(delay) => (*delay, None),
            CallBackTime::WhenAsked { otherwise } => {
                let said = self.session.answers.get("asked_time").and_then(Value::as_str).map(str::to_owned);
                (*otherwise, said)
            }
        };
        let after_s = match delay {
            Delay::Exact(length) => Some(length.num_seconds()),
            // Counted by the cadence, which knows the lead's holidays.
            Delay::BusinessDays(_) => None,
        };
        self.effect(Effect::CallBack { after_s, said });
    }

    pub fn wait(&mut self, kind: Waiting, answers: Vec<String>, keys: BTreeMap<char, String>, timeout_s: u32) {
        self.session.waiting = Some(kind);
        self.expect = Some(Expect { kind, answers, keys, timeout_s });
    }
}
