//! Protects the author's time: a step that nothing leads to is a forgotten link or dead text.

use super::super::diagnostic::{Findings, Place};
use super::graph::{cadence_edges, flow_edges, reachable};
use super::{CadenceFile, FlowFile, Scope};

pub fn flow(_: &Scope<'_>, file: &FlowFile, findings: &mut Findings<'_>) {
    let reached = reachable(&flow_edges(&file.model), &[file.model.start]);
    for (step, _) in file.model.steps.iter().zip(reached).filter(|(_, reached)| !reached) {
        findings
            .error(
                "unreachable-step",
                Place::key(format!("/steps/{}", step.name)),
                format!("nothing leads to step `{}`", step.name),
            )
            .label("never used")
            .help("name it in `next`, `then` or `branch` of another step, or delete it");
    }
}

pub fn cadence(_: &Scope<'_>, file: &CadenceFile, findings: &mut Findings<'_>) {
    let (edges, _) = cadence_edges(&file.model);
    let reached = reachable(&edges, &[0]);
    for ((step, pointer), _) in
        file.model.steps.iter().zip(&file.pointers).zip(reached).filter(|(_, reached)| !reached)
    {
        let key = if step.id.ends_with(|c: char| c.is_ascii_digit()) {
            pointer.clone()
        } else {
            format!("{pointer}/id")
        };
        findings
            .error("unreachable-step", Place::value(key), format!("nothing leads to step `{}`", step.id))
            .label("never used")
            .help("let another step lead to it, or delete it");
    }
}
