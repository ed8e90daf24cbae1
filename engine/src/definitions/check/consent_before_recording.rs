//! Protects the callee and the caller's licence: no path may reach `recording: start` except through a granted
//! `ask_consent: recording` (GATE-3; all-party consent states, and the wording the customer prescribes).
//!
//! Paths are followed into the flows that a flow runs and out again, by the endings they can reach without consent.

use std::collections::{BTreeMap, BTreeSet};

use super::super::diagnostic::{Findings, Place};
use super::super::model::flow::{Action, Exit, Flow, FlowStep};
use super::super::workspace::Workspace;
use super::FlowFile;
use super::graph::flow_targets;
use crate::domain::consent::Purpose;

pub fn flow(workspace: &Workspace, file: &FlowFile, findings: &mut Findings<'_>) {
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

fn is_only_run_by_others(workspace: &Workspace, key: &str) -> bool {
    let runs = |file: &FlowFile| {
        file.model.steps.iter().any(|step| matches!(&step.exit, Exit::SubFlow { flow, .. } if flow == key))
    };
    let is_called = workspace.cadences.values().any(|file| file.model.flows().any(|flow| flow == key));
    !is_called && workspace.flows.values().any(runs)
}
