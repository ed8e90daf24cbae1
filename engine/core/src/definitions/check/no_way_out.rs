//! Protects people from conversations and cadences that cannot end: from every step an end must be reachable.

use super::super::diagnostic::{Findings, Place};
use super::graph::{cadence_edges, can_reach, flow_edges, may_end, reachable};
use super::{CadenceFile, FlowFile, Scope};

pub fn flow(_: &Scope<'_>, file: &FlowFile, findings: &mut Findings<'_>) {
    let edges = flow_edges(&file.model);
    let ends: Vec<bool> = file.model.steps.iter().map(|step| may_end(&step.exit)).collect();
    let reached = reachable(&edges, &[file.model.start]);
    let leaves = can_reach(&edges, &ends);
    let trapped = (0..edges.len()).find(|&step| reached[step] && !leaves[step]);
    if let Some(step) = trapped {
        let name = &file.model.steps[step].name;
        findings
            .error(
                "no-way-out",
                Place::key(format!("/steps/{name}")),
                format!("from step `{name}` the call can never end"),
            )
            .label("goes round in circles")
            .help("let one of the steps it leads to have `end: DISPOSITION`");
    }
}

pub fn cadence(_: &Scope<'_>, file: &CadenceFile, findings: &mut Findings<'_>) {
    let (edges, ends) = cadence_edges(&file.model);
    let reached = reachable(&edges, &[0]);
    let leaves = can_reach(&edges, &ends);
    if let Some(step) = (0..edges.len()).find(|&step| reached[step] && !leaves[step]) {
        let id = &file.model.steps[step].id;
        findings
            .error(
                "no-way-out",
                Place::key(file.pointers[step].clone()),
                format!("from step `{id}` the cadence can never end"),
            )
            .label("goes round in circles")
            .help("add `end: RESULT`, or leave the last `next` out");
    }
}
