//! A flow as a graph: one box per step, one arrow per way out, the message for machines, and what every flow understands.

use std::collections::BTreeMap;

use super::{Graph, Node, Note, REST, Role, Subject};
use crate::definitions::model::flow::{
    Action, Ask, CallBackTime, Ending, Exit, Flow, FlowStep, StepIndex, TransferTarget,
};
use crate::domain::outcome::Outcome;
use crate::time::duration::Delay;

/// Answers that every question understands.
const GLOBAL: [(&str, &str); 3] =
    [("opt_out", "opt-out"), ("agent", "to a person"), ("wrong_number", "wrong number")];

pub fn graph(flow: &Flow) -> Graph {
    let mut graph = Graph {
        subject: Subject::Flow,
        key: flow.key.clone(),
        title: flow.title.clone(),
        nodes: Vec::new(),
        edges: Vec::new(),
        notes: vec![everywhere(flow)],
    };
    let start = graph.add(Node::new("@start", Role::Start, "start", "A person answers"));
    // Steps follow the start, in the order of the file.
    let at = |step: StepIndex| start + 1 + step;
    for step in &flow.steps {
        graph.add(node(flow, step));
    }
    graph.connect(start, at(flow.start), None, false);
    for (index, step) in flow.steps.iter().enumerate() {
        leave(&mut graph, at(index), &step.exit, &at);
    }
    voicemail(&mut graph, flow);
    graph
}

fn node(flow: &Flow, step: &FlowStep) -> Node {
    let (role, kind) = match &step.exit {
        Exit::Next(_) => (Role::Action, "step"),
        Exit::Branch { .. } => (Role::Decision, "branch"),
        Exit::Ask(_) => (Role::Decision, "question"),
        Exit::Consent { .. } => (Role::Decision, "consent"),
        Exit::Transfer { .. } => (Role::Call, "transfer"),
        Exit::SubFlow { .. } => (Role::Call, "flow"),
        Exit::End(_) => (Role::End, "end"),
    };
    let mut node = Node::new(&step.name, role, kind, &step.name);
    node.lines.extend(step.actions.iter().map(action));
    match &step.exit {
        Exit::Ask(ask) => question(&mut node, ask),
        Exit::Consent { purpose, words, .. } => {
            node.lines.push(format!("asks “{words}”"));
            node.lines.push(format!("keeps the answer: {purpose}"));
        }
        Exit::Transfer { target, .. } => node.lines.push(to(target)),
        Exit::SubFlow { flow, .. } => node.lines.push(format!("runs flow {flow}")),
        Exit::End(ending) => end(&mut node, ending, flow.outcome_of(&ending.disposition)),
        Exit::Next(_) | Exit::Branch { .. } => {}
    }
    node
}

fn question(node: &mut Node, ask: &Ask) {
    node.lines.push(format!("asks “{}”", ask.text));
    if ask.open {
        node.lines.push("takes any words".to_owned());
    }
    let times = if ask.tries == 1 { "asked once".to_owned() } else { format!("asked up to {}×", ask.tries) };
    node.lines.push(format!("{times}, waits {} s", ask.timeout_s));
    for (key, answer) in ask.keys.iter().filter(|(_, answer)| !ask.then.contains_key(*answer)) {
        if let Some((_, meaning)) = GLOBAL.iter().find(|(name, _)| name == answer) {
            node.lines.push(format!("key {key}: {meaning}"));
        }
    }
}

fn end(node: &mut Node, ending: &Ending, outcome: Outcome) {
    node.lines.extend(ending.say.iter().map(|text| format!("says “{text}”")));
    let counts = outcome.as_str();
    node.ending = Some(if counts == ending.disposition {
        ending.disposition.clone()
    } else {
        format!("{} (counts as {counts})", ending.disposition)
    });
}

fn action(action: &Action) -> String {
    match action {
        Action::Say { text } => format!("says “{text}”"),
        Action::Play { audio } => format!("plays {audio}"),
        Action::Set { values } => {
            let values: Vec<String> =
                values.iter().map(|(name, value)| format!("{name} = {}", value.source())).collect();
            format!("sets {}", values.join(", "))
        }
        Action::Score { by, because } => score(*by, because.as_deref()),
        Action::RecordEvent { event, .. } => format!("event {event}"),
        Action::Recording { on: true } => "recording starts".to_owned(),
        Action::Recording { on: false } => "recording stops".to_owned(),
        Action::Webhook { endpoint, save_as } => match save_as {
            Some(name) => format!("asks endpoint {endpoint} for {name}"),
            None => format!("tells endpoint {endpoint}"),
        },
        Action::CallBack { when: CallBackTime::After(delay) } => format!("call back after {delay}"),
        Action::CallBack { when: CallBackTime::WhenAsked { otherwise } } => when_asked(*otherwise),
        Action::OptOut => "records the opt-out".to_owned(),
    }
}

