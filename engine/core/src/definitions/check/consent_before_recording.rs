//! Protects the callee and the caller's licence: no path may reach `recording: start` except through a granted
//! `ask_consent: recording` (GATE-3; all-party consent states, and the wording the customer prescribes).
//!
//! Paths are followed into the flows that a flow runs and out again, by the endings they can reach without consent.

use std::collections::{BTreeMap, BTreeSet};

use super::super::diagnostic::{Findings, Place};
use super::super::model::flow::{Action, Exit, Flow, FlowStep};
use super::super::workspace::Workspace;
use super::graph::flow_targets;
use super::{FlowFile, Scope};
use crate::domain::consent::Purpose;

pub fn flow(workspace: &Scope<'_>, file: &FlowFile, findings: &mut Findings<'_>) {
    if never_asked(workspace, file, findings) {
        return;
    }
    // A flow that is only ever run inside others may rely on consent asked there: it is looked at where it is run.
    if is_only_run_by_others(workspace, &file.model.key) {
        return;
    }
    let mut search = Search { workspace, running: BTreeSet::new(), found: BTreeMap::new() };
    search.endings_without_consent(&file.model, None);
    for (step, inside) in search.found {
        let (key, what) = match inside {
            None => ("recording", format!("step `{step}` starts recording")),
            Some(flow) => ("run", format!("step `{step}` runs flow `{flow}`, which starts recording")),
        };
        findings
            .error(
                "recording-without-consent",
                Place::value(format!("/steps/{step}/{key}")),
                format!("{what}, and can be reached without consent"),
            )
            .label("consent may be missing here")
            .help("lead here only from `granted` of a step with `ask_consent: recording`");
    }
}

/// Follows every path on which consent has not been granted.
struct Search<'w> {
    workspace: &'w Workspace,
    /// Flows being followed, against flows that run each other in circles.
    running: BTreeSet<&'w str>,
    /// Step of the checked flow → the flow run there that starts recording, or nothing when the step itself does.
    found: BTreeMap<String, Option<String>>,
}

impl<'w> Search<'w> {
    /// The endings of `flow` that can be reached without consent. `at`: the step of the checked flow that runs it.
    fn endings_without_consent(&mut self, flow: &'w Flow, at: Option<&str>) -> BTreeSet<&'w str> {
        let mut endings = BTreeSet::new();
        if !self.running.insert(&flow.key) {
            return endings;
        }
        let mut seen = vec![false; flow.steps.len()];
        let mut open = vec![flow.start];
        while let Some(index) = open.pop() {
            let Some(step) = flow.steps.get(index) else { continue };
            if std::mem::replace(&mut seen[index], true) {
                continue;
            }
            let place = at.unwrap_or(&step.name);
            if step.actions.iter().any(|action| matches!(action, Action::Recording { on: true })) {
                self.found.entry(place.to_owned()).or_insert_with(|| at.map(|_| flow.key.clone()));
            }
            open.extend(self.leave(step, place, &mut endings));
        }
        self.running.remove(flow.key.as_str());
        endings
    }

    /// Steps that follow without consent; endings are added to `endings`.
    fn leave(&mut self, step: &'w FlowStep, place: &str, endings: &mut BTreeSet<&'w str>) -> Vec<usize> {
        match &step.exit {
            Exit::Consent { purpose, otherwise, .. } if purpose == Purpose::Recording.as_str() => {
                vec![*otherwise]
            }
            Exit::End(ending) => {
                endings.insert(&ending.disposition);
                Vec::new()
            }
            Exit::SubFlow { flow, then, otherwise } => {
                let Some(file) = self.workspace.flows.get(flow) else { return flow_targets(&step.exit) };
                let reached = self.endings_without_consent(&file.model, Some(place));
                let mut targets = Vec::new();
                for ending in reached {
                    match then.get(ending).copied().or(*otherwise) {
                        Some(target) => targets.push(target),
                        None => {
                            endings.insert(ending);
                        }
                    }
                }
                targets
            }
            exit => flow_targets(exit),
        }
    }
}

/// Recording without a question about it anywhere, also not in the flows that this one runs or is run by.
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
        open.extend(flow.model.steps.iter().filter_map(|step| match &step.exit {
            Exit::SubFlow { flow, .. } => Some(flow.as_str()),
            _ => None,
        }));
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
