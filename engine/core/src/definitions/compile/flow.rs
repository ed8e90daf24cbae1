//! Flows: step names to indexes, actions in the order written, one exit per step.

use std::collections::BTreeMap;

use super::super::diagnostic::{Findings, Place};
use super::super::expression::Expression;
use super::super::model::flow::{
    Action, Ask, CallBackTime, Ending, Exit, Flow, FlowStep, StepIndex, TransferTarget,
};
use super::super::raw::flow::{RawEnding, RawFlow, RawRecording, RawStep};
use super::super::raw::{OneOrMany, RawScore, RawValue};
use super::super::source::escape;
use super::{CALL_BACK_LATER, delay, exact, expression};

/// Keys of a step that decide where it leaves to, in the order in which they are explained.
pub const EXITS: [&str; 7] = ["next", "branch", "ask", "ask_consent", "transfer", "run", "end"];
/// Keys of `then` that are not answers of the script.
pub const RESERVED_ANSWERS: [&str; 4] = ["default", "no_input", "no_match", "said"];
/// Answers every flow understands; a step may say in `then` where they lead.
pub const GLOBAL_ANSWERS: [&str; 3] = ["opt_out", "agent", "wrong_number"];
/// Results of a transfer.
pub const TRANSFER_RESULTS: [&str; 4] = ["bridged", "no_answer", "busy", "failed"];

const MAX_DURATION_S: u32 = 600;
const LONGEST_CALL_S: i64 = 4 * 3_600;

pub fn compile(raw: &RawFlow, findings: &mut Findings<'_>) -> Flow {
    let names: Vec<String> =
        findings.source.root().keys_at("/steps").into_iter().map(str::to_owned).collect();
    let mut compiler = Compiler { names, findings };
    let steps: Vec<FlowStep> =
        compiler.names.clone().iter().filter_map(|name| compiler.step(name, raw.steps.get(name)?)).collect();
    let start = raw.start.as_ref().map_or(0, |name| compiler.target("/start", name));
    let max_duration_s = compiler.max_duration(raw.max_duration.as_deref());
    Flow {
        key: raw.flow.clone(),
        title: raw.title.clone(),
        script: raw.script.clone().unwrap_or_else(|| raw.flow.clone()),
        start,
        steps,
        voicemail: raw.voicemail.as_ref().map(ending),
        endings: raw.endings.clone().unwrap_or_default(),
        no_input_limit: raw.no_input_limit.unwrap_or(3),
        max_duration_s,
        operator: Some(raw.operator.as_deref().map_or(TransferTarget::Agent, transfer_target)),
    }
}

fn ending(raw: &RawEnding) -> Ending {
    Ending { say: raw.say.clone(), disposition: raw.end.clone() }
}

/// `agent`, a number in international form, or the name of a queue.
pub fn transfer_target(text: &str) -> TransferTarget {
    match text {
        "agent" => TransferTarget::Agent,
        number if number.starts_with('+') => TransferTarget::Number(number.to_owned()),
        queue => TransferTarget::Queue(queue.to_owned()),
    }
}

struct Compiler<'f, 's> {
    names: Vec<String>,
    findings: &'f mut Findings<'s>,
}

impl Compiler<'_, '_> {
    fn step(&mut self, name: &str, raw: &RawStep) -> Option<FlowStep> {
        let pointer = format!("/steps/{name}");
        let written: Vec<String> =
            self.findings.source.root().keys_at(&pointer).into_iter().map(str::to_owned).collect();
        let actions = written.iter().flat_map(|key| self.actions(&pointer, key, raw)).collect();
        self.stray_keys(&pointer, &written, raw);
        let exit = self.exit(&pointer, name, &written, raw)?;
        Some(FlowStep { name: name.to_owned(), actions, exit })
    }

