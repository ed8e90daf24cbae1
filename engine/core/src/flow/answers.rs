//! What the callee did, and where it leads: answers of the question, words every flow understands, silence, transfers.

use super::interpreter::{Input, Run, TransferResult, Transferred};
use super::render;
use super::session::{Effect, Line};
use super::understand::{self, Consented, Heard, Vocabulary};
use crate::definitions::model::flow::{Ask, Exit, TransferTarget};
use crate::domain::outcome::Outcome;
use serde_json::Value;

/// A consent question is asked again once; then anything but a yes is a no.
const CONSENT_TRIES: u32 = 2;

impl Run<'_, '_> {
    pub(super) fn answered(&mut self, input: Input) {
        let Some(Exit::Ask(ask)) = self.current().map(|(_, step)| &step.exit) else { return self.follow() };
        let heard = self.hear(&input, Some(ask));
        let result = match heard {
            Heard::Answer(answer) => {
                let value = Value::String(answer.clone());
                self.take_answer(ask, &answer, value)
            }
            Heard::Free(words) => self.take_answer(ask, "said", Value::String(words)),
            Heard::Silence => self.ask_again(ask, "did_not_hear", "no_input"),
            Heard::Nothing => self.ask_again(ask, "did_not_understand", "no_match"),
            Heard::OptOut | Heard::Agent | Heard::WrongNumber => self.global(&heard, Some(ask)),
        };
        self.go_on(result);
    }

    pub(super) fn consented(&mut self, input: Input) {
        let Some(Exit::Consent { purpose, words, granted, otherwise }) =
            self.current().map(|(_, step)| &step.exit)
        else {
            return self.follow();
        };
        let heard = self.hear(&input, None);
        if matches!(heard, Heard::OptOut | Heard::Agent | Heard::WrongNumber) {
            let result = self.global(&heard, None);
            return self.go_on(result);
        }
        let answer = match &input {
            Input::Said(text) => {
                self.vocabulary().map_or(Consented::Unclear, |words| understand::consent(&words, text))
            }
            Input::Pressed('1') => Consented::Granted,
            Input::Pressed(_) => Consented::Refused,
            _ => Consented::Unclear,
        };
        self.session.tries += 1;
        if answer == Consented::Unclear {
            let courtesy = if input == Input::Silence { "did_not_hear" } else { "did_not_understand" };
            if self.gave_up() {
                return;
            }
            if self.session.tries < CONSENT_TRIES {
                self.say_if_known(courtesy);
                return self.follow();
            }
        } else {
            self.session.silent = 0;
        }
        let is_granted = answer == Consented::Granted;
        let wording =
            render::text(self.program, &self.session, words).map(|spoken| spoken.text).unwrap_or_default();
        let target = if is_granted { *granted } else { *otherwise };
        self.took(|| format!("then/{}", if is_granted { "granted" } else { "default" }));
        let result = self.settle_consent(purpose, wording, is_granted, target);
        self.go_on(result);
    }

    pub(super) fn transferred(&mut self, input: &Input) {
        let Transferred { result, after_ms } = match input {
            Input::Transfer(transferred) => *transferred,
            _ => TransferResult::Failed.into(),
        };
        let transfers = self.session.conversation.effects.iter_mut().rev();
        if let Some(known) = transfers.into_iter().find_map(|effect| match effect {
            Effect::Transfer { result, after_ms, .. } => Some((result, after_ms)),
            _ => None,
        }) {
            *known.0 = Some(result.as_str().to_owned());
            *known.1 = after_ms;
        }
        match self.current().map(|(_, step)| &step.exit) {
            Some(Exit::Transfer { then, otherwise, .. }) => {
                let moved = self.go_by(then, *otherwise, result.as_str());
                self.go_on(moved);
            }
            // The callee asked for a person in the middle of something else.
            _ if result == TransferResult::Bridged => self.finish(Outcome::Answered, "transferred"),
            _ => {
                self.say_if_known("nobody_free");
                self.effect(Effect::CallBack { after_s: None, said: None });
                self.finish(Outcome::CallbackRequested, "callback_requested");
            }
        }
    }

