//! Protects from conditions that never hold or always do: every variable, event field, filter and comparison of a condition or
//! value must make sense, and is shown at its own column when it does not (DEF-9).

use std::collections::BTreeSet;

use serde_json::json;

use super::super::context;
use super::super::diagnostic::Findings;
use super::super::expression::Expression;
use super::super::language::Mistake;
use super::super::language::infer::{Event, Inference, Names};
use super::super::language::parse;
use super::super::model::cadence::{StepAction, Wait};
use super::super::model::flow::{Action, Exit};
use super::super::source::escape;
use super::{CadenceFile, FlowFile, Scope};
use crate::domain::vocabulary::{FieldKind, fields_of};

pub fn flow(scope: &Scope<'_>, file: &FlowFile, findings: &mut Findings<'_>) {
    let further = scope.variables_of_flow(&file.model.key);
    let names = Names { further, answers: Some(&scope.answers), event: Event::Any };
    for step in &file.model.steps {
        let at = format!("/steps/{}", step.name);
        for action in &step.actions {
            let (key, fields) = match action {
                Action::Set { values } => ("set", values),
                Action::RecordEvent { fields, .. } => ("with", fields),
                _ => continue,
            };
            for (name, expression) in fields {
                value(findings, &format!("{at}/{key}/{}", escape(name)), expression, &names);
            }
        }
        if let Exit::Branch { arms, .. } = &step.exit {
            for (index, (expression, _)) in arms.iter().enumerate() {
                condition(findings, &format!("{at}/branch/{index}/if"), expression, &names);
            }
        }
    }
}

pub fn cadence(scope: &Scope<'_>, file: &CadenceFile, findings: &mut Findings<'_>) {
    let further: BTreeSet<String> = file.model.variables.keys().cloned().collect();
    let plain = Names { further: &further, answers: None, event: Event::None };
    if let Some(when) = &file.model.enter_when {
        condition(findings, "/enter/when", when, &plain);
    }
    for (index, rule) in file.model.exits.iter().enumerate() {
        if let Some(expression) = &rule.condition {
            let pointer = format!("/exit/{index}/if");
            after(scope, findings, &pointer, expression, &further, rule.event.as_deref());
        }
    }
    for (step, pointer) in file.model.steps.iter().zip(&file.pointers) {
        if let Some(expression) = &step.condition {
            condition(findings, &format!("{pointer}/if"), expression, &plain);
        }
        match &step.action {
            StepAction::Branch(arms) => {
                for (index, (expression, _)) in arms.iter().enumerate() {
                    condition(findings, &format!("{pointer}/branch/{index}/if"), expression, &plain);
                }
            }
            StepAction::Update { fields } => {
                for (field, expression) in fields {
                    value(findings, &format!("{pointer}/update/{}", escape(field)), expression, &plain);
                }
            }
            StepAction::Wait(Wait::Event { event, condition: Some(expression), .. }) => {
                after(scope, findings, &format!("{pointer}/wait/if"), expression, &further, Some(event));
            }
            _ => {}
        }
    }
}

/// A condition that may ask about the event that has just happened.
fn after(
    scope: &Scope<'_>,
    findings: &mut Findings<'_>,
    pointer: &str,
    expression: &Expression,
    further: &BTreeSet<String>,
    kind: Option<&str>,
) {
    let known = kind.and_then(|kind| Some((kind, fields_of(kind)?)));
    let fields: Vec<(String, Option<FieldKind>)> = known
        .into_iter()
        .flat_map(|(kind, fields)| {
            let recorded =
                scope.recorded.get(kind).into_iter().flatten().map(|name| ((*name).to_owned(), None));
            fields.map(|(name, is)| (name.to_owned(), Some(is))).chain(recorded)
        })
        .collect();
    let event = match kind {
        Some(kind) if !fields.is_empty() => Event::Of { kind, fields: &fields },
        _ => Event::Any,
    };
    condition(findings, pointer, expression, &Names { further, answers: None, event });
}

fn condition(findings: &mut Findings<'_>, pointer: &str, expression: &Expression, names: &Names<'_>) {
    check(findings, pointer, expression, names, true);
}

fn value(findings: &mut Findings<'_>, pointer: &str, expression: &Expression, names: &Names<'_>) {
    check(findings, pointer, expression, names, false);
}

fn check(
    findings: &mut Findings<'_>,
    pointer: &str,
    expression: &Expression,
    names: &Names<'_>,
    is_condition: bool,
) {
    let Ok(tree) = parse::expression(expression.source()) else { return };
    let mut inference = Inference::new(names);
    if is_condition {
        inference.condition(&tree);
    } else {
        inference.value(&tree);
    }
    let is_sound = inference.mistakes.is_empty();
    for mistake in inference.mistakes {
        findings.mistake(pointer, mistake);
    }
    if is_sound && let Some(problem) = fails_on_sample(expression) {
        let message = format!("this fails on sample data: {problem}");
        findings.mistake(pointer, Mistake::error("bad-expression", 0..expression.source().len(), message));
    }
}

/// Whatever the types could not show. What calls and events know may be a number or a text.
fn fails_on_sample(expression: &Expression) -> Option<String> {
    let variables = expression.variables();
    let run = |example: serde_json::Value| {
        expression.eval_json(&context::value(&sample_with(&variables, &example)))
    };
    run(json!(1)).or_else(|_| run(json!("sample"))).err().map(|error| error.message)
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
