//! A cadence and its steps as named fields, in the words of the file.

use chrono::TimeDelta;

use super::super::model::cadence::{
    Cadence, CadenceHours, CadenceStep, CallStep, ExitRule, OutcomeRule, Reentry, StepAction, StepIndex,
    Then, Wait,
};
use super::parts::{Fields, put};
use crate::time::duration::Delay;
use crate::time::hours::HolidayRule;

/// How targets are called: old steps go by the names they have now.
pub type Names<'a> = dyn Fn(StepIndex) -> String + 'a;

/// The key under which the file says what the step does.
pub const fn action_key(action: &StepAction) -> &'static str {
    match action {
        StepAction::Call(_) => "call",
        StepAction::Wait(_) => "wait",
        StepAction::Branch(_) => "branch",
        StepAction::Split(_) => "split",
        StepAction::Message { .. } => "message",
        StepAction::Task { .. } => "task",
        StepAction::Update { .. } => "update",
        StepAction::Score { .. } => "score",
        StepAction::Webhook { .. } => "webhook",
        StepAction::Enroll { .. } => "enroll",
        StepAction::Switch { .. } => "switch",
        StepAction::End { .. } => "end",
    }
}

/// Everything about a cadence but its steps and exits.
pub fn cadence(cadence: &Cadence) -> Fields {
    let mut fields = Fields::new();
    put(&mut fields, "title", Some(cadence.title.clone()));
    let targets: Vec<String> = cadence.targets.iter().map(ToString::to_string).collect();
    put(&mut fields, "targets", (!targets.is_empty()).then(|| targets.join(", ")));
    put(&mut fields, "enter.when", cadence.enter_when.as_ref().map(ToString::to_string));
    let again = match cadence.reentry {
        Reentry::Never => "never".to_owned(),
        Reentry::AfterEnd => "at_end".to_owned(),
        Reentry::After(length) => exact(length),
    };
    put(&mut fields, "enter.again_after", Some(again));
    if let Some(hours) = &cadence.hours {
        put(&mut fields, "hours", Some(hours_text(hours)));
        put(
            &mut fields,
            "hours.zone",
            Some(hours.zone.as_ref().map_or("lead", |zone| zone.name()).to_owned()),
        );
    }
    let limits = cadence.limits;
    put(&mut fields, "limits.per_day", limits.per_day.map(|most| most.to_string()));
    put(&mut fields, "limits.per_week", limits.per_week.map(|most| most.to_string()));
    put(&mut fields, "limits.total", limits.total.map(|most| most.to_string()));
    put(&mut fields, "limits.gap", limits.gap.map(exact));
    for (index, cap) in cadence.caps.iter().enumerate() {
        put(&mut fields, &format!("limits.caps.{}", index + 1), Some(cap.to_string()));
    }
    put(&mut fields, "priority", Some(cadence.priority.to_string()));
    for (name, required) in &cadence.variables {
        let need = if *required { "required" } else { "optional" };
        put(&mut fields, &format!("variables.{name}"), Some(need.to_owned()));
    }
    fields
}

fn hours_text(hours: &CadenceHours) -> String {
    let spans = hours.hours.spans();
    let mut text: Vec<String> =
        spans.iter().map(|span| format!("{} {}-{}", span.days, span.from, span.until)).collect();
    match hours.hours.holiday_rule() {
        HolidayRule::Call => {}
        HolidayRule::Skip => text.push("not on holidays".to_owned()),
        HolidayRule::Only(spans) => text
            .extend(spans.iter().map(|span| format!("holidays {} {}-{}", span.days, span.from, span.until))),
    }
    text.join(", ")
}

pub fn exit(rule: &ExitRule) -> String {
    let mut words = Vec::new();
    if let Some(event) = &rule.event {
        words.push(format!("on {event}"));
    }
    if let Some(condition) = &rule.condition {
        words.push(format!("if {condition}"));
    }
    words.push(format!("end {}", rule.result));
    if let Some(cadence) = &rule.enroll {
        words.push(format!("enroll {cadence}"));
    }
    words.join(" ")
}