    fn go_on(&mut self, result: Result<(), String>) {
        match result {
            Ok(()) => self.follow(),
            Err(problem) => self.fail(problem),
        }
    }

    /// Writes the input into the transcript and makes sense of it.
    fn hear(&mut self, input: &Input, ask: Option<&Ask>) -> Heard {
        let transcript = &mut self.session.conversation.transcript;
        match input {
            Input::Said(text) if !text.trim().is_empty() => {
                transcript.push(Line::Callee(text.clone()));
                self.vocabulary().map_or(Heard::Nothing, |words| understand::hear(&words, ask, text))
            }
            Input::Pressed(key) => {
                transcript.push(Line::Key(*key));
                match ask.and_then(|ask| ask.keys.get(key)).map(String::as_str) {
                    Some("opt_out") => Heard::OptOut,
                    Some("agent") => Heard::Agent,
                    Some("wrong_number") => Heard::WrongNumber,
                    Some(answer) => Heard::Answer(answer.to_owned()),
                    None => Heard::Nothing,
                }
            }
            _ => {
                transcript.push(Line::Silence);
                Heard::Silence
            }
        }
    }

    fn vocabulary(&self) -> Option<Vocabulary<'_>> {
        let (flow, _) = self.current()?;
        Some(Vocabulary { script: self.program.script(&flow.script)?, language: &self.session.language })
    }

    fn take_answer(&mut self, ask: &Ask, answer: &str, value: Value) -> Result<(), String> {
        self.session.silent = 0;
        if let Some(name) = &ask.save_as {
            self.session.answers.insert(name.clone(), value);
        }
        self.go_by(&ask.then, ask.otherwise, answer)
    }

    /// Silence, or words without meaning: once more, then on by `key`.
    fn ask_again(&mut self, ask: &Ask, courtesy: &str, key: &str) -> Result<(), String> {
        if self.gave_up() {
            return Ok(());
        }
        self.session.tries += 1;
        if self.session.tries < ask.tries {
            self.say_if_known(courtesy);
            return Ok(()); // `follow` meets the same question again.
        }
        self.go_by(&ask.then, ask.otherwise, key)
    }

    /// Counts a turn without an answer; too many in a row end the call.
    fn gave_up(&mut self) -> bool {
        self.session.silent += 1;
        let limit = self.program.flow(self.program.root).map_or(3, |flow| flow.no_input_limit);
        let is_over = self.session.silent >= limit.max(1);
        if is_over {
            self.say_if_known("goodbye_silent");
            self.finish(Outcome::Answered, "no_input");
        }
        is_over
    }

    /// What every flow understands. A question may say where it leads; an opt-out is recorded in any case, at once (CRM-5).
    fn global(&mut self, heard: &Heard, ask: Option<&Ask>) -> Result<(), String> {
        self.session.silent = 0;
        let (name, text) = match heard {
            Heard::OptOut => ("opt_out", "opted_out"),
            Heard::WrongNumber => ("wrong_number", "wrong_number"),
            _ => ("agent", "connecting"),
        };
        match heard {
            Heard::OptOut => self.opt_out(),
            Heard::WrongNumber => self.effect(Effect::WrongNumber),
            _ => {}
        }
        if let Some(ask) = ask.filter(|ask| ask.then.contains_key(name)) {
            return self.go_by(&ask.then, ask.otherwise, name);
        }
        self.say_if_known(text);
        match heard {
            Heard::OptOut => self.finish(Outcome::OptedOut, "opted_out"),
            Heard::WrongNumber => self.finish(Outcome::WrongNumber, "wrong_number"),
            _ => {
                let operator = self.current().and_then(|(flow, _)| flow.operator.clone());
                self.transfer(&operator.unwrap_or(TransferTarget::Agent));
            }
        }
        Ok(())
    }
}
