//! Flows and their steps as named fields, and how they differ.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::model::flow::{Action, Ask, CallBackTime, Ending, Exit, Flow, StepIndex, TransferTarget};
use super::parts::{Fields, by_name, put};
use super::{Change, Part};

pub fn flows(old: &BTreeMap<String, Arc<Flow>>, new: &BTreeMap<String, Arc<Flow>>) -> Vec<Change> {
    let wholes = |flows: &BTreeMap<String, Arc<Flow>>| {
        flows.iter().map(|(key, flow)| (key.clone(), whole(flow))).collect::<BTreeMap<_, _>>()
    };
    let mut changes = by_name(Part::Flow, &wholes(old), &wholes(new));
    for (key, flow) in new {
        if let Some(before) = old.get(key) {
            changes.extend(by_name(Part::FlowStep, &steps(before), &steps(flow)));
        }
    }
    changes
}

fn whole(flow: &Flow) -> Fields {
    let mut fields = Fields::new();
    put(&mut fields, "title", Some(flow.title.clone()));
    put(&mut fields, "script", Some(flow.script.clone()));
    put(&mut fields, "start", Some(name(flow, flow.start)));
    put(&mut fields, "voicemail", flow.voicemail.as_ref().map(ending));
    for (disposition, outcome) in &flow.endings {
        put(&mut fields, &format!("endings.{disposition}"), Some(outcome.to_string()));
    }
    put(&mut fields, "no_input_limit", Some(flow.no_input_limit.to_string()));
    put(&mut fields, "max_duration", Some(format!("{} seconds", flow.max_duration_s)));
    put(&mut fields, "operator", flow.operator.as_ref().map(target));
    fields
}

fn steps(flow: &Flow) -> BTreeMap<String, Fields> {
    let described = flow.steps.iter().map(|step| {
        let mut fields = Fields::new();
        let actions: Vec<String> = step.actions.iter().map(action).collect();
        put(&mut fields, "actions", (!actions.is_empty()).then(|| actions.join("; ")));
        exit(&mut fields, flow, &step.exit);
        (format!("{}/{}", flow.key, step.name), fields)
    });
    described.collect()
}

fn name(flow: &Flow, index: StepIndex) -> String {
    flow.steps.get(index).map_or_else(String::new, |step| step.name.clone())
}

fn ending(ending: &Ending) -> String {
    let words = ending.say.as_ref().map(|text| format!("say {text}, ")).unwrap_or_default();
    format!("{words}end {}", ending.disposition)
}

fn target(target: &TransferTarget) -> String {
    match target {
        TransferTarget::Agent => "agent".to_owned(),
        TransferTarget::Queue(queue) => format!("queue {queue}"),
        TransferTarget::Number(number) => format!("number {number}"),
    }
}

fn action(action: &Action) -> String {
    let assigned = |values: &BTreeMap<String, super::super::expression::Expression>| {
        values.iter().map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>().join(", ")
    };
    match action {
        Action::Say { text } => format!("say {text}"),
        Action::Play { audio } => format!("play {audio}"),
        Action::Set { values } => format!("set {}", assigned(values)),
        Action::Score { by, because: None } => format!("score {by}"),
        Action::Score { by, because: Some(why) } => format!("score {by} because {why}"),
        Action::RecordEvent { event, fields } => {
            format!("record {event} {}", assigned(fields)).trim().to_owned()
        }
        Action::Recording { on } => format!("recording {}", if *on { "on" } else { "off" }),
        Action::Webhook { endpoint, save_as: None } => format!("webhook {endpoint}"),
        Action::Webhook { endpoint, save_as: Some(name) } => format!("webhook {endpoint} as {name}"),
        Action::CallBack { when: CallBackTime::WhenAsked { otherwise } } => {
            format!("call back when asked or after {otherwise}")
        }
        Action::CallBack { when: CallBackTime::After(delay) } => format!("call back after {delay}"),
        Action::OptOut => "opt out".to_owned(),
    }
}

fn exit(fields: &mut Fields, flow: &Flow, exit: &Exit) {
    let go = |index: &StepIndex| name(flow, *index);
    let mut arms = |then: &BTreeMap<String, StepIndex>, otherwise: Option<&StepIndex>| {
        for (answer, index) in then {
            put(fields, &format!("then.{answer}"), Some(go(index)));
        }
        put(fields, "otherwise", otherwise.map(go));
    };
    match exit {
        Exit::Next(index) => put(fields, "next", Some(go(index))),
        Exit::Branch { arms: ways, otherwise } => {
            arms(&BTreeMap::new(), Some(otherwise));
            let ways: Vec<String> =
                ways.iter().map(|(condition, index)| format!("{condition}: {}", go(index))).collect();
            put(fields, "branch", Some(ways.join("; ")));
        }
        Exit::Ask(asked) => {
            arms(&asked.then, Some(&asked.otherwise));
            ask(fields, asked);
        }
        Exit::Consent { purpose, words, granted, otherwise } => {
            arms(&BTreeMap::new(), Some(otherwise));
            put(fields, "consent", Some(format!("{purpose} with {words}")));
            put(fields, "then.granted", Some(go(granted)));
        }
        Exit::Transfer { target: to, then, otherwise } => {
            arms(then, Some(otherwise));
            put(fields, "transfer", Some(target(to)));
        }
        Exit::SubFlow { flow, then, otherwise } => {
            arms(then, otherwise.as_ref());
            put(fields, "flow", Some(flow.clone()));
        }
        Exit::End(end) => put(fields, "end", Some(ending(end))),
    }
}

fn ask(fields: &mut Fields, ask: &Ask) {
    put(fields, "ask", Some(ask.text.clone()));
    for (key, answer) in &ask.keys {
        put(fields, &format!("keys.{key}"), Some(answer.clone()));
    }
    put(fields, "answers", (!ask.answers.is_empty()).then(|| ask.answers.join(", ")));
    put(fields, "save_as", ask.save_as.clone());
    put(fields, "open", ask.open.then(|| "yes".to_owned()));
    put(fields, "tries", Some(ask.tries.to_string()));
    put(fields, "timeout", Some(format!("{} seconds", ask.timeout_s)));
}