    fn actions(&mut self, pointer: &str, key: &str, raw: &RawStep) -> Vec<Action> {
        let at = format!("{pointer}/{key}");
        match key {
            "say" => {
                let texts = raw.say.iter().flat_map(OneOrMany::as_slice);
                texts.map(|text| Action::Say { text: text.clone() }).collect()
            }
            "play" => raw.play.iter().map(|audio| Action::Play { audio: audio.clone() }).collect(),
            "set" => raw.set.iter().map(|values| Action::Set { values: self.values(&at, values) }).collect(),
            "score" => {
                let parts = raw.score.as_ref().map(RawScore::parts);
                parts.map(|(by, because)| Action::Score { by, because }).into_iter().collect()
            }
            "record_event" => {
                let fields = raw
                    .with
                    .as_ref()
                    .map_or_else(BTreeMap::new, |fields| self.values(&format!("{pointer}/with"), fields));
                raw.record_event
                    .iter()
                    .map(|event| Action::RecordEvent { event: event.clone(), fields: fields.clone() })
                    .collect()
            }
            "recording" => raw
                .recording
                .iter()
                .map(|switch| Action::Recording { on: *switch == RawRecording::Start })
                .collect(),
            "webhook" => raw
                .webhook
                .iter()
                .map(|endpoint| Action::Webhook { endpoint: endpoint.clone(), save_as: raw.save_as.clone() })
                .collect(),
            "call_back" => self.call_back(pointer, raw).into_iter().collect(),
            "opt_out" => raw.opt_out.filter(|on| *on).map(|_| Action::OptOut).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    fn call_back(&mut self, pointer: &str, raw: &RawStep) -> Option<Action> {
        let text = raw.call_back.as_deref()?;
        let when = if text == "when_asked" {
            let later = raw
                .or_after
                .as_deref()
                .and_then(|text| delay(self.findings, &format!("{pointer}/or_after"), text));
            CallBackTime::WhenAsked { otherwise: later.unwrap_or(CALL_BACK_LATER) }
        } else {
            CallBackTime::After(delay(self.findings, &format!("{pointer}/call_back"), text)?)
        };
        Some(Action::CallBack { when })
    }

    fn values(&mut self, pointer: &str, values: &BTreeMap<String, RawValue>) -> BTreeMap<String, Expression> {
        let compiled = values.iter().filter_map(|(name, value)| {
            let at = format!("{pointer}/{}", escape(name));
            Some((name.clone(), expression(self.findings, &at, &value.source())?))
        });
        compiled.collect()
    }

    fn exit(&mut self, pointer: &str, name: &str, written: &[String], raw: &RawStep) -> Option<Exit> {
        let exits: Vec<&str> =
            EXITS.into_iter().filter(|exit| written.iter().any(|key| key == exit)).collect();
        match exits.as_slice() {
            [] => {
                self.findings
                    .error(
                        "no-way-out",
                        Place::key(pointer),
                        format!("step `{name}` does not say what comes next"),
                    )
                    .label("leads nowhere")
                    .help("add `next: STEP` or `end: DISPOSITION`");
                return None;
            }
            [_] => {}
            [first, second, ..] => {
                self.findings
                    .error(
                        "two-ways-out",
                        Place::key(format!("{pointer}/{second}")),
                        format!("step `{name}` leaves through `{first}` and through `{second}`"),
                    )
                    .help("keep one, or make two steps");
            }
        }
        match exits[0] {
            "next" => Some(Exit::Next(self.target(&format!("{pointer}/next"), raw.next.as_deref()?))),
            "branch" => self.branch(pointer, raw),
            "ask" => self.ask(pointer, raw).map(Exit::Ask),
            "ask_consent" => self.consent(pointer, raw),
            "transfer" => {
                let (then, otherwise) = self.then(pointer, raw, "transfer")?;
                Some(Exit::Transfer { target: transfer_target(raw.transfer.as_deref()?), then, otherwise })
            }
            "run" => {
                let mut then = self.targets(pointer, raw);
                let otherwise = then.remove("default");
                Some(Exit::SubFlow { flow: raw.run.clone()?, then, otherwise })
            }
            _ => Some(Exit::End(Ending { say: None, disposition: raw.end.clone()? })),
        }
    }

    fn branch(&mut self, pointer: &str, raw: &RawStep) -> Option<Exit> {
        let arms = raw.branch.iter().flatten().enumerate().filter_map(|(index, arm)| {
            let condition =
                expression(self.findings, &format!("{pointer}/branch/{index}/if"), &arm.condition);
            let step = self.target(&format!("{pointer}/branch/{index}/go"), &arm.go);
            Some((condition?, step))
        });
        let arms = arms.collect();
        let Some(otherwise) = raw.otherwise.as_deref() else {
            self.findings
                .error(
                    "missing-default",
                    Place::key(format!("{pointer}/branch")),
                    "a branch needs `otherwise`",
                )
                .label("what if no condition holds?")
                .help("add `otherwise: STEP` beside `branch`");
            return None;
        };
        let otherwise = self.target(&format!("{pointer}/otherwise"), otherwise);
        Some(Exit::Branch { arms, otherwise })
    }

    fn ask(&mut self, pointer: &str, raw: &RawStep) -> Option<Ask> {
        let keys = raw.keys.iter().flatten().filter_map(|(key, answer)| {
            let mut chars = key.chars();
            if let (Some(pressed @ ('0'..='9' | '*' | '#')), None) = (chars.next(), chars.next()) {
                return Some((pressed, answer.clone()));
            }
            let place = Place::key(format!("{pointer}/keys/{}", escape(key)));
            self.findings
                .error("bad-key-press", place, format!("`{key}` is no key of a telephone"))
                .label("one of 0-9, *, #");
            None
        });
        let keys: BTreeMap<char, String> = keys.collect();
        let timeout =
            raw.timeout.as_deref().and_then(|text| exact(self.findings, &format!("{pointer}/timeout"), text));
        let named = raw.then.iter().flat_map(BTreeMap::keys).map(String::as_str);
        let listed = raw.answers.iter().flatten().map(String::as_str);
        let mut answers: Vec<String> = Vec::new();
        for answer in named.chain(listed).chain(keys.values().map(String::as_str)) {
            let is_own = !RESERVED_ANSWERS.contains(&answer) && !GLOBAL_ANSWERS.contains(&answer);
            if is_own && !answers.iter().any(|known| known == answer) {
                answers.push(answer.to_owned());
            }
        }
        let (then, otherwise) = self.then(pointer, raw, "ask")?;
        Some(Ask {
            text: raw.ask.clone()?,
            keys,
            answers,
            save_as: raw.save_as.clone(),
            open: raw.open.unwrap_or(false),
            tries: raw.tries.unwrap_or(2),
            timeout_s: timeout.map_or(6, |length| length.num_seconds().clamp(1, 60) as u32),
            then,
            otherwise,
        })
    }

    fn consent(&mut self, pointer: &str, raw: &RawStep) -> Option<Exit> {
        let purpose = raw.ask_consent?.purpose();
        let words = raw.words.clone().unwrap_or_else(|| match purpose {
            crate::domain::consent::Purpose::Recording => "may_record".to_owned(),
            other => format!("may_{other}"),
        });
        for key in raw.then.iter().flat_map(BTreeMap::keys) {
            if !matches!(key.as_str(), "granted" | "default") {
                self.findings
                    .error(
                        "unknown-answer",
                        Place::key(format!("{pointer}/then/{key}")),
                        format!("a consent is granted or not; `{key}` is neither"),
                    )
                    .help("use `granted` and `default`");
            }
        }
        let (then, otherwise) = self.then(pointer, raw, "ask_consent")?;
        let Some(&granted) = then.get("granted") else {
            self.findings
                .error(
                    "missing-answer",
                    Place::key(format!("{pointer}/then")),
                    "`then` does not say where consent leads",
                )
                .help("add `granted: STEP`");
            return None;
        };
        Some(Exit::Consent { purpose: purpose.as_str().to_owned(), words, granted, otherwise })
    }

    /// The `then` of a step: every entry but `default`, and `default`, which is obligatory.
    fn then(
        &mut self,
        pointer: &str,
        raw: &RawStep,
        exit: &str,
    ) -> Option<(BTreeMap<String, StepIndex>, StepIndex)> {
        let mut then = self.targets(pointer, raw);
        let Some(otherwise) = then.remove("default") else {
            let key = if raw.then.is_some() { "then" } else { exit };
            self.findings
                .error(
                    "missing-default",
                    Place::key(format!("{pointer}/{key}")),
                    format!("`{exit}` needs a `default` in `then`"),
                )
                .label("silence and everything not listed must lead somewhere")
                .help("add `default: STEP` to `then`");
            return None;
        };
        Some((then, otherwise))
    }

    /// The steps that `then` names.
    fn targets(&mut self, pointer: &str, raw: &RawStep) -> BTreeMap<String, StepIndex> {
        let mut then = BTreeMap::new();
        for (answer, step) in raw.then.iter().flatten() {
            let target = self.target(&format!("{pointer}/then/{}", escape(answer)), step);
            then.insert(answer.clone(), target);
        }
        then
    }

    fn target(&mut self, pointer: &str, name: &str) -> StepIndex {
        if let Some(index) = self.names.iter().position(|step| step == name) {
            return index;
        }
        self.findings
            .error("unknown-target", Place::value(pointer), format!("there is no step `{name}`"))
            .label("not a step of this flow")
            .suggest(name, self.names.iter().map(String::as_str));
        0
    }

    /// Keys that mean nothing beside the others: silently ignoring them would surprise.
    fn stray_keys(&mut self, pointer: &str, written: &[String], raw: &RawStep) {
        let has = |key: &str| written.iter().any(|each| each == key);
        let asks = has("ask");
        let leads_on = asks || has("ask_consent") || has("transfer") || has("run");
        let rules: [(&str, bool, &str); 11] = [
            ("with", has("record_event"), "record_event"),
            ("or_after", raw.call_back.as_deref() == Some("when_asked"), "call_back: when_asked"),
            ("otherwise", has("branch"), "branch"),
            ("keys", asks, "ask"),
            ("answers", asks, "ask"),
            ("open", asks, "ask"),
            ("tries", asks, "ask"),
            ("timeout", asks, "ask"),
            ("save_as", asks || has("webhook"), "ask` or `webhook"),
            ("words", has("ask_consent"), "ask_consent"),
            ("then", leads_on, "ask`, `ask_consent`, `transfer` or `run"),
        ];
        for (key, fits, owner) in rules {
            if has(key) && !fits {
                self.findings
                    .error(
                        "stray-key",
                        Place::key(format!("{pointer}/{key}")),
                        format!("`{key}` does nothing without `{owner}`"),
                    )
                    .label("has no effect here");
            }
        }
    }

    fn max_duration(&mut self, text: Option<&str>) -> u32 {
        let Some(length) = text.and_then(|text| exact(self.findings, "/max_duration", text)) else {
            return MAX_DURATION_S;
        };
        let seconds = length.num_seconds();
        if !(10..=LONGEST_CALL_S).contains(&seconds) {
            self.findings.error(
                "out-of-range",
                Place::value("/max_duration"),
                "a call may last from 10 seconds to 4 hours",
            );
        }
        seconds.clamp(10, LONGEST_CALL_S) as u32
    }
}
