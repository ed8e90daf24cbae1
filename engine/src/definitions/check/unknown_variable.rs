//! Protects the callee from half sentences: every variable that a text or condition reads must be one that exists, and every
//! text must render on sample data.

use std::collections::BTreeSet;

use serde_json::json;

use super::super::context;
use super::super::diagnostic::{Findings, Place, suggestion};
use super::super::expression::Expression;
use super::super::model::cadence::{StepAction, Wait};
use super::super::model::flow::{Action, Exit};
use super::super::source::escape;
use super::super::template::{RenderLimits, Template};
use super::super::workspace::Workspace;
use super::{CadenceFile, FlowFile, ScriptFile};

pub fn flow(workspace: &Workspace, file: &FlowFile, findings: &mut Findings<'_>) {
    let further = further_of_flow(workspace, file);
    let answers = answers(workspace);
    for step in &file.model.steps {
        let at = format!("/steps/{}", step.name);
        for action in &step.actions {
            let (key, fields) = match action {
                Action::Set { values } => ("set", values),
                Action::RecordEvent { fields, .. } => ("with", fields),
                _ => continue,
            };
            for (name, value) in fields {
                expression(
                    findings,
                    &format!("{at}/{key}/{}", escape(name)),
                    value,
                    &further,
                    Some(&answers),
                );
            }
        }
        if let Exit::Branch { arms, .. } = &step.exit {
            for (index, (condition, _)) in arms.iter().enumerate() {
                expression(findings, &format!("{at}/branch/{index}/if"), condition, &further, Some(&answers));
            }
        }
    }
}

pub fn cadence(_: &Workspace, file: &CadenceFile, findings: &mut Findings<'_>) {
    let further: BTreeSet<String> = file.model.variables.keys().cloned().collect();
    let mut check =
        |pointer: String, value: &Expression| expression(findings, &pointer, value, &further, None);
    if let Some(when) = &file.model.enter_when {
        check("/enter/when".to_owned(), when);
    }
    for (index, rule) in file.model.exits.iter().enumerate() {
        if let Some(condition) = &rule.condition {
            check(format!("/exit/{index}/if"), condition);
        }
    }
    for (step, pointer) in file.model.steps.iter().zip(&file.pointers) {
        if let Some(condition) = &step.condition {
            check(format!("{pointer}/if"), condition);
        }
        match &step.action {
            StepAction::Branch(arms) => {
                for (index, (condition, _)) in arms.iter().enumerate() {
                    check(format!("{pointer}/branch/{index}/if"), condition);
                }
            }
            StepAction::Update { fields } => {
                for (field, value) in fields {
                    check(format!("{pointer}/update/{}", escape(field)), value);
                }
            }
            StepAction::Wait(Wait::Event { condition: Some(condition), .. }) => {
                check(format!("{pointer}/wait/if"), condition);
            }
            _ => {}
        }
    }
}

pub fn script(workspace: &Workspace, file: &ScriptFile, findings: &mut Findings<'_>) {
    let further = further_of_script(workspace, &file.model.key);
    let sample = sample(workspace, &file.model.key);
    for (code, words) in &file.model.languages {
        for (name, template) in &words.texts {
            let pointer = format!("/languages/{}/texts/{}", escape(code), escape(name));
            text(findings, &pointer, name, template, &further, &sample);
        }
    }
}

fn text(
    findings: &mut Findings<'_>,
    pointer: &str,
    name: &str,
    template: &Template,
    further: &BTreeSet<String>,
    sample: &serde_json::Value,
) {
    let variables = template.variables();
    if report(findings, pointer, &variables, further) {
        return;
    }
    let mut sample = sample.clone();
    for variable in variables.iter().filter_map(|path| path.strip_prefix("answers.")) {
        sample["answers"][variable] = json!("sample");
    }
    if let Err(error) = template.render(&context::value(&sample), RenderLimits::default()) {
        let missing =
            variables.iter().find(|path| sample.pointer(&format!("/{}", path.replace('.', "/"))).is_none());
        let what = missing.filter(|_| error.missing).map_or_else(String::new, |path| format!(" (`{path}`)"));
        findings.error(
            "text-does-not-render",
            Place::value(pointer),
            format!("text `{name}` fails on sample data: {}{what}", error.message),
        );
    }
}

