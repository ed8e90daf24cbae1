//! Protects the engine from spinning and people from being called again at once: a circle must contain a wait (cadences) or
//! a prompt that waits for the callee (flows).

use super::super::diagnostic::{Findings, Place};
use super::super::model::cadence::{StepAction, Wait};
use super::super::model::flow::{Action, Exit};
use super::graph::{cadence_edges, cycle_within, flow_edges};
use super::{CadenceFile, FlowFile, Scope};
use crate::time::duration::Delay;

pub fn flow(_: &Scope<'_>, file: &FlowFile, findings: &mut Findings<'_>) {
    let instant: Vec<bool> = file
        .model
        .steps
        .iter()
        .map(|step| {
            let asks = matches!(step.exit, Exit::Ask(_) | Exit::Consent { .. } | Exit::Transfer { .. });
            !asks && !step.actions.iter().any(|action| matches!(action, Action::Webhook { .. }))
        })
        .collect();
    if let Some(step) = cycle_within(&flow_edges(&file.model), &instant) {
        let name = &file.model.steps[step].name;
        findings
            .error(
                "endless-loop",
                Place::key(format!("/steps/{name}")),
                format!("step `{name}` comes back to itself without asking anything"),
            )
            .label("would run for ever")
            .help("ask a question on the way, or leave the circle");
    }
}

pub fn cadence(_: &Scope<'_>, file: &CadenceFile, findings: &mut Findings<'_>) {
    let (edges, _) = cadence_edges(&file.model);
    let instant: Vec<bool> = file
        .model
        .steps
        .iter()
        .map(|step| match &step.action {
            StepAction::Wait(Wait::For(delay) | Wait::Event { timeout: delay, .. }) => Delay::is_zero(*delay),
            StepAction::Wait(Wait::Until { .. }) => false,
            _ => true,
        })
        .collect();
    if let Some(step) = cycle_within(&edges, &instant) {
        let id = &file.model.steps[step].id;
        findings
            .error(
                "loop-without-wait",
                Place::key(file.pointers[step].clone()),
                format!("step `{id}` comes back to itself without a wait"),
            )
            .label("would contact people again at once")
            .help("put a step such as `wait: 1 business day` into the circle");
    }
}
