//! Leaving a step: to the next one, to a question, to a person, into another flow, or out of the call.

use super::interpreter::{Expect, Expected, Run};
use super::session::{Effect, Waiting};
use crate::definitions::model::flow::{Ask, Ending, Exit, StepIndex, TransferTarget};
use crate::domain::consent::Purpose;
use crate::domain::outcome::Outcome;

/// Flows inside flows.
const DEEPEST: usize = 8;
/// Seconds of silence after a consent question.
pub(super) const CONSENT_TIMEOUT_S: u32 = 6;
/// Seconds a transfer may ring.
const TRANSFER_TIMEOUT_S: u32 = 30;

impl Run<'_, '_> {
    pub(super) fn leave(&mut self, exit: &Exit) -> Result<(), String> {
        match exit {
            Exit::Next(target) => self.go(*target),
            Exit::Branch { arms, otherwise } => {
                let context = self.program.context(&self.session);
                for (arm, (condition, target)) in arms.iter().enumerate() {
                    if condition.eval_bool(&context).map_err(|problem| problem.to_string())? {
                        self.took(|| format!("branch/{arm}"));
                        return self.go(*target);
                    }
                }
                self.took(|| "otherwise".to_owned());
                self.go(*otherwise)
            }
            Exit::Ask(ask) => {
                if self.must_end_unrecorded() {
                    self.end_unrecorded();
                    return Ok(());
                }
                self.ask(ask)
            }
            Exit::Consent { purpose, words, .. } => {
                self.say(words)?;
                self.wait(
                    Waiting::Consent,
                    Expected::Consent { purpose: purpose.clone() },
                    CONSENT_TIMEOUT_S,
                );
                Ok(())
            }
            Exit::Transfer { target, .. } => {
                if self.must_end_unrecorded() {
                    self.end_unrecorded();
                    return Ok(());
                }
                self.transfer(target);
                Ok(())
            }
            Exit::SubFlow { flow, .. } => {
                let found = self.program.flow(flow).ok_or_else(|| format!("there is no flow `{flow}`"))?;
                if self.session.stack.len() >= DEEPEST {
                    return Err(format!("more than {DEEPEST} flows run inside each other"));
                }
                self.push(found, found.start);
                Ok(())
            }
            Exit::End(ending) => self.end(ending),
        }
    }

    /// Speaks the question and waits for an answer.
    pub(super) fn ask(&mut self, ask: &Ask) -> Result<(), String> {
        self.say(&ask.text)?;
        self.wait_for(
            Waiting::Answer,
            Expect {
                kind: Expected::Answer,
                answers: ask.answers.clone(),
                keys: ask.keys.clone(),
                open: ask.open,
                timeout_s: ask.timeout_s,
            },
        );
        Ok(())
    }

    pub(super) fn transfer(&mut self, target: &TransferTarget) {
        let target = match target {
            TransferTarget::Agent => "agent".to_owned(),
            TransferTarget::Queue(name) | TransferTarget::Number(name) => name.clone(),
        };
        self.effect(Effect::Transfer { target: target.clone(), result: None, after_ms: None });
        self.wait(Waiting::Transfer, Expected::Transfer { target }, TRANSFER_TIMEOUT_S);
    }

    /// The end of the current flow: of the call, or of a flow inside another, which then goes on by its disposition.
    fn end(&mut self, ending: &Ending) -> Result<(), String> {
        if let Some(text) = &ending.say {
            self.say(text)?;
        }
        let disposition = &ending.disposition;
        let mut outcome = self.current().map_or(Outcome::Answered, |(flow, _)| flow.outcome_of(disposition));
        while self.session.stack.len() > 1 {
            self.session.stack.pop();
            let (caller, step) =
                self.current().ok_or("the step that ran the flow is not in its flow any more")?;
            let Exit::SubFlow { then, otherwise, .. } = &step.exit else {
                return Err("the flow that ended was not run by the step below it".to_owned());
            };
            if let Some(target) = then.get(disposition).copied().or(*otherwise) {
                return self.go_by(then, target, disposition);
            }
            // The caller ends in the same way, unless it counts this ending differently.
            outcome = caller.endings.get(disposition).copied().unwrap_or(outcome);
        }
        self.finish(outcome, disposition);
        Ok(())
    }

    /// Recording was refused, and the campaign does not talk to people unrecorded: the flow may say goodbye, not go on.
    fn must_end_unrecorded(&self) -> bool {
        self.session.recording_consent == Some(false) && !self.program.continues_unrecorded
    }

    fn end_unrecorded(&mut self) {
        self.say_if_known("goodbye_unrecorded");
        self.finish(Outcome::Answered, "recording_refused");
    }

    /// Records a consent and goes on by it.
    pub(super) fn settle_consent(
        &mut self,
        purpose: &str,
        wording: String,
        granted: bool,
        target: StepIndex,
    ) -> Result<(), String> {
        if purpose == Purpose::Recording.as_str() {
            self.session.recording_consent = Some(granted);
        }
        self.effect(Effect::Consent { purpose: purpose.to_owned(), granted, wording });
        self.go(target)
    }
}
