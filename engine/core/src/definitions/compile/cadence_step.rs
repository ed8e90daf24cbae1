//! One step of a cadence: exactly one action, with its times and targets resolved.

use std::collections::BTreeSet;

use super::super::diagnostic::{Findings, Place};
use super::super::model::cadence::{
    CadenceStep, CallStep, Channel, OutcomeRule, SplitArm, StepAction, StepIndex, Then, Wait,
};
use super::super::raw::OneOrMany;
use super::super::raw::cadence::{
    RawChannel, RawMessage, RawOutcome, RawOutcomeRule, RawTask, RawWait, RawWaitRule,
};
use super::super::source::escape;
use super::layout::Flat;
use super::{CALL_BACK_LATER, condition, day_set, delay, exact, expression, item, parse};
use crate::time::LocalTime;
use crate::time::duration::Delay;

/// Keys of a step that say what it does.
pub const ACTIONS: [&str; 12] = [
    "call", "wait", "branch", "split", "message", "task", "update", "score", "webhook", "enroll", "switch",
    "end",
];

/// Compiles steps one by one.
pub struct Compiler<'c, 'f, 's> {
    pub flat: &'c [Flat<'c>],
    pub findings: &'f mut Findings<'s>,
}

impl Compiler<'_, '_, '_> {
    /// `None` when there is nothing to make of it; why has been reported.
    pub fn step(&mut self, index: StepIndex) -> Option<CadenceStep> {
        let Flat { raw, id, pointer, following, .. } = &self.flat[index];
        let condition = condition(self.findings, &format!("{pointer}/if"), raw.condition.as_deref());
        let next = raw
            .next
            .as_deref()
            .map_or(*following, |name| self.target(index, &format!("{pointer}/next"), name));
        let written = self.findings.source.root().keys_at(pointer);
        let actions: Vec<&str> = ACTIONS.into_iter().filter(|action| written.contains(action)).collect();
        match actions.as_slice() {
            [_] => {}
            [] => {
                self.findings
                    .error("no-action", Place::key(pointer), format!("step `{id}` does nothing"))
                    .help(format!("give it one of {}", ACTIONS.join(", ")));
                return None;
            }
            [first, second, ..] => {
                self.findings
                    .error(
                        "two-actions",
                        Place::key(format!("{pointer}/{second}")),
                        format!("step `{id}` has both `{first}` and `{second}`"),
                    )
                    .help("make two steps");
            }
        }
        for key in ["then", "valid_for"] {
            if written.contains(&key) && !written.contains(&"call") {
                self.findings
                    .error(
                        "stray-key",
                        Place::key(format!("{pointer}/{key}")),
                        format!("`{key}` does nothing without `call`"),
                    )
                    .label("has no effect here");
            }
        }
        let action = self.action(index, actions[0])?;
        Some(CadenceStep { id: id.clone(), condition, action, next })
    }

    fn action(&mut self, index: StepIndex, key: &str) -> Option<StepAction> {
        let Flat { raw, pointer, arms, .. } = &self.flat[index];
        Some(match key {
            "call" => StepAction::Call(self.call(index)?),
            "wait" => StepAction::Wait(self.wait(index)?),
            "branch" => {
                let arms = raw.branch.iter().flatten().enumerate().filter_map(|(arm, rule)| {
                    let at = format!("{pointer}/branch/{arm}");
                    let condition = expression(self.findings, &format!("{at}/if"), &rule.condition);
                    Some((condition?, self.target(index, &format!("{at}/go"), &rule.go)?))
                });
                StepAction::Branch(arms.collect())
            }
            "split" => {
                let shares = raw.split.iter().flatten().zip(arms);
                StepAction::Split(
                    shares
                        .map(|(arm, first)| SplitArm {
                            arm: arm.arm.clone(),
                            share: arm.share,
                            first: *first,
                        })
                        .collect(),
                )
            }
            "message" => message(raw.message.as_ref()?),
            "task" => self.task(pointer, raw.task.as_ref()?),
            "update" => {
                let fields = raw.update.iter().flatten().filter_map(|(field, value)| {
                    let at = format!("{pointer}/update/{}", escape(field));
                    Some((field.clone(), expression(self.findings, &at, &value.source())?))
                });
                StepAction::Update { fields: fields.collect() }
            }
            "score" => {
                let (by, because) = raw.score.as_ref()?.parts();
                StepAction::Score { by, because }
            }
            "webhook" => StepAction::Webhook { endpoint: raw.webhook.clone()? },
            "enroll" => StepAction::Enroll { cadence: raw.enroll.clone()? },
            "switch" => StepAction::Switch { cadence: raw.switch.clone()? },
            _ => StepAction::End { result: raw.end.clone()? },
        })
    }

    fn call(&mut self, index: StepIndex) -> Option<CallStep> {
        let Flat { raw, pointer, .. } = &self.flat[index];
        let outcomes = raw.then.iter().flatten().map(|(outcome, rule)| {
            let at = format!("{pointer}/then/{}", escape(outcome));
            (outcome.clone(), self.outcome(index, &at, rule))
        });
        let outcomes = outcomes.collect();
        let valid_for = raw
            .valid_for
            .as_deref()
            .and_then(|text| exact(self.findings, &format!("{pointer}/valid_for"), text));
        Some(CallStep { flow: raw.call.clone()?, valid_for, outcomes })
    }

    fn outcome(&mut self, index: StepIndex, at: &str, raw: &RawOutcome) -> OutcomeRule {
        let rule = match raw {
            RawOutcome::Step(name) => {
                let then = self.target(index, at, name).map_or(Then::Continue, Then::Go);
                return OutcomeRule { then, ..OutcomeRule::default() };
            }
            RawOutcome::Rule(rule) => rule,
        };
        let after: Vec<Delay> = self.delays(&format!("{at}/after"), rule.after.as_ref());
        if rule.retry.is_some() && rule.after.is_none() {
            self.findings
                .error("missing-delay", Place::key(format!("{at}/retry")), "a retry needs a delay")
                .help("add `after: 4 hours`");
        }
        if rule.after.is_some() && rule.retry.is_none() {
            self.findings
                .error("stray-key", Place::key(format!("{at}/after")), "`after` does nothing without `retry`")
                .label("has no effect here")
                .help("add `retry: 2`");
        }
        OutcomeRule { retry: rule.retry.unwrap_or(0), after, then: self.then(index, at, rule) }
    }

    fn then(&mut self, index: StepIndex, at: &str, rule: &RawOutcomeRule) -> Then {
        let ways = [
            ("next", rule.next.is_some()),
            ("call_back", rule.call_back.is_some()),
            ("end", rule.end.is_some()),
        ];
        let given: Vec<&str> = ways.iter().filter(|(_, is_given)| *is_given).map(|(key, _)| *key).collect();
        if let [first, second, ..] = given.as_slice() {
            self.findings
                .error(
                    "two-ways-out",
                    Place::key(format!("{at}/{second}")),
                    format!("`{first}` and `{second}` cannot both follow"),
                )
                .help("keep one");
        }
        if let Some(name) = &rule.next {
            return self.target(index, &format!("{at}/next"), name).map_or(Then::Continue, Then::Go);
        }
        if rule.call_back.is_some() {
            let text = rule.or_after.as_deref();
            let otherwise = text.and_then(|text| delay(self.findings, &format!("{at}/or_after"), text));
            return Then::CallBack { otherwise: otherwise.unwrap_or(CALL_BACK_LATER) };
        }
        rule.end.clone().map_or(Then::Continue, |result| Then::End { result })
    }

    fn wait(&mut self, index: StepIndex) -> Option<Wait> {
        let Flat { raw, pointer, .. } = &self.flat[index];
        let at = format!("{pointer}/wait");
        let rule = match raw.wait.as_ref()? {
            RawWait::For(text) => return delay(self.findings, &at, text).map(Wait::For),
            RawWait::Rule(rule) => rule,
        };
        match (&rule.until, &rule.event) {
            (Some(days), None) => {
                let days = day_set(self.findings, &format!("{at}/until"), days);
                let Some(time) = rule.at.as_deref() else {
                    self.findings
                        .error(
                            "missing-key",
                            Place::key(format!("{at}/until")),
                            "`until` needs a time of day",
                        )
                        .help("add `at: \"10:00\"`");
                    return None;
                };
                let time: Option<LocalTime> = parse(self.findings, "bad-time", &format!("{at}/at"), time);
                Some(Wait::Until { days: days?, at: time? })
            }
            (None, Some(event)) => self.wait_for_event(index, &at, event, rule),
            _ => {
                self.findings
                    .error("bad-wait", Place::key(at), "a wait is a length, `until` with `at`, or `event` with `timeout`")
                    .help("write for example `wait: 2 business days` or `wait: { event: PAYMENT_RECEIVED, timeout: 3 days }`");
                None
            }
        }
    }

    fn wait_for_event(
        &mut self,
        index: StepIndex,
        at: &str,
        event: &str,
        rule: &RawWaitRule,
    ) -> Option<Wait> {
        let condition = condition(self.findings, &format!("{at}/if"), rule.condition.as_deref());
        let Some(timeout) = rule.timeout.as_deref() else {
            self.findings
                .error(
                    "wait-without-end",
                    Place::key(format!("{at}/event")),
                    format!("`{event}` may never come, and then this waits for ever"),
                )
                .label("needs a time-out")
                .help("add `timeout: 3 days`");
            return None;
        };
        let timeout = delay(self.findings, &format!("{at}/timeout"), timeout);
        let following = self.flat[index].following;
        let mut go = |key: &str, name: Option<&str>| match name {
            Some(name) => self.target(index, &format!("{at}/{key}"), name),
            None => following,
        };
        let then = go("then", rule.then.as_deref());
        let on_timeout = go("on_timeout", rule.on_timeout.as_deref());
        Some(Wait::Event { event: event.to_owned(), condition, timeout: timeout?, then, on_timeout })
    }

    fn task(&mut self, pointer: &str, raw: &RawTask) -> StepAction {
        match raw {
            RawTask::Title(title) => StepAction::Task { title: title.clone(), due: None },
            RawTask::Full(task) => {
                let due = task
                    .due
                    .as_deref()
                    .and_then(|text| delay(self.findings, &format!("{pointer}/task/due"), text));
                StepAction::Task { title: task.title.clone(), due }
            }
        }
    }

    fn target(&mut self, from: StepIndex, pointer: &str, name: &str) -> Option<StepIndex> {
        let scoped = format!("{}{name}", self.flat[from].scope);
        let position = |id: &str| self.flat.iter().position(|step| step.id == id);
        if let Some(index) = position(&scoped).or_else(|| position(name)) {
            return Some(index);
        }
        let known: BTreeSet<&str> = self.flat.iter().map(|step| step.id.as_str()).collect();
        self.findings
            .error("unknown-target", Place::value(pointer), format!("there is no step `{name}`"))
            .label("not a step of this cadence")
            .suggest(name, known);
        None
    }

    fn delays(&mut self, pointer: &str, texts: Option<&OneOrMany>) -> Vec<Delay> {
        let Some(texts) = texts else { return Vec::new() };
        let read = texts.as_slice().iter().enumerate();
        read.filter_map(|(index, text)| delay(self.findings, &item(texts, pointer, index), text)).collect()
    }
}

fn message(raw: &RawMessage) -> StepAction {
    let channel = match raw.channel {
        RawChannel::Sms => Channel::Sms,
        RawChannel::Email => Channel::Email,
        RawChannel::Whatsapp => Channel::Whatsapp,
    };
    StepAction::Message {
        channel,
        script: raw.script.clone(),
        text: raw.text.clone().unwrap_or_else(|| "message".to_owned()),
    }
}
