//! Plays a walk through a cadence: every contact must come in the order written, at the time written.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::coverage::Coverage;
use super::expect::{Differences, list, number};
use super::moment::{Moment, exact, shown};
use super::suite::Failure;
use super::walker::{Seen, Walker};
use super::{given, talk};
use crate::clock::Instant;
use crate::decide::advance;
use crate::definitions::library::Library;
use crate::definitions::model::cadence::{Cadence, StepAction};
use crate::definitions::model::flow::Flow;
use crate::definitions::raw::test::{RawExpect, RawTalk, RawWalk};
use crate::domain::outcome::Outcome;
use crate::flow::session::Effect;
use crate::id::LeadId;
use crate::time::zone::Zone;

/// A Monday morning without holidays.
const DEFAULT_START: &str = "2026-03-02 10:00";
/// Leads tried until one falls into the arms that a case asks for.
const MOST_LEADS: u128 = 5_000;

/// Plays a case of a cadence.
pub(super) fn case(
    library: &Library,
    cadence: &Cadence,
    given: &Map<String, Value>,
    entries: &[RawWalk],
    expect: &RawExpect,
    coverage: &mut Coverage,
) -> Result<(), Failure> {
    let variables = given::variables(given);
    let zone = given::zone(&variables)?;
    let start = start(given, &zone)?;
    let admitted = advance::may_enter(cadence, None, &|| variables.clone(), start);
    match (&expect.refused, admitted) {
        (Some(wanted), Err(refused)) if wanted == refused.reason => return Ok(()),
        (wanted, Err(refused)) => {
            let wanted = wanted.as_deref().unwrap_or("admitted");
            return Err(Failure::between("/expect/refused", refused.message.clone(), wanted, refused.reason));
        }
        (Some(wanted), Ok(())) => {
            return Err(Failure::between("/expect/refused", "the lead is admitted", wanted, "admitted"));
        }
        (None, Ok(())) => {}
    }
    let lead = lead_in_arms(cadence, given)?;
    let walker = Walker::enter(cadence, variables, zone, lead, start, coverage)?;
    let mut stage = Stage { library, walker, before: start, so_far: Vec::new() };
    for (index, entry) in entries.iter().enumerate() {
        let at = format!("/walk/{index}");
        stage.entry(entry, &at).map_err(|failure| failure.after(&stage.so_far))?;
    }
    stage.finish(expect).map_err(|failure| failure.after(&stage.so_far))
}

fn start(given: &Map<String, Value>, zone: &Zone) -> Result<Instant, Failure> {
    let text = given.get("start").and_then(Value::as_str).unwrap_or(DEFAULT_START);
    let wrong = |message: String| Failure::new("/given/start", message);
    let moment = Moment::parse(text).map_err(wrong)?;
    let earliest = chrono::DateTime::UNIX_EPOCH;
    moment
        .next(zone, earliest)
        .filter(|_| text.len() > 10)
        .ok_or_else(|| wrong(format!("`{text}` is not a date and a time; write `2026-03-02 10:00`")))
}

/// A lead that falls into the arms the case asks for: arms are chosen by the lead alone.
fn lead_in_arms(cadence: &Cadence, given: &Map<String, Value>) -> Result<LeadId, Failure> {
    let wanted: BTreeMap<&str, &str> = given
        .get("arm")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(step, arm)| Some((step.as_str(), arm.as_str()?)))
        .collect();
    let takes = |lead: LeadId| {
        wanted.iter().all(|(step, arm)| {
            cadence.steps.iter().any(|each| match &each.action {
                StepAction::Split(arms) if each.id == *step => {
                    let taken = advance::arm(arms, lead, &cadence.key, &each.id);
                    taken.is_some_and(|taken| taken.arm == *arm)
                }
                _ => false,
            })
        })
    };
    (1..MOST_LEADS)
        .map(|number| LeadId(Uuid::from_u128(number)))
        .find(|lead| takes(*lead))
        .ok_or_else(|| Failure::new("/given/arm", "there is no such arm; write `arm: { SPLIT-STEP: ARM }`"))
}

struct Stage<'a> {
    library: &'a Library,
    walker: Walker<'a>,
    /// When the entry before happened.
    before: Instant,
    so_far: Vec<String>,
}