fn expression(
    findings: &mut Findings<'_>,
    pointer: &str,
    value: &Expression,
    further: &BTreeSet<String>,
    answers: Option<&BTreeSet<String>>,
) {
    let variables = value.variables();
    if report(findings, pointer, &variables, further) {
        return;
    }
    // Names of filters are only looked up when the expression runs. What calls learn may be a number or a text.
    let run =
        |example: serde_json::Value| value.eval_json(&context::value(&sample_with(&variables, &example)));
    if let Err(error) = run(json!(1)).or_else(|_| run(json!("sample"))) {
        findings.error(
            "bad-expression",
            Place::value(pointer),
            format!("this fails on sample data: {}", error.message),
        );
    }
    let Some(answers) = answers else { return };
    for name in variables.iter().filter_map(|path| path.strip_prefix("answers.")) {
        let name = name.split('.').next().unwrap_or(name);
        if !answers.contains(name) {
            findings
                .error("unknown-variable", Place::value(pointer), format!("nothing sets `answers.{name}`"))
                .label("always missing")
                .suggest(name, answers.iter().map(String::as_str));
        }
    }
}

/// The sample with `example` wherever `variables` name something that only calls and events know.
fn sample_with(variables: &[String], example: &serde_json::Value) -> serde_json::Value {
    let mut sample = context::sample();
    for path in variables {
        let parts: Vec<&str> = path.split('.').collect();
        match parts.as_slice() {
            [owner @ ("answers" | "event"), name, ..] => sample[*owner][*name] = example.clone(),
            ["lead", "custom", name, ..] => sample["lead"]["custom"][*name] = example.clone(),
            _ => {}
        }
    }
    sample
}

/// Reports unknown paths; answers whether there were any.
fn report(
    findings: &mut Findings<'_>,
    pointer: &str,
    variables: &[String],
    further: &BTreeSet<String>,
) -> bool {
    let names: Vec<&str> = further.iter().map(String::as_str).collect();
    let mut any = false;
    for path in variables.iter().filter(|path| !context::knows(path, &names)) {
        any = true;
        let known = context::paths();
        let help = suggestion(path, known.iter().map(String::as_str).chain(names.iter().copied()));
        let is_word = !path.contains('.');
        let note = findings
            .error("unknown-variable", Place::value(pointer), format!("there is no variable `{path}`"))
            .label("unknown variable");
        match help {
            Some(help) => note.help(help),
            None if is_word => {
                note.help(format!("for the text itself write it in inner quotes: \"'{path}'\""))
            }
            None => note.help("see the list of variables in the documentation, or declare it under `uses:`"),
        };
    }
    any
}

/// Names that calls learn anywhere: sub-flows share the answers of their callers.
fn answers(workspace: &Workspace) -> BTreeSet<String> {
    let steps = workspace.flows.values().flat_map(|file| file.raw.steps.values());
    steps
        .flat_map(|step| step.save_as.iter().chain(step.set.iter().flatten().map(|(name, _)| name)))
        .cloned()
        .collect()
}

fn further_of_flow(workspace: &Workspace, file: &FlowFile) -> BTreeSet<String> {
    let own = file.raw.uses.iter().flatten().map(|(name, _)| name.clone());
    let callers = workspace
        .cadences
        .values()
        .filter(|cadence| cadence.model.flows().any(|flow| flow == file.model.key));
    own.chain(callers.flat_map(|cadence| cadence.model.variables.keys().cloned())).collect()
}

fn further_of_script(workspace: &Workspace, key: &str) -> BTreeSet<String> {
    let flows = workspace.flows.values().filter(|file| file.model.script == key);
    let messages = workspace.cadences.values().filter(|file| {
        let sends =
            |action: &StepAction| matches!(action, StepAction::Message { script, .. } if script == key);
        file.model.steps.iter().any(|step| sends(&step.action))
    });
    flows
        .flat_map(|file| further_of_flow(workspace, file))
        .chain(messages.flat_map(|file| file.model.variables.keys().cloned()))
        .collect()
}

fn sample(workspace: &Workspace, script: &str) -> serde_json::Value {
    let mut sample = context::sample();
    for file in workspace.flows.values().filter(|file| file.model.script == script) {
        for (name, example) in file.raw.uses.iter().flatten() {
            sample[name] = example.clone();
        }
    }
    sample
}
