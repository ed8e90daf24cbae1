//! Follows a flow: [`start`] when a person answers, [`voicemail`] when a machine does, [`resume`] with every input.
//!
//! A flow that cannot be followed (a missing text, an endless loop) ends the call politely and says why in [`Turn::fault`]:
//! the callee is never left in silence because of an author's mistake.

use serde_json::{Map, Value};

pub use super::program::Program;
use super::render;
use super::session::{Conversation, Effect, Ended, Frame, Line, Session, Waiting};
pub use super::turn::{Expect, Expected, Input, Prompt, Taken, TransferResult, Transferred, Turn};
use crate::definitions::expression::Expression;
use crate::definitions::model::flow::{Action, CallBackTime, Flow, FlowStep, StepIndex};
use crate::domain::outcome::Outcome;
use crate::time::duration::Delay;

/// Steps between two inputs; more is a loop that never asks.
const MOST_STEPS_PER_TURN: u32 = 200;
/// Steps of a whole call.
const MOST_STEPS_PER_CALL: usize = 500;
/// Seconds an endpoint has to answer.
const WEBHOOK_TIMEOUT_S: u32 = 10;

/// A person has answered.
pub fn start(program: &Program<'_>, language: &str) -> Turn {
    let mut run = Run::new(program, fresh(program, language));
    match program.flow(program.root) {
        Some(flow) => {
            run.push(flow, flow.start);
            run.follow();
        }
        None => run.fail(format!("there is no flow `{}`", program.root)),
    }
    run.turn()
}

/// A machine has answered: leaves the flow's message, or nothing.
pub fn voicemail(program: &Program<'_>, language: &str) -> Turn {
    let mut run = Run::new(program, fresh(program, language));
    run.voicemail();
    run.turn()
}

/// Goes on after an input. A call that has ended stays as it is.
pub fn resume(program: &Program<'_>, session: Session, input: Input) -> Turn {
    let mut run = Run::new(program, session);
    if run.session.conversation.ended.is_some() {
        return run.turn();
    }
    let waiting = run.session.waiting.take();
    match (waiting, input) {
        (_, Input::HungUp) => run.finish(Outcome::Answered, "hung_up"),
        (_, Input::Machine) => run.voicemail(),
        (Some(Waiting::Webhook), input) => run.webhook_answered(input),
        (Some(Waiting::Transfer), input) => run.transferred(&input),
        (Some(Waiting::Answer), input) => run.answered(input),
        (Some(Waiting::Consent), input) => run.consented(input),
        (None, _) => run.follow(),
    }
    run.turn()
}

/// A call speaks one language from beginning to end: the wanted one if the called flow's words are written in it, else the
/// first of its fallbacks. Flows inside it follow, also where their own words know more languages.
fn fresh(program: &Program<'_>, wanted: &str) -> Session {
    let words = program.flow(program.root).and_then(|flow| program.script(&flow.script));
    let spoken = words.and_then(|words| words.language_for(wanted));
    let language = spoken.map_or(wanted, |(language, _)| language);
    Session {
        stack: Vec::new(),
        language: language.to_owned(),
        answers: std::collections::BTreeMap::new(),
        tries: 0,
        silent: 0,
        recording_consent: None,
        recording: false,
        waiting: None,
        conversation: Conversation::default(),
    }
}

/// One turn being worked out.
pub(super) struct Run<'p, 'a> {
    pub program: &'p Program<'a>,
    pub session: Session,
    prompts: Vec<Prompt>,
    expect: Option<Expect>,
    steps: u32,
    fault: Option<String>,
    trace: Vec<Taken>,
}

impl<'p, 'a> Run<'p, 'a> {
    fn new(program: &'p Program<'a>, session: Session) -> Self {
        Self { program, session, prompts: Vec::new(), expect: None, steps: 0, fault: None, trace: Vec::new() }
    }

    fn turn(self) -> Turn {
        Turn {
            prompts: self.prompts,
            expect: self.expect,
            session: self.session,
            fault: self.fault,
            trace: self.trace,
        }
    }

    /// The flow and step on top of the stack.
    pub fn current(&self) -> Option<(&'a Flow, &'a FlowStep)> {
        let frame = self.session.stack.last()?;
        let flow = self.program.flow(&frame.flow)?;
        Some((flow, flow.steps.get(flow.step(&frame.step)?)?))
    }

