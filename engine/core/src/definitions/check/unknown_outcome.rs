//! Protects against rules that never apply: what a call step reacts to must be an outcome, or a disposition of its flow.

use std::collections::BTreeSet;

use super::super::diagnostic::{Findings, Place};
use super::super::model::cadence::StepAction;
use super::super::model::flow::{Exit, Flow};
use super::super::source::escape;
use super::{CadenceFile, Scope};
use crate::domain::outcome::Outcome;

pub fn cadence(workspace: &Scope<'_>, file: &CadenceFile, findings: &mut Findings<'_>) {
    for (step, pointer) in file.model.steps.iter().zip(&file.pointers) {
        let StepAction::Call(call) = &step.action else { continue };
        // An unknown or broken flow is reported elsewhere; its dispositions cannot be known.
        let Some(flow) = workspace.flows.get(&call.flow) else { continue };
        let own = dispositions(workspace, &flow.model);
        let outcomes = Outcome::ALL.iter().map(|outcome| outcome.as_str());
        let known: Vec<&str> =
            outcomes.chain(["default", "hung_up"]).chain(own.iter().map(String::as_str)).collect();
        for outcome in call.outcomes.keys().filter(|outcome| !known.contains(&outcome.as_str())) {
            let place = Place::key(format!("{pointer}/then/{}", escape(outcome)));
            findings
                .error(
                    "unknown-outcome",
                    place,
                    format!("no call with flow `{}` ends as `{outcome}`", call.flow),
                )
                .label("never happens")
                .suggest(outcome, known.iter().copied());
        }
    }
}

/// Dispositions under which calls with this flow may be filed: its own ends, those the engine adds, and those of voicemail.
pub fn dispositions(workspace: &Scope<'_>, flow: &Flow) -> BTreeSet<String> {
    let mut found: BTreeSet<String> =
        ["opted_out", "wrong_number", "no_input", "hung_up", "transferred", "recording_refused"]
            .map(str::to_owned)
            .into();
    collect(workspace, flow, &mut found, &mut BTreeSet::new());
    found
}

fn collect(workspace: &Scope<'_>, flow: &Flow, found: &mut BTreeSet<String>, seen: &mut BTreeSet<String>) {
    if !seen.insert(flow.key.clone()) {
        return;
    }
    found.extend(flow.voicemail.iter().map(|ending| ending.disposition.clone()));
    for step in &flow.steps {
        match &step.exit {
            Exit::End(ending) => {
                found.insert(ending.disposition.clone());
            }
            // What its steps do not go on from ends the call.
            Exit::SubFlow { flow, then, otherwise: None } => {
                if let Some(sub) = workspace.flows.get(flow) {
                    let mut inside = BTreeSet::new();
                    collect(workspace, &sub.model, &mut inside, seen);
                    found.extend(inside.into_iter().filter(|ending| !then.contains_key(ending)));
                }
            }
            _ => {}
        }
    }
}
