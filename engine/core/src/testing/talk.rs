//! Plays a conversation: what the callee does as written, what the agent says compared.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

use super::coverage::Coverage;
use super::expect::{Differences, list, number};
use super::given;
use super::suite::Failure;
use crate::definitions::library::Library;
use crate::definitions::model::flow::Flow;
use crate::definitions::raw::test::{RawCallBackExpected, RawExpect, RawGranted, RawHear, RawKey, RawTalk};
use crate::flow::interpreter::{self, Expected, Input, Program, Prompt, TransferResult, Turn};
use crate::flow::session::{Conversation, Effect, Session};

/// Plays a case of a flow.
pub(super) fn case(
    library: &Library,
    flow: &Flow,
    given: &Map<String, Value>,
    talk: &[RawTalk],
    expect: &RawExpect,
    coverage: &mut Coverage,
) -> Result<(), Failure> {
    let variables = given::variables(given);
    let played = play(library, flow, &variables, talk, "/talk", coverage)?;
    let Some(ended) = &played.conversation.ended else {
        let message = format!("the call goes on: it waits for {}", played.waits_for);
        return Err(Failure::new("/talk", message).after(&played.so_far));
    };
    let mut differences = Differences::default();
    differences.compare("end", expect.end.as_deref(), ended.disposition.as_str());
    differences.compare("outcome", expect.outcome.as_deref(), ended.outcome.as_str());
    compare(&mut differences, expect, &played.conversation, &played.session);
    differences.result().map_err(|failure| failure.after(&played.so_far))
}

/// A conversation played to the end of what is written.
pub(super) struct Played {
    pub conversation: Conversation,
    session: Session,
    waits_for: String,
    pub so_far: Vec<String>,
}

/// Plays `talk` with `flow`.
pub(super) fn play(
    library: &Library,
    flow: &Flow,
    variables: &Value,
    talk: &[RawTalk],
    pointer: &str,
    coverage: &mut Coverage,
) -> Result<Played, Failure> {
    let program = Program::of_parts(library.flow_map(), library.script_map(), &flow.key, variables).traced();
    let language = variables.pointer("/lead/language").and_then(Value::as_str).unwrap_or("en");
    let opens_with_machine =
        talk.iter().find(|entry| !is_about_words(entry)).is_some_and(|entry| entry.machine == Some(true));
    let turn = if opens_with_machine {
        interpreter::voicemail(&program, language)
    } else {
        interpreter::start(&program, language)
    };
    let mut stage = Stage { program, turn, so_far: Vec::new(), machine: opens_with_machine };
    stage.note(coverage)?;
    if opens_with_machine {
        coverage.voicemail(&flow.key);
    }
    for (index, entry) in talk.iter().enumerate() {
        let at = format!("{pointer}/{index}");
        stage.entry(&flow.key, entry, &at, coverage).map_err(|failure| failure.after(&stage.so_far))?;
    }
    let waits_for = stage.turn.expect.as_ref().map_or_else(String::new, |expect| waiting(&expect.kind));
    let session = stage.turn.session;
    Ok(Played { conversation: session.conversation.clone(), session, waits_for, so_far: stage.so_far })
}

fn is_about_words(entry: &RawTalk) -> bool {
    entry.hear.is_some() || entry.not_hear.is_some()
}

struct Stage<'a> {
    program: Program<'a>,
    turn: Turn,
    so_far: Vec<String>,
    machine: bool,
}