    /// Runs steps until something has to be waited for, or the call ends.
    pub fn follow(&mut self) {
        while self.expect.is_none() && self.session.conversation.ended.is_none() {
            self.steps += 1;
            if self.steps > MOST_STEPS_PER_TURN || self.session.conversation.nodes.len() > MOST_STEPS_PER_CALL
            {
                return self.fail("the flow goes round in circles".to_owned());
            }
            let Some((_, step)) = self.current() else {
                return self.fail("the step of this call is not in the flow any more".to_owned());
            };
            let done = self.session.stack.last().map_or(0, |frame| frame.done);
            match step.actions.get(done) {
                Some(action) => {
                    if let Err(problem) = self.act(action) {
                        return self.fail(problem);
                    }
                    if self.expect.is_none() {
                        self.action_done();
                    }
                }
                None => {
                    if let Err(problem) = self.leave(&step.exit) {
                        return self.fail(problem);
                    }
                }
            }
        }
    }

    fn action_done(&mut self) {
        // Actions are bounded by the definition; only steps count towards the limits.
        self.steps -= 1;
        if let Some(frame) = self.session.stack.last_mut() {
            frame.done += 1;
        }
    }

    fn act(&mut self, action: &Action) -> Result<(), String> {
        match action {
            Action::Say { text } => self.say(text)?,
            Action::Play { audio } => {
                self.session.conversation.transcript.push(Line::Agent(format!("[{audio}]")));
                self.prompts.push(Prompt::Play { audio: audio.clone() });
            }
            Action::Set { values } => {
                let values = self.values(values)?;
                self.session.answers.extend(values);
            }
            Action::Score { by, because } => self.effect(Effect::Score { by: *by, because: because.clone() }),
            Action::RecordEvent { event, fields } => {
                let data: Map<String, Value> = self.values(fields)?.into_iter().collect();
                self.effect(Effect::Event { kind: event.clone(), data: Value::Object(data) });
            }
            Action::Recording { on } => {
                // Whatever the flow says: without a yes in this call nothing is recorded (GATE-3).
                let is_allowed = !*on || self.session.recording_consent == Some(true);
                if is_allowed && self.session.recording != *on {
                    self.session.recording = *on;
                    self.effect(Effect::Recording { on: *on });
                }
            }
            Action::Webhook { endpoint, save_as } => {
                self.effect(Effect::Webhook { endpoint: endpoint.clone(), save_as: save_as.clone() });
                if save_as.is_some() {
                    self.wait(
                        Waiting::Webhook,
                        Expected::Webhook { endpoint: endpoint.clone() },
                        WEBHOOK_TIMEOUT_S,
                    );
                }
            }
            Action::CallBack { when } => self.call_back(when),
            Action::OptOut => self.opt_out(),
        }
        Ok(())
    }

    fn call_back(&mut self, when: &CallBackTime) {
        let seconds = |delay: &Delay| match delay {
            Delay::Exact(length) => Some(length.num_seconds()),
            // Only the cadence knows the lead's calendar: it falls back to its own delay.
            Delay::BusinessDays(_) => None,
        };
        let effect = match when {
            CallBackTime::After(delay) => Effect::CallBack { after_s: seconds(delay), said: None },
            CallBackTime::WhenAsked { otherwise } => {
                let lines = self.session.conversation.transcript.iter().rev();
                let said = lines.clone().find_map(|line| match line {
                    Line::Callee(words) => Some(words.clone()),
                    _ => None,
                });
                Effect::CallBack { after_s: seconds(otherwise), said }
            }
        };
        self.effect(effect);
    }

    /// Records the opt-out, once.
    pub fn opt_out(&mut self) {
        if !self.has_opted_out() {
            self.effect(Effect::OptOut { reason: "asked in the call".to_owned() });
        }
    }

    fn has_opted_out(&self) -> bool {
        self.session.conversation.effects.iter().any(|effect| matches!(effect, Effect::OptOut { .. }))
    }

    fn values(
        &self,
        expressions: &std::collections::BTreeMap<String, Expression>,
    ) -> Result<Vec<(String, Value)>, String> {
        let context = self.program.context(&self.session);
        let evaluated = expressions.iter().map(|(name, expression)| {
            let value = expression.eval_json(&context).map_err(|problem| problem.to_string())?;
            Ok((name.clone(), value))
        });
        evaluated.collect()
    }

    /// Speaks a text of the current flow's script.
    pub fn say(&mut self, text: &str) -> Result<(), String> {
        let spoken = render::text(self.program, &self.session, text)?;
        self.speak(spoken);
        Ok(())
    }

    /// Speaks a text if the script has it and it can be rendered: words that are courtesy, not content.
    pub fn say_if_known(&mut self, text: &str) {
        if let Ok(spoken) = render::text(self.program, &self.session, text) {
            self.speak(spoken);
        }
    }

    fn speak(&mut self, spoken: render::Spoken) {
        self.session.conversation.transcript.push(Line::Agent(spoken.text.clone()));
        self.prompts.push(Prompt::Say { text: spoken.text, language: spoken.language });
    }

