//! Protects the callee and the caller's licence: no path may reach `recording: start` except through a granted
//! `ask_consent: recording` (GATE-3; all-party consent states, and the wording the customer prescribes).

use std::collections::BTreeSet;

use super::super::diagnostic::{Findings, Place};
use super::super::model::flow::{Action, Exit, FlowStep};
use super::graph::{flow_targets, reachable};
use super::{FlowFile, Scope};
use crate::domain::consent::Purpose;

pub fn flow(workspace: &Scope<'_>, file: &FlowFile, findings: &mut Findings<'_>) {
    if never_asked(workspace, file, findings) {
        return;
    }
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

/// Recording without a question about it anywhere, also not in the flows that run this one.
fn never_asked(workspace: &Scope<'_>, file: &FlowFile, findings: &mut Findings<'_>) -> bool {
    let starts =
        |step: &&FlowStep| step.actions.iter().any(|action| matches!(action, Action::Recording { on: true }));
    let Some(step) = file.model.steps.iter().find(starts) else { return false };
    let mut seen = BTreeSet::new();
    let mut open = vec![file.model.key.as_str()];
    while let Some(key) = open.pop() {
        if !seen.insert(key) {
            continue;
        }
        // What a broken flow asks cannot be seen.
        let Some(flow) = workspace.flows.get(key) else { return false };
        if flow.model.steps.iter().any(|step| asks(&step.exit)) {
            return false;
        }
        open.extend(workspace.run_by.get(key).into_iter().flatten());
    }
    findings
        .error(
            "consent-never-asked",
            Place::value(format!("/steps/{}/recording", step.name)),
            format!("step `{}` starts recording, and nothing in this flow asks for consent", step.name),
        )
        .label("consent is needed first")
        .help("add a step with `ask_consent: recording`, and lead here from its `granted`");
    true
}

fn asks(exit: &Exit) -> bool {
    matches!(exit, Exit::Consent { purpose, .. } if purpose == Purpose::Recording.as_str())
}

fn is_only_run_by_others(workspace: &Scope<'_>, key: &str) -> bool {
    !workspace.called.contains(key) && workspace.run_by.contains_key(key)
}
