//! Cadences: the list of steps with its splits becomes one flat list; names become indexes; the following step becomes
//! `next`.

use std::collections::{BTreeMap, BTreeSet};

use super::super::diagnostic::{Findings, Place};
use super::super::expression::Expression;
use super::super::model::cadence::{
    Cadence, CadenceHours, CadenceStep, CallStep, Channel, ExitRule, Limits, OutcomeRule, Reentry, SplitArm,
    StepAction, StepIndex, Then, Wait,
};
use super::super::raw::OneOrMany;
use super::super::raw::cadence::{
    RawCadence, RawCadenceStep, RawChannel, RawHolidays, RawHours, RawLimits, RawMessage, RawNeed,
    RawOutcome, RawOutcomeRule, RawTask, RawWait, RawWaitRule,
};
use super::super::source::escape;
use super::{CALL_BACK_LATER, delay, exact, expression, parse};
use crate::domain::priority::Priority;
use crate::time::duration::Delay;
use crate::time::zone::Zone;
use crate::time::{DaySet, LocalSpan, LocalTime};
use crate::time::{HolidayRule, Hours};

/// Keys of a step that say what it does.
pub const ACTIONS: [&str; 12] = [
    "call", "wait", "branch", "split", "message", "task", "update", "score", "webhook", "enroll", "switch",
    "end",
];

/// A compiled cadence and where each of its steps stands in the file.
#[derive(Debug)]
pub struct Compiled {
    pub cadence: Cadence,
    /// JSON pointer of each step, by index.
    pub pointers: Vec<String>,
}

pub fn compile(raw: &RawCadence, findings: &mut Findings<'_>) -> Compiled {
    let mut flat = Vec::new();
    flatten(&raw.steps, "/steps", "", None, &mut flat);
    report_duplicates(&flat, findings);
    let mut compiler = Compiler { flat: &flat, findings };
    let compiled =
        (0..flat.len()).filter_map(|index| Some((compiler.step(index)?, flat[index].pointer.clone())));
    let (steps, pointers): (Vec<CadenceStep>, Vec<String>) = compiled.unzip();
    let (enter_when, reentry) = compiler.enter(raw);
    let cadence = Cadence {
        key: raw.cadence.clone(),
        title: raw.title.clone(),
        enter_when,
        reentry,
        exits: compiler.exits(raw),
        hours: raw.hours.as_ref().and_then(|hours| compiler.hours(hours)),
        limits: raw.limits.as_ref().map(|limits| compiler.limits(limits)).unwrap_or_default(),
        priority: raw.priority.unwrap_or(Priority::Medium),
        variables: raw
            .variables
            .iter()
            .flatten()
            .map(|(name, need)| (name.clone(), *need == RawNeed::Required))
            .collect(),
        steps,
    };
    Compiled { cadence, pointers }
}

/// A step in the flat list.
struct Flat<'a> {
    raw: &'a RawCadenceStep,
    id: String,
    /// Path of the arm it stands in, with a slash at the end: names are looked for there first.
    scope: String,
    pointer: String,
    /// The step after this one; for the last of an arm the one after the split.
    following: Option<StepIndex>,
    /// First step of each arm, for splits.
    arms: Vec<StepIndex>,
}

/// Lays the steps out in file order and answers the index of the first one.
fn flatten<'a>(
    steps: &'a [RawCadenceStep],
    pointer: &str,
    scope: &str,
    after: Option<StepIndex>,
    flat: &mut Vec<Flat<'a>>,
) {
    // Indexes are known before the arms are laid out: a step takes one place plus those of its arms.
    let base = flat.len();
    let mut starts = Vec::with_capacity(steps.len());
    let mut next = base;
    for step in steps {
        starts.push(next);
        next += size(step);
    }
    for (position, step) in steps.iter().enumerate() {
        let id = format!(
            "{scope}{}",
            step.id.clone().unwrap_or_else(|| format!("{}-{}", kind(step), position + 1))
        );
        let pointer = format!("{pointer}/{position}");
        let following = starts.get(position + 1).copied().or(after);
        let place = flat.len();
        flat.push(Flat {
            raw: step,
            id: id.clone(),
            scope: scope.to_owned(),
            pointer: pointer.clone(),
            following,
            arms: Vec::new(),
        });
        for (index, arm) in step.split.iter().flatten().enumerate() {
            let first = flat.len();
            flat[place].arms.push(first);
            flatten(
                &arm.steps,
                &format!("{pointer}/split/{index}/steps"),
                &format!("{id}/{}/", arm.arm),
                following,
                flat,
            );
        }
    }
}

fn size(step: &RawCadenceStep) -> usize {
    1 + step.split.iter().flatten().flat_map(|arm| &arm.steps).map(size).sum::<usize>()
}

fn kind(step: &RawCadenceStep) -> &'static str {
    let present = [
        step.call.is_some(),
        step.wait.is_some(),
        step.branch.is_some(),
        step.split.is_some(),
        step.message.is_some(),
        step.task.is_some(),
        step.update.is_some(),
        step.score.is_some(),
        step.webhook.is_some(),
        step.enroll.is_some(),
        step.switch.is_some(),
        step.end.is_some(),
    ];
    present.iter().position(|present| *present).map_or("step", |index| ACTIONS[index])
}