/// A step; `natural` is where it would lead if nothing were said.
pub fn step(step: &CadenceStep, natural: Option<StepIndex>, names: &Names<'_>) -> Fields {
    let mut fields = Fields::new();
    put(&mut fields, "if", step.condition.as_ref().map(ToString::to_string));
    if step.next != natural {
        put(&mut fields, "next", Some(step.next.map_or_else(|| "the end".to_owned(), names)));
    }
    let key = action_key(&step.action);
    match &step.action {
        StepAction::Call(call) => call_step(&mut fields, call, names),
        StepAction::Wait(wait) => wait_step(&mut fields, wait, natural, names),
        StepAction::Branch(arms) => {
            let arms: Vec<String> =
                arms.iter().map(|(condition, target)| format!("{condition}: {}", names(*target))).collect();
            put(&mut fields, key, Some(arms.join("; ")));
        }
        StepAction::Split(arms) => {
            let arms: Vec<String> = arms.iter().map(|arm| format!("{} {}", arm.arm, arm.share)).collect();
            put(&mut fields, key, Some(arms.join(", ")));
        }
        StepAction::Message { channel, script, text } => {
            put(&mut fields, key, Some(format!("{} {script}/{text}", channel.as_str())));
        }
        StepAction::Task { title, due } => {
            put(&mut fields, key, Some(title.clone()));
            put(&mut fields, "due", due.map(|due| due.to_string()));
        }
        StepAction::Update { fields: updates } => {
            put(&mut fields, key, Some(String::new()));
            for (name, value) in updates {
                put(&mut fields, &format!("update.{name}"), Some(value.to_string()));
            }
        }
        StepAction::Score { by, because } => {
            put(&mut fields, key, Some(by.to_string()));
            put(&mut fields, "because", because.clone());
        }
        StepAction::Webhook { endpoint } => put(&mut fields, key, Some(endpoint.clone())),
        StepAction::Enroll { cadence } | StepAction::Switch { cadence } => {
            put(&mut fields, key, Some(cadence.clone()));
        }
        StepAction::End { result } => put(&mut fields, key, Some(result.clone())),
    }
    fields
}

fn call_step(fields: &mut Fields, call: &CallStep, names: &Names<'_>) {
    put(fields, "call", Some(call.flow.clone()));
    put(fields, "valid_for", call.valid_for.map(exact));
    for (outcome, rule) in &call.outcomes {
        put(fields, &format!("then.{outcome}"), Some(outcome_rule(rule, names)));
    }
}

fn outcome_rule(rule: &OutcomeRule, names: &Names<'_>) -> String {
    let mut words = Vec::new();
    if rule.retry > 0 {
        let after: Vec<String> = rule.after.iter().map(ToString::to_string).collect();
        words.push(format!("retry {} after {}", rule.retry, after.join(", ")));
    }
    match &rule.then {
        Then::Continue => words.push("go on".to_owned()),
        Then::Go(target) => words.push(format!("next {}", names(*target))),
        Then::CallBack { otherwise } => words.push(format!("call back when asked or after {otherwise}")),
        Then::End { result } => words.push(format!("end {result}")),
    }
    words.join(", then ")
}

fn wait_step(fields: &mut Fields, wait: &Wait, natural: Option<StepIndex>, names: &Names<'_>) {
    match wait {
        Wait::For(delay) => put(fields, "wait", Some(delay.to_string())),
        Wait::Until { days, at } => put(fields, "wait", Some(format!("until {days} at {at}"))),
        Wait::Event { event, condition, timeout, then, on_timeout } => {
            put(fields, "wait", Some(format!("for {event}")));
            put(fields, "wait.if", condition.as_ref().map(ToString::to_string));
            put(fields, "wait.timeout", Some(timeout.to_string()));
            put(fields, "wait.then", then.filter(|_| *then != natural).map(names));
            put(fields, "wait.on_timeout", on_timeout.filter(|_| *on_timeout != natural).map(names));
        }
    }
}

fn exact(length: TimeDelta) -> String {
    Delay::Exact(length).to_string()
}