impl Stage<'_> {
    /// Keeps what was said and which way was taken. A fault of the flow fails the case.
    fn note(&mut self, coverage: &mut Coverage) -> Result<(), Failure> {
        coverage.taken(&self.turn.trace);
        for prompt in &self.turn.prompts {
            self.so_far.push(format!("agent:  {}", words(prompt)));
        }
        match &self.turn.fault {
            Some(fault) => {
                Err(Failure::new("", format!("the flow cannot be followed: {fault}")).after(&self.so_far))
            }
            None => Ok(()),
        }
    }

    fn entry(
        &mut self,
        flow: &str,
        entry: &RawTalk,
        at: &str,
        coverage: &mut Coverage,
    ) -> Result<(), Failure> {
        if let Some(hear) = &entry.hear {
            return self.hears(hear, at);
        }
        if let Some(hear) = &entry.not_hear {
            return match self.hears(hear, at) {
                Ok(()) => Err(Failure::between(
                    at,
                    "this is said",
                    format!("not: {}", describe(hear)),
                    self.heard(),
                )),
                Err(_) => Ok(()),
            };
        }
        if entry.machine == Some(true) {
            if std::mem::take(&mut self.machine) {
                return Ok(());
            }
            coverage.voicemail(flow);
        }
        let (input, shown) = self.input(entry, at)?;
        if self.turn.expect.is_none() {
            let ended = self.turn.session.conversation.disposition();
            return Err(Failure::new(at, format!("the call has ended already, as `{ended}`")));
        }
        self.so_far.push(format!("callee: {shown}"));
        self.turn = interpreter::resume(&self.program, self.turn.session.clone(), input);
        self.note(coverage)
    }

    fn input(&self, entry: &RawTalk, at: &str) -> Result<(Input, String), Failure> {
        let expected = self.turn.expect.as_ref().map(|expect| &expect.kind);
        let wants = |is: bool, what: &str| match expected {
            Some(kind) if !is => {
                Err(Failure::new(at, format!("{what}, but the flow waits for {}", waiting(kind))))
            }
            _ => Ok(()),
        };
        if let Some(words) = &entry.answer {
            wants(matches!(expected, Some(Expected::Answer | Expected::Consent { .. })), "this answers")?;
            return Ok((Input::Said(words.clone()), words.clone()));
        }
        if let Some(key) = &entry.press {
            let text = match key {
                RawKey::Digit(digit) => digit.to_string(),
                RawKey::Sign(sign) => sign.clone(),
            };
            let key = text.chars().next().filter(|_| text.chars().count() == 1);
            let key = key.ok_or_else(|| Failure::new(at, format!("`{text}` is no key of a telephone")))?;
            wants(
                matches!(expected, Some(Expected::Answer | Expected::Consent { .. })),
                "this presses a key",
            )?;
            return Ok((Input::Pressed(key), format!("[{key}]")));
        }
        if let Some(result) = &entry.transfer {
            let result: TransferResult = result
                .parse()
                .map_err(|problem: crate::domain::UnknownText| Failure::new(at, problem.to_string()))?;
            wants(matches!(expected, Some(Expected::Transfer { .. })), "this answers a transfer")?;
            return Ok((Input::Transfer(result.into()), format!("[transfer: {result}]")));
        }
        if let Some(answer) = &entry.webhook {
            wants(matches!(expected, Some(Expected::Webhook { .. })), "this answers for an endpoint")?;
            return Ok((Input::WebhookAnswer(answer.clone()), format!("[endpoint: {answer}]")));
        }
        if entry.hang_up == Some(true) {
            return Ok((Input::HungUp, "[hangs up]".to_owned()));
        }
        if entry.machine == Some(true) {
            return Ok((Input::Machine, "[a machine]".to_owned()));
        }
        if entry.silence == Some(true) {
            return Ok((Input::Silence, "[silence]".to_owned()));
        }
        Err(Failure::new(at, "this entry does nothing; write `true` or leave it out"))
    }

    fn heard(&self) -> String {
        self.turn.prompts.iter().map(words).collect::<Vec<_>>().join("\n")
    }

    fn hears(&self, hear: &RawHear, at: &str) -> Result<(), Failure> {
        let all = self.turn.prompts.iter().map(words).collect::<Vec<_>>().join(" ");
        let is_said = match hear {
            RawHear::Part(part) => spaced(&all).to_lowercase().contains(&spaced(part).to_lowercase()),
            RawHear::Rule(rule) => match (&rule.text, &rule.matches) {
                (Some(text), None) => {
                    self.turn.prompts.iter().any(|prompt| spaced(&words(prompt)) == spaced(text))
                }
                (None, Some(pattern)) => {
                    let pattern = Regex::new(pattern).map_err(|error| Failure::new(at, error.to_string()))?;
                    pattern.is_match(&spaced(&all))
                }
                _ => return Err(Failure::new(at, "write `text` or `matches`, one of both")),
            },
        };
        if is_said {
            return Ok(());
        }
        Err(Failure::between(at, "this is not said", describe(hear), self.heard()))
    }
}

fn describe(hear: &RawHear) -> String {
    match hear {
        RawHear::Part(part) => format!("… {} …", spaced(part)),
        RawHear::Rule(rule) => rule
            .text
            .as_deref()
            .map(spaced)
            .or_else(|| rule.matches.as_ref().map(|pattern| format!("/{pattern}/")))
            .unwrap_or_default(),
    }
}

