//! A cadence as a graph: one box per step, arrows by outcome, tries beside the step that repeats, exit rules and limits as notes.

use std::collections::BTreeMap;

use super::flow::{score, when_asked};
use super::{Graph, Node, Note, REST, Role, Subject};
use crate::definitions::model::cadence::{
    Cadence, CadenceStep, CallStep, ExitRule, Limits, OutcomeRule, Reentry, StepAction, StepIndex, Then, Wait,
};
use crate::domain::cap::Cap;
use crate::time::duration::Delay;

/// What an enrollment that runs out of steps is filed under.
const COMPLETED: &str = "completed";

pub fn graph(cadence: &Cadence) -> Graph {
    let graph = Graph {
        subject: Subject::Cadence,
        key: cadence.key.clone(),
        title: cadence.title.clone(),
        nodes: Vec::new(),
        edges: Vec::new(),
        notes: notes(cadence),
    };
    let mut drawing = Drawing { graph, ends: BTreeMap::new() };
    drawing.graph.add(start(cadence));
    for step in &cadence.steps {
        drawing.graph.add(node(step));
    }
    if !cadence.steps.is_empty() {
        drawing.graph.connect(0, at(0), None, false);
    }
    for (index, step) in cadence.steps.iter().enumerate() {
        drawing.leave(at(index), step);
    }
    drawing.graph
}

/// Steps follow the start, in the order of the file.
const fn at(step: StepIndex) -> usize {
    step + 1
}

fn start(cadence: &Cadence) -> Node {
    let mut node = Node::new("@start", Role::Start, "start", "A lead is enrolled");
    node.lines.extend(cadence.enter_when.as_ref().map(|when| format!("if {}", when.source())));
    node.lines.push(match cadence.reentry {
        Reentry::Never => "once".to_owned(),
        Reentry::AfterEnd => "again after the end".to_owned(),
        Reentry::After(length) => format!("again after {}", Delay::Exact(length)),
    });
    node
}

fn node(step: &CadenceStep) -> Node {
    let (role, kind) = match &step.action {
        StepAction::Call(_) => (Role::Call, "call"),
        StepAction::Wait(_) => (Role::Wait, "wait"),
        StepAction::Branch(_) => (Role::Decision, "branch"),
        StepAction::Split(_) => (Role::Decision, "split"),
        StepAction::Message { .. } => (Role::Action, "message"),
        StepAction::Task { .. } => (Role::Action, "task"),
        StepAction::Update { .. } => (Role::Action, "update"),
        StepAction::Score { .. } => (Role::Action, "score"),
        StepAction::Webhook { .. } => (Role::Action, "webhook"),
        StepAction::Enroll { .. } => (Role::Action, "enroll"),
        StepAction::Switch { .. } => (Role::End, "switch"),
        StepAction::End { .. } => (Role::End, "end"),
    };
    // Steps of an arm are named `split/arm/step`.
    let (place, name) =
        step.id.rsplit_once('/').map_or((None, step.id.as_str()), |(place, name)| (Some(place), name));
    let mut node = Node::new(&step.id, role, kind, name);
    node.lines.extend(place.map(|place| format!("in {}", place.replace('/', ", arm "))));
    node.lines.extend(step.condition.as_ref().map(|when| format!("only if {}", when.source())));
    match &step.action {
        StepAction::Call(call) => call_lines(&mut node, call),
        StepAction::End { result } => node.ending = Some(result.clone()),
        StepAction::Switch { cadence } => node.ending = Some(format!("goes on in cadence {cadence}")),
        other => node.lines.push(line(other)),
    }
    node
}

fn call_lines(node: &mut Node, call: &CallStep) {
    node.lines.push(format!("calls with flow {}", call.flow));
    node.lines.extend(
        call.valid_for.map(|length| format!("skipped if not placed within {}", Delay::Exact(length))),
    );
    for (outcome, rule) in &call.outcomes {
        if rule.retry > 0 {
            node.again.push(format!("{outcome}: {}", tries(rule)));
        }
        if let Then::CallBack { otherwise } = &rule.then {
            node.again.push(format!("{outcome}: {}", when_asked(*otherwise)));
        }
    }
}

fn tries(rule: &OutcomeRule) -> String {
    let word = if rule.retry == 1 { "try" } else { "tries" };
    let delays: Vec<String> = rule.after.iter().map(ToString::to_string).collect();
    format!("{} more {word} after {}", rule.retry, delays.join(", then "))
}

fn line(action: &StepAction) -> String {
    match action {
        StepAction::Wait(Wait::For(delay)) => delay.to_string(),
        StepAction::Wait(Wait::Until { days, at }) => format!("until {days} at {at}"),
        StepAction::Wait(Wait::Event { event, condition, timeout, .. }) => match condition {
            Some(condition) => format!("for {event} if {}, at most {timeout}", condition.source()),
            None => format!("for {event}, at most {timeout}"),
        },
        StepAction::Branch(_) => "the first that holds".to_owned(),
        StepAction::Split(_) => "always the same arm for one lead".to_owned(),
        StepAction::Message { channel, script, .. } => format!("{} “{script}”", channel.as_str()),
        StepAction::Task { title, due } => match due {
            Some(due) => format!("{title} (due after {due})"),
            None => title.clone(),
        },
        StepAction::Update { fields } => {
            let fields: Vec<String> =
                fields.iter().map(|(field, value)| format!("{field} = {}", value.source())).collect();
            format!("sets {}", fields.join(", "))
        }
        StepAction::Score { by, because } => score(*by, because.as_deref()),
        StepAction::Webhook { endpoint } => format!("tells endpoint {endpoint}"),
        StepAction::Enroll { cadence } => format!("also enters cadence {cadence}"),
        StepAction::Call(_) | StepAction::Switch { .. } | StepAction::End { .. } => String::new(),
    }
}

