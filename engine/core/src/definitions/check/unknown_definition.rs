//! Protects against calls to nothing: every flow, script and cadence that a definition names must exist.
//! A definition that exists but is broken is not reported again here.

use super::super::diagnostic::{Findings, Place};
use super::super::model::cadence::StepAction;
use super::super::model::flow::Exit;
use super::super::schema::DefinitionKind;
use super::{CadenceFile, FlowFile, Scope};

pub fn flow(workspace: &Scope<'_>, file: &FlowFile, findings: &mut Findings<'_>) {
    if !workspace.is_declared(DefinitionKind::Script, &file.model.script) {
        let pointer = if file.raw.script.is_some() { "/script" } else { "/flow" };
        report(
            workspace,
            findings,
            DefinitionKind::Script,
            pointer,
            &file.model.script,
            &format!("flow `{}` speaks", file.model.key),
        );
    }
    for step in &file.model.steps {
        if let Exit::SubFlow { flow, .. } = &step.exit {
            let pointer = format!("/steps/{}/run", step.name);
            report(
                workspace,
                findings,
                DefinitionKind::Flow,
                &pointer,
                flow,
                &format!("step `{}` runs", step.name),
            );
        }
    }
}

pub fn cadence(workspace: &Scope<'_>, file: &CadenceFile, findings: &mut Findings<'_>) {
    for (step, pointer) in file.model.steps.iter().zip(&file.pointers) {
        let (kind, key, name, verb) = match &step.action {
            StepAction::Call(call) => (DefinitionKind::Flow, "call", &call.flow, "calls"),
            StepAction::Message { script, .. } => (DefinitionKind::Script, "message/script", script, "sends"),
            StepAction::Enroll { cadence } => (DefinitionKind::Cadence, "enroll", cadence, "enrolls in"),
            StepAction::Switch { cadence } => (DefinitionKind::Cadence, "switch", cadence, "switches to"),
            _ => continue,
        };
        report(
            workspace,
            findings,
            kind,
            &format!("{pointer}/{key}"),
            name,
            &format!("step `{}` {verb}", step.id),
        );
    }
    for (index, rule) in file.model.exits.iter().enumerate() {
        if let Some(cadence) = &rule.enroll {
            let pointer = format!("/exit/{index}/enroll");
            report(
                workspace,
                findings,
                DefinitionKind::Cadence,
                &pointer,
                cadence,
                "this exit rule enrolls in",
            );
        }
    }
}

fn report(
    workspace: &Scope<'_>,
    findings: &mut Findings<'_>,
    kind: DefinitionKind,
    pointer: &str,
    name: &str,
    who: &str,
) {
    if workspace.is_declared(kind, name) {
        return;
    }
    let (code, folder) = match kind {
        DefinitionKind::Flow => ("unknown-flow", "flows/"),
        DefinitionKind::Script => ("unknown-script", "flows/scripts/"),
        DefinitionKind::Cadence => ("unknown-cadence", "cadences/"),
        DefinitionKind::Test => return,
    };
    findings
        .error(code, Place::value(pointer), format!("{who} {kind} `{name}`, which does not exist"))
        .label(format!("not found in {folder}"))
        .suggest(name, workspace.keys(kind));
}