fn words(prompt: &Prompt) -> String {
    match prompt {
        Prompt::Say { text, .. } => spaced(text),
        Prompt::Play { audio } => format!("[{audio}]"),
    }
}

fn spaced(text: &str) -> String {
    static SPACES: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\s+").ok());
    let text = text.trim();
    SPACES.as_ref().map_or_else(|| text.to_owned(), |spaces| spaces.replace_all(text, " ").into_owned())
}

fn waiting(kind: &Expected) -> String {
    match kind {
        Expected::Answer => "an answer".to_owned(),
        Expected::Consent { purpose } => format!("consent ({purpose})"),
        Expected::Transfer { target } => format!("the transfer to `{target}`"),
        Expected::Webhook { endpoint } => format!("the answer of endpoint `{endpoint}`"),
    }
}

fn compare(
    differences: &mut Differences,
    expect: &RawExpect,
    conversation: &Conversation,
    session: &Session,
) {
    let effects = &conversation.effects;
    let any = |wanted: &dyn Fn(&Effect) -> bool| effects.iter().any(wanted);
    let recorded = any(&|effect| matches!(effect, Effect::Recording { on: true }));
    differences.compare("recorded", expect.recorded, recorded);
    differences.compare(
        "opted_out",
        expect.opted_out,
        any(&|effect| matches!(effect, Effect::OptOut { .. })),
    );
    let score =
        effects.iter().map(|effect| if let Effect::Score { by, .. } = effect { *by } else { 0 }).sum();
    differences.compare("score", expect.score.as_ref().and_then(number), score);
    differences.events(expect.events.as_ref(), &events(conversation));
    for (purpose, wanted) in expect.consent.iter().flatten() {
        let given = effects.iter().rev().find_map(|effect| match effect {
            Effect::Consent { purpose: of, granted, .. } if of == purpose => Some(*granted),
            _ => None,
        });
        if given != Some(*wanted == RawGranted::Granted) {
            let found = given.map_or("not asked", |granted| if granted { "granted" } else { "refused" });
            let wanted = if *wanted == RawGranted::Granted { "granted" } else { "refused" };
            differences.add("consent", format!("{purpose} {wanted}"), format!("{purpose} {found}"));
        }
    }
    if let Some(wanted) = &expect.call_back {
        call_back(differences, wanted, effects);
    }
    let connected = effects.iter().rev().find_map(|effect| match effect {
        Effect::Transfer { target, .. } => Some(target.clone()),
        _ => None,
    });
    let target = connected.unwrap_or_else(|| "nobody".to_owned());
    differences.compare("transfer", expect.transfer.clone(), target);
    differences.fields("answers", expect.answers.as_ref(), |name| {
        session.answers.get(name).cloned().unwrap_or(Value::Null)
    });
    if let Some(steps) = expect.steps.as_ref().filter(|steps| **steps != conversation.nodes) {
        differences.add("steps", list(steps), list(&conversation.nodes));
    }
}

/// Events that the flow records.
pub(super) fn events(conversation: &Conversation) -> Vec<(String, Value)> {
    let found = conversation.effects.iter().filter_map(|effect| match effect {
        Effect::Event { kind, data } => Some((kind.clone(), data.clone())),
        _ => None,
    });
    found.collect()
}

fn call_back(differences: &mut Differences, wanted: &RawCallBackExpected, effects: &[Effect]) {
    let promised = effects.iter().rev().find_map(|effect| match effect {
        Effect::CallBack { after_s, said } => Some((*after_s, said.clone())),
        _ => None,
    });
    match (wanted, promised) {
        (RawCallBackExpected::Any(wanted), promised) => {
            differences.compare("call_back", Some(*wanted), promised.is_some());
        }
        (RawCallBackExpected::Rule(_), None) => differences.add("call_back", "promised", "not promised"),
        (RawCallBackExpected::Rule(rule), Some((after_s, said))) => {
            differences.compare("call_back", rule.said.clone(), said.unwrap_or_default());
            let seconds =
                rule.after.as_deref().and_then(super::moment::exact).map(|length| length.num_seconds());
            if let Some(wanted) = seconds.filter(|wanted| Some(*wanted) != after_s) {
                let found = after_s.map_or_else(|| "by the cadence".to_owned(), |found| format!("{found} s"));
                differences.add("call_back", format!("{wanted} s"), found);
            }
        }
    }
}