    pub fn effect(&mut self, effect: Effect) {
        self.session.conversation.effects.push(effect);
    }

    pub fn wait(&mut self, waiting: Waiting, kind: Expected, timeout_s: u32) {
        let expect = Expect {
            kind,
            answers: Vec::new(),
            keys: std::collections::BTreeMap::new(),
            open: false,
            timeout_s,
        };
        self.wait_for(waiting, expect);
    }

    pub fn wait_for(&mut self, waiting: Waiting, expect: Expect) {
        self.session.waiting = Some(waiting);
        self.expect = Some(expect);
    }

    /// Notes how the current step is left; `way` is only made when somebody asks.
    pub fn took(&mut self, way: impl FnOnce() -> String) {
        if self.program.traced {
            self.note(Some(way()));
        }
    }

    fn note(&mut self, way: Option<String>) {
        if let Some(frame) = self.session.stack.last().filter(|_| self.program.traced) {
            self.trace.push(Taken { flow: frame.flow.clone(), step: frame.step.clone(), way });
        }
    }

    /// Goes on by `key` of a step's `then`, or by its default.
    pub fn go_by(
        &mut self,
        then: &std::collections::BTreeMap<String, StepIndex>,
        otherwise: StepIndex,
        key: &str,
    ) -> Result<(), String> {
        let target = then.get(key).copied();
        self.took(|| format!("then/{}", if target.is_some() { key } else { "default" }));
        self.go(target.unwrap_or(otherwise))
    }

    /// Moves the current flow to one of its steps.
    pub fn go(&mut self, target: StepIndex) -> Result<(), String> {
        let Some((flow, _)) = self.current() else { return Err("there is no flow to go on with".to_owned()) };
        let step =
            flow.steps.get(target).ok_or_else(|| format!("flow `{}` has no step {target}", flow.key))?;
        self.session.tries = 0;
        self.session.conversation.nodes.push(step.name.clone());
        if let Some(frame) = self.session.stack.last_mut() {
            (frame.step, frame.done) = (step.name.clone(), 0);
        }
        self.note(None);
        Ok(())
    }

    /// Enters a flow on top of the stack.
    pub fn push(&mut self, flow: &Flow, step: StepIndex) {
        let name = flow.steps.get(step).map(|step| step.name.clone()).unwrap_or_default();
        self.session.tries = 0;
        self.session.conversation.nodes.push(name.clone());
        self.session.stack.push(Frame { flow: flow.key.clone(), step: name, done: 0 });
        self.note(None);
    }

    fn webhook_answered(&mut self, input: Input) {
        let value = match input {
            Input::WebhookAnswer(value) => value,
            // No answer is an answer too: expressions see null.
            _ => Value::Null,
        };
        let done = self.session.stack.last().map_or(0, |frame| frame.done);
        let action = self.current().and_then(|(_, step)| step.actions.get(done));
        if let Some(Action::Webhook { save_as: Some(name), .. }) = action {
            self.session.answers.insert(name.clone(), value);
        }
        if let Some(frame) = self.session.stack.last_mut() {
            frame.done += 1;
        }
        self.follow();
    }

    fn voicemail(&mut self) {
        let Some(flow) = self.program.flow(self.program.root) else {
            return self.fail(format!("there is no flow `{}`", self.program.root));
        };
        // The message is the called flow's own, also when a flow inside it was running.
        self.session.stack.truncate(1);
        if self.session.stack.is_empty() {
            self.session.stack.push(Frame { flow: flow.key.clone(), step: String::new(), done: 0 });
        }
        let Some(ending) = &flow.voicemail else { return self.finish(Outcome::Voicemail, "voicemail") };
        if let Some(text) = &ending.say
            && let Err(problem) = self.say(text)
        {
            return self.fail(problem);
        }
        let outcome = match flow.outcome_of(&ending.disposition) {
            Outcome::Answered => Outcome::Voicemail,
            other => other,
        };
        self.finish(outcome, &ending.disposition);
    }

    /// The call is over. A recorded opt-out outweighs whatever the flow calls its ending.
    pub fn finish(&mut self, outcome: Outcome, disposition: &str) {
        let outcome = if self.has_opted_out() { Outcome::OptedOut } else { outcome };
        self.session.conversation.ended = Some(Ended { outcome, disposition: disposition.to_owned() });
        (self.session.waiting, self.expect) = (None, None);
    }

    /// The flow cannot be followed: a polite end, and the reason for its author.
    pub fn fail(&mut self, problem: String) {
        self.fault = Some(problem);
        self.say_if_known("goodbye");
        self.finish(Outcome::Answered, "flow_error");
    }
}