pub(super) fn score(by: i64, because: Option<&str>) -> String {
    match because {
        Some(why) => format!("score {by:+}: {why}"),
        None => format!("score {by:+}"),
    }
}

pub(super) fn when_asked(otherwise: Delay) -> String {
    format!("call back when asked, else after {otherwise}")
}

fn to(target: &TransferTarget) -> String {
    match target {
        TransferTarget::Agent => "to an agent".to_owned(),
        TransferTarget::Queue(name) => format!("to queue {name}"),
        TransferTarget::Number(name) => format!("to {name}"),
    }
}

fn leave(graph: &mut Graph, from: usize, exit: &Exit, at: &impl Fn(StepIndex) -> usize) {
    let otherwise = || Some(REST.to_owned());
    match exit {
        Exit::Next(target) => graph.connect(from, at(*target), None, false),
        Exit::Branch { arms, otherwise: rest } => {
            for (condition, target) in arms {
                graph.connect(from, at(*target), Some(format!("if {}", condition.source())), false);
            }
            graph.connect(from, at(*rest), otherwise(), true);
        }
        Exit::Ask(ask) => {
            for (answer, target) in &ask.then {
                graph.connect(from, at(*target), Some(with_keys(answer, &ask.keys)), false);
            }
            graph.connect(from, at(ask.otherwise), otherwise(), true);
        }
        Exit::Consent { granted, otherwise: rest, .. } => {
            graph.connect(from, at(*granted), Some("granted".to_owned()), false);
            graph.connect(from, at(*rest), otherwise(), true);
        }
        Exit::Transfer { then, otherwise: rest, .. } => {
            for (result, target) in then {
                graph.connect(from, at(*target), Some(result.clone()), false);
            }
            graph.connect(from, at(*rest), otherwise(), true);
        }
        Exit::SubFlow { flow, then, otherwise: rest } => {
            for (ending, target) in then {
                graph.connect(from, at(*target), Some(ending.clone()), false);
            }
            match rest {
                Some(rest) => graph.connect(from, at(*rest), otherwise(), true),
                None => as_ended(graph, from, flow, then.is_empty()),
            }
        }
        Exit::End(_) => {}
    }
}

/// Endings of a flow inside this one that no step takes up end the call.
fn as_ended(graph: &mut Graph, from: usize, flow: &str, always: bool) {
    if always {
        graph.nodes[from].ending = Some(format!("as {flow} ends"));
        return;
    }
    let name = graph.nodes[from].id.clone();
    let mut node = Node::new(format!("@end:{name}"), Role::End, "end", "The call ends");
    node.ending = Some(format!("as {flow} ends"));
    let end = graph.add(node);
    graph.connect(from, end, Some("any other ending".to_owned()), true);
}

fn with_keys(answer: &str, keys: &BTreeMap<char, String>) -> String {
    let pressed: Vec<String> =
        keys.iter().filter(|(_, means)| *means == answer).map(|(key, _)| key.to_string()).collect();
    match pressed.as_slice() {
        [] => answer.to_owned(),
        [key] => format!("{answer} (key {key})"),
        several => format!("{answer} (keys {})", several.join(", ")),
    }
}

fn voicemail(graph: &mut Graph, flow: &Flow) {
    let start = graph.add(Node::new("@voicemail", Role::Start, "start", "A machine answers"));
    let mut node = Node::new("@message", Role::End, "voicemail", "Voicemail");
    if let Some(ending) = &flow.voicemail {
        // A message that was left is no conversation, whatever its ending is called.
        let outcome = match flow.outcome_of(&ending.disposition) {
            Outcome::Answered => Outcome::Voicemail,
            other => other,
        };
        end(&mut node, ending, outcome);
    } else {
        node.lines.push("hangs up without a message".to_owned());
        node.ending = Some("voicemail".to_owned());
    }
    let end = graph.add(node);
    graph.connect(start, end, None, false);
}

fn everywhere(flow: &Flow) -> Note {
    let operator = flow.operator.as_ref().map_or_else(|| to(&TransferTarget::Agent), to);
    let minutes = Delay::Exact(chrono::TimeDelta::seconds(i64::from(flow.max_duration_s)));
    Note {
        title: "At any time in this call".to_owned(),
        lines: vec![
            "“stop”, “remove me” and the like: the opt-out is recorded at once; ends opted_out".to_owned(),
            format!("“agent”, “a person” and the like: transfer {operator}"),
            "“wrong number”: ends wrong_number".to_owned(),
            format!(
                "silence or nothing understood {}× in a row: goodbye; ends no_input",
                flow.no_input_limit.max(1)
            ),
            format!("after {minutes}: the carrier ends the call"),
        ],
    }
}