impl Stage<'_> {
    fn zone(&self) -> Zone {
        self.walker.walk.zone.clone()
    }

    fn note(&mut self, what: &str) {
        let line = format!("{}  {what}", shown(&self.zone(), self.walker.now));
        self.so_far.push(line);
    }

    fn entry(&mut self, entry: &RawWalk, at: &str) -> Result<(), Failure> {
        let wanted = [
            entry.call.as_ref().map(|step| Seen::Call { step: step.clone() }),
            entry.message.as_ref().map(|step| Seen::Message { step: step.clone() }),
            entry.task.as_ref().map(|step| Seen::Task { step: step.clone() }),
            entry.webhook.as_ref().map(|step| Seen::Webhook { step: step.clone() }),
            entry.enroll.as_ref().map(|cadence| Seen::Enroll { cadence: cadence.clone() }),
        ];
        let wanted: Vec<Seen> = wanted.into_iter().flatten().collect();
        let others = [entry.event.is_some(), entry.lead.is_some(), entry.nothing.is_some()];
        if wanted.len() + others.iter().filter(|is| **is).count() != 1 {
            let message =
                "write exactly one of call, message, task, webhook, enroll, event, lead and nothing";
            return Err(Failure::new(at, message));
        }
        match wanted.into_iter().next() {
            Some(wanted) => self.contact(entry, wanted, at),
            None => self.happens(entry, at),
        }
    }

    /// The next thing noticed must be `wanted`.
    fn contact(&mut self, entry: &RawWalk, wanted: Seen, at: &str) -> Result<(), Failure> {
        let seen = self.walker.go_on(None)?;
        let when = shown(&self.zone(), self.walker.now);
        if seen != wanted {
            return Err(Failure::between(
                at,
                "something else happens",
                describe(&wanted),
                format!("{} ({when})", describe(&seen)),
            ));
        }
        if let Some(text) = &entry.at {
            let moment = Moment::parse(text).map_err(|message| Failure::new(format!("{at}/at"), message))?;
            if !moment.is(&self.zone(), self.walker.now) {
                return Err(Failure::between(
                    format!("{at}/at"),
                    format!("{} at another time", describe(&wanted)),
                    text,
                    when,
                ));
            }
        }
        if let Some(text) = &entry.after {
            self.after(text, &wanted, at)?;
        }
        self.before = self.walker.now;
        let shown = describe(&wanted);
        if let Seen::Call { step } = wanted {
            return self.call(entry, &step, at);
        }
        self.note(&shown);
        Ok(())
    }

    fn after(&self, text: &str, wanted: &Seen, at: &str) -> Result<(), Failure> {
        let at = format!("{at}/after");
        let length = exact(text).ok_or_else(|| {
            Failure::new(at.clone(), format!("`{text}` is not an exact length; write `4 hours`, or use `at`"))
        })?;
        if self.walker.now == self.before + length {
            return Ok(());
        }
        let passed = self.walker.now - self.before;
        let found =
            format!("{} ({} minutes later)", shown(&self.zone(), self.walker.now), passed.num_minutes());
        Err(Failure::between(at, format!("{} at another time", describe(wanted)), text, found))
    }

    fn call(&mut self, entry: &RawWalk, step: &str, at: &str) -> Result<(), Failure> {
        let flow = self.flow_of(step)?;
        let ended = match (&entry.outcome, &entry.talk) {
            (Some(outcome), None) => {
                self.note(&format!("call `{step}`: {outcome}"));
                self.named(&flow, outcome, entry, at)?
            }
            (None, Some(talk)) => self.talked(&flow, step, talk, at)?,
            _ => {
                let message = "say what becomes of the call: `outcome: no_answer`, or a `talk`";
                return Err(Failure::new(at, message));
            }
        };
        self.walker.placed();
        // Events of the call may end the enrollment; then the call decides nothing more.
        let kind = ended.outcome.crm_event();
        self.walker.event(kind, &json!({"outcome": ended.outcome, "disposition": ended.disposition}))?;
        for (kind, data) in &ended.events {
            self.walker.event(kind, data)?;
        }
        self.walker.called(ended.outcome, &ended.disposition, ended.asked)
    }

    fn flow_of(&self, step: &str) -> Result<std::sync::Arc<Flow>, Failure> {
        let steps = &self.walker.cadence().steps;
        let flow = steps.iter().find(|each| each.id == step).and_then(|step| match &step.action {
            StepAction::Call(call) => self.library.flow(&call.flow),
            _ => None,
        });
        flow.cloned().ok_or_else(|| Failure::new("", format!("the flow of step `{step}` has errors")))
    }

    /// An outcome, or an ending of the flow that counts as one.
    fn named(&self, flow: &Flow, text: &str, entry: &RawWalk, at: &str) -> Result<EndedCall, Failure> {
        let outcome: Outcome = text.parse().unwrap_or_else(|_| flow.outcome_of(text));
        let asked = match &entry.asked {
            None => None,
            Some(text) => {
                let wrong = |message: String| Failure::new(format!("{at}/asked"), message);
                let moment = Moment::parse(text).map_err(wrong)?;
                Some(
                    moment
                        .next(&self.zone(), self.walker.now)
                        .ok_or_else(|| wrong(format!("`{text}` is over")))?,
                )
            }
        };
        Ok(EndedCall { outcome, disposition: text.to_owned(), events: Vec::new(), asked })
    }

    fn talked(&mut self, flow: &Flow, step: &str, talk: &[RawTalk], at: &str) -> Result<EndedCall, Failure> {
        let variables = self.walker.variables.clone();
        let pointer = format!("{at}/talk");
        let played = talk::play(self.library, flow, &variables, talk, &pointer, self.walker.coverage())?;
        let talk = &played.conversation;
        if talk.ended.is_none() {
            return Err(Failure::new(pointer, "the call goes on after this").after(&played.so_far));
        }
        self.note(&format!("call `{step}`: {}", talk.disposition()));
        for effect in &talk.effects {
            if let Effect::Score { by, .. } = effect {
                self.walker.score += by;
                let score = self.walker.variables["lead"]["score"].as_i64().unwrap_or(0) + by;
                self.walker.change(&json!({"score": score.clamp(0, 100)}));
            }
        }
        Ok(EndedCall {
            outcome: talk.outcome(),
            disposition: talk.disposition().to_owned(),
            events: talk::events(talk),
            asked: None,
        })
    }

    /// Something happens to the lead, or nothing for a while; nobody is contacted until then.
    fn happens(&mut self, entry: &RawWalk, at: &str) -> Result<(), Failure> {
        let until = self.until(entry, at)?;
        let seen = self.walker.go_on(Some(until))?;
        let is_expected = match seen {
            Seen::Quiet => true,
            Seen::Ended { .. } => entry.nothing.is_some(),
            _ => false,
        };
        if !is_expected {
            let when = shown(&self.zone(), self.walker.now);
            let message = format!("before that: {} ({when})", describe(&seen));
            return Err(Failure::new(at, message));
        }
        self.before = self.walker.now;
        if let Some(kind) = &entry.event {
            self.note(&format!("event {kind}"));
            let data = Value::Object(entry.with.clone().unwrap_or_default());
            self.walker.event(kind, &data)?;
        }
        if let Some(fields) = &entry.lead {
            self.note("the lead is changed");
            self.walker.change(&Value::Object(fields.clone()));
        }
        Ok(())
    }

    fn until(&self, entry: &RawWalk, at: &str) -> Result<Instant, Failure> {
        let length = |key: &str, text: &str| {
            let delay: crate::time::duration::Delay =
                text.parse().map_err(|error: crate::time::duration::DelayError| {
                    Failure::new(format!("{at}/{key}"), error.to_string())
                })?;
            Ok(delay.after(self.walker.now, &self.walker.walk.zone, &self.walker.walk.holidays))
        };
        match (&entry.nothing, &entry.after, &entry.at) {
            (Some(text), _, _) => length("nothing", text),
            (None, Some(text), _) => length("after", text),
            (None, None, Some(text)) => {
                let wrong = |message: String| Failure::new(format!("{at}/at"), message);
                let moment = Moment::parse(text).map_err(wrong)?;
                moment.next(&self.zone(), self.walker.now).ok_or_else(|| wrong(format!("`{text}` is over")))
            }
            (None, None, None) => Ok(self.walker.now),
        }
    }

    fn finish(&mut self, expect: &RawExpect) -> Result<(), Failure> {
        let mut differences = Differences::default();
        if let Some(wanted) = &expect.result {
            let seen = self.walker.go_on(None)?;
            match seen {
                Seen::Ended { result } => differences.compare("result", Some(wanted.clone()), result),
                other => {
                    let when = shown(&self.zone(), self.walker.now);
                    let message = format!("before the end: {} ({when})", describe(&other));
                    return Err(Failure::new("/expect/result", message));
                }
            }
        }
        let calls = expect.calls.as_ref().and_then(number);
        differences.compare("calls", calls, i64::from(self.walker.calls));
        differences.compare("score", expect.score.as_ref().and_then(number), self.walker.score);
        if let Some(steps) = expect.steps.as_ref().filter(|steps| **steps != self.walker.passed) {
            differences.add("steps", list(steps), list(&self.walker.passed));
        }
        differences.fields("lead", expect.lead.as_ref(), |name| {
            let pointer = format!("/{}", name.replace('.', "/"));
            self.walker.variables["lead"].pointer(&pointer).cloned().unwrap_or(Value::Null)
        });
        differences.result()
    }
}

struct EndedCall {
    outcome: Outcome,
    disposition: String,
    events: Vec<(String, Value)>,
    asked: Option<Instant>,
}

fn describe(seen: &Seen) -> String {
    match seen {
        Seen::Call { step } => format!("call `{step}`"),
        Seen::Message { step } => format!("message `{step}`"),
        Seen::Task { step } => format!("task `{step}`"),
        Seen::Webhook { step } => format!("webhook `{step}`"),
        Seen::Enroll { cadence } => format!("enrollment in `{cadence}`"),
        Seen::Ended { result } => format!("the end, as `{result}`"),
        Seen::Quiet => "nothing".to_owned(),
    }
}