fn report_duplicates(flat: &[Flat<'_>], findings: &mut Findings<'_>) {
    let mut seen = BTreeMap::new();
    // Steps without a name of their own only clash when their arms do, and that is reported as such.
    for step in flat.iter().filter(|step| step.raw.id.is_some()) {
        if let Some(first) = seen.insert(step.id.as_str(), &step.pointer) {
            let place = Place::value(format!("{}/id", step.pointer));
            findings
                .error(
                    "duplicate-id",
                    place,
                    format!("two steps are called `{}`", step.raw.id.as_deref().unwrap_or(&step.id)),
                )
                .label("already taken")
                .help(format!("the other one is step {}", position_words(first)));
        }
    }
}

fn position_words(pointer: &str) -> String {
    pointer
        .rsplit('/')
        .next()
        .and_then(|index| index.parse::<usize>().ok())
        .map_or_else(String::new, |index| (index + 1).to_string())
}

struct Compiler<'c, 'f, 's> {
    flat: &'c [Flat<'c>],
    findings: &'f mut Findings<'s>,
}

impl Compiler<'_, '_, '_> {
    fn step(&mut self, index: StepIndex) -> Option<CadenceStep> {
        let Flat { raw, id, pointer, following, .. } = &self.flat[index];
        let condition = self.condition(&format!("{pointer}/if"), raw.condition.as_deref());
        let next = raw
            .next
            .as_deref()
            .map_or(*following, |name| self.target(index, &format!("{pointer}/next"), name));
        let written = self.findings.source.root.keys_at(pointer);
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
                let days = self.days(&format!("{at}/until"), days);
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
        let condition = self.condition(&format!("{at}/if"), rule.condition.as_deref());
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

    fn enter(&mut self, raw: &RawCadence) -> (Option<Expression>, Reentry) {
        let Some(enter) = &raw.enter else { return (None, Reentry::Never) };
        let when = self.condition("/enter/when", enter.when.as_deref());
        let reentry = match enter.again_after.as_deref() {
            None | Some("never") => Reentry::Never,
            Some("at_end") => Reentry::AfterEnd,
            Some(text) => {
                exact(self.findings, "/enter/again_after", text).map_or(Reentry::Never, Reentry::After)
            }
        };
        (when, reentry)
    }

    fn exits(&mut self, raw: &RawCadence) -> Vec<ExitRule> {
        let rules = raw.exit.iter().flatten().enumerate().map(|(index, rule)| {
            if rule.when_event.is_none() && rule.condition.is_none() {
                self.findings
                    .error(
                        "empty-exit",
                        Place::key(format!("/exit/{index}")),
                        "this exit rule would end every enrollment at once",
                    )
                    .help("add `when_event: EVENT` or `if: CONDITION`");
            }
            ExitRule {
                event: rule.when_event.clone(),
                condition: self.condition(&format!("/exit/{index}/if"), rule.condition.as_deref()),
                result: rule.result.clone(),
                enroll: rule.enroll.clone(),
            }
        });
        rules.collect()
    }

    fn hours(&mut self, raw: &RawHours) -> Option<CadenceHours> {
        let days = match &raw.days {
            Some(days) => self.days("/hours/days", days)?,
            None => DaySet::WEEKDAYS,
        };
        let spans = raw.between.as_slice().iter().enumerate().map(|(index, text)| {
            let at = item(&raw.between, "/hours/between", index);
            let span: LocalSpan = parse(self.findings, "bad-hours", &at, text)?;
            Some((days, span.from(), span.until()))
        });
        let spans: Option<Vec<_>> = spans.collect();
        let holidays = match raw.holidays {
            Some(RawHolidays::Call) => HolidayRule::Call,
            _ => HolidayRule::Skip,
        };
        let zone = match raw.zone.as_deref() {
            None | Some("lead") => None,
            Some(name) => match Zone::find(name) {
                Ok(zone) => Some(zone),
                Err(error) => {
                    self.findings.error("unknown-zone", Place::value("/hours/zone"), error.to_string());
                    return None;
                }
            },
        };
        match Hours::new(&spans?, holidays) {
            Ok(hours) => Some(CadenceHours { hours, zone }),
            Err(error) => {
                self.findings.error("bad-hours", Place::value("/hours/between"), error.to_string());
                None
            }
        }
    }

    fn limits(&mut self, raw: &RawLimits) -> Limits {
        let gap = raw.gap.as_deref().and_then(|text| exact(self.findings, "/limits/gap", text));
        Limits { per_day: raw.per_day, per_week: raw.per_week, total: raw.total, gap }
    }

    fn days(&mut self, pointer: &str, days: &OneOrMany) -> Option<DaySet> {
        let sets = days.as_slice().iter().enumerate().map(|(index, text)| {
            parse::<DaySet>(self.findings, "bad-days", &item(days, pointer, index), text)
        });
        let sets: Vec<Option<DaySet>> = sets.collect();
        sets.into_iter().try_fold(DaySet::NONE, |all, set| Some(all | set?))
    }

    fn delays(&mut self, pointer: &str, texts: Option<&OneOrMany>) -> Vec<Delay> {
        let Some(texts) = texts else { return Vec::new() };
        let read = texts.as_slice().iter().enumerate();
        read.filter_map(|(index, text)| delay(self.findings, &item(texts, pointer, index), text)).collect()
    }

    fn condition(&mut self, pointer: &str, source: Option<&str>) -> Option<Expression> {
        expression(self.findings, pointer, source?)
    }
}

/// Pointer of one entry of a key that may hold one value or a list.
fn item(texts: &OneOrMany, pointer: &str, index: usize) -> String {
    match texts {
        OneOrMany::One(_) => pointer.to_owned(),
        OneOrMany::Many(_) => format!("{pointer}/{index}"),
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
