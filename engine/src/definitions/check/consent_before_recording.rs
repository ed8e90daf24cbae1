//! Protects the callee and the caller's licence: no path may reach `recording: start` except through a granted
//! `ask_consent: recording` (GATE-3; all-party consent states, and the wording the customer prescribes).

use super::super::diagnostic::{Findings, Place};
use super::super::model::flow::{Action, Exit};
use super::super::workspace::Workspace;
use super::FlowFile;
use super::graph::{flow_targets, reachable};
use crate::domain::consent::Purpose;

pub fn flow(workspace: &Workspace, file: &FlowFile, findings: &mut Findings<'_>) {
    // A flow that is only ever run inside others may rely on consent asked there; the interpreter still refuses without it.
    if is_only_run_by_others(workspace, &file.model.key) {
        return;
    }
    let edges: Vec<Vec<usize>> = file
        .model
        .steps
        .iter()
        .map(|step| match &step.exit {
            Exit::Consent { purpose, otherwise, .. } if purpose == Purpose::Recording.as_str() => {
                vec![*otherwise]
            }
            exit => flow_targets(exit),
        })
        .collect();
    let reached = reachable(&edges, &[file.model.start]);
    for (step, _) in file.model.steps.iter().zip(reached).filter(|(_, reached)| *reached) {
        if step.actions.iter().any(|action| matches!(action, Action::Recording { on: true })) {
            findings
                .error(
                    "recording-without-consent",
                    Place::value(format!("/steps/{}/recording", step.name)),
                    format!("step `{}` starts recording, and can be reached without consent", step.name),
                )
                .label("consent may be missing here")
                .help("lead here only from `granted` of a step with `ask_consent: recording`");
        }
    }
}

fn is_only_run_by_others(workspace: &Workspace, key: &str) -> bool {
    let runs = |file: &FlowFile| {
        file.model.steps.iter().any(|step| matches!(&step.exit, Exit::SubFlow { flow, .. } if flow == key))
    };
    let is_called = workspace.cadences.values().any(|file| file.model.flows().any(|flow| flow == key));
    !is_called && workspace.flows.values().any(runs)
}