struct Drawing {
    graph: Graph,
    /// Boxes of results that no step of its own stands for.
    ends: BTreeMap<String, usize>,
}

impl Drawing {
    fn leave(&mut self, from: usize, step: &CadenceStep) {
        match &step.action {
            StepAction::Call(call) => self.outcomes(from, step, call),
            StepAction::Wait(Wait::Event { event, timeout, then, on_timeout, .. }) => {
                self.go(from, then.or(step.next), Some(event.clone()), false);
                self.go(from, on_timeout.or(step.next), Some(format!("after {timeout}")), true);
            }
            StepAction::Branch(arms) => {
                for (condition, target) in arms {
                    self.go(from, Some(*target), Some(format!("if {}", condition.source())), false);
                }
                self.go(from, step.next, Some(REST.to_owned()), true);
            }
            StepAction::Split(arms) => {
                for arm in arms {
                    self.go(from, Some(arm.first), Some(format!("{}: {} %", arm.arm, arm.share)), false);
                }
            }
            StepAction::Switch { .. } | StepAction::End { .. } => {}
            _ => self.go(from, step.next, None, false),
        }
        // A step that is left out goes on as well.
        if step.condition.is_some() && !goes_to_next(&step.action) {
            self.go(from, step.next, Some("left out".to_owned()), true);
        }
    }

    fn outcomes(&mut self, from: usize, step: &CadenceStep, call: &CallStep) {
        let mut has_default = false;
        for (outcome, rule) in &call.outcomes {
            let is_default = outcome == "default";
            has_default |= is_default;
            let name = if is_default { REST } else { outcome };
            let label = match rule.retry {
                0 => name.to_owned(),
                retries => format!("{name} after {} tries", retries + 1),
            };
            match &rule.then {
                Then::Continue => self.go(from, step.next, Some(label), is_default),
                Then::Go(target) => self.go(from, Some(*target), Some(label), is_default),
                Then::End { result } => {
                    let end = self.end(result);
                    self.graph.connect(from, end, Some(label), is_default);
                }
                Then::CallBack { .. } => {}
            }
        }
        if !has_default {
            let label = (!call.outcomes.is_empty()).then(|| REST.to_owned());
            self.go(from, step.next, label, true);
        }
    }

    fn go(&mut self, from: usize, target: Option<StepIndex>, label: Option<String>, otherwise: bool) {
        let to = match target {
            Some(target) => at(target),
            None => self.end(COMPLETED),
        };
        self.graph.connect(from, to, label, otherwise);
    }

    fn end(&mut self, result: &str) -> usize {
        if let Some(known) = self.ends.get(result) {
            return *known;
        }
        let mut node = Node::new(format!("@end:{result}"), Role::End, "end", "The cadence ends");
        node.ending = Some(result.to_owned());
        let index = self.graph.add(node);
        self.ends.insert(result.to_owned(), index);
        index
    }
}

/// Does an arrow to the following step stand there already?
const fn goes_to_next(action: &StepAction) -> bool {
    !matches!(
        action,
        StepAction::Split(_)
            | StepAction::Switch { .. }
            | StepAction::End { .. }
            | StepAction::Wait(Wait::Event { .. })
    )
}

fn notes(cadence: &Cadence) -> Vec<Note> {
    let mut ends: Vec<String> = cadence.exits.iter().map(exit).collect();
    ends.push("opt-out: ends opted_out at once".to_owned());
    ends.push("a wrong number ends it, a call back is kept, unless a step says otherwise".to_owned());
    let mut when = vec![match &cadence.hours {
        Some(hours) => {
            let zone = hours
                .zone
                .as_ref()
                .map_or_else(|| "the lead's own time".to_owned(), |zone| format!("{zone} time"));
            format!("{} ({zone})", hours.hours)
        }
        None => "whenever the law and the campaign allow".to_owned(),
    }];
    when.extend(limits(&cadence.limits, &cadence.caps));
    when.push(format!("priority {}", cadence.priority.as_str()));
    vec![
        Note { title: "Ends early".to_owned(), lines: ends },
        Note { title: "When and how often".to_owned(), lines: when },
    ]
}

fn exit(rule: &ExitRule) -> String {
    let mut text = match (&rule.event, &rule.condition) {
        (Some(event), Some(condition)) => format!("{event} if {}", condition.source()),
        (Some(event), None) => event.clone(),
        (None, Some(condition)) => format!("if {}", condition.source()),
        (None, None) => "at once".to_owned(),
    };
    text.push_str(": ends ");
    text.push_str(&rule.result);
    if let Some(cadence) = &rule.enroll {
        text.push_str(", enters cadence ");
        text.push_str(cadence);
    }
    text
}

fn limits(limits: &Limits, caps: &[Cap]) -> Vec<String> {
    let count = |number: u32, per: &str| {
        format!("at most {number} {} {per}", if number == 1 { "call" } else { "calls" })
    };
    let mut lines = Vec::new();
    lines.extend(limits.per_day.map(|number| count(number, "a day")));
    lines.extend(limits.per_week.map(|number| count(number, "in 7 days")));
    lines.extend(limits.total.map(|number| count(number, "altogether")));
    lines.extend(limits.gap.map(|gap| format!("{} between two calls", Delay::Exact(gap))));
    lines.extend(caps.iter().map(ToString::to_string));
    lines
}
