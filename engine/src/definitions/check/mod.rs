//! Checks that look beyond one file's shape. Each stands in a file of its own that says what it protects (DEF-3).

mod consent_before_recording;
mod graph;
mod impossible_cap;
mod loop_without_wait;
mod no_way_out;
mod opt_out_path;
mod overlapping_hours;
mod split_shares;
mod unknown_answer;
mod unknown_definition;
mod unknown_outcome;
mod unknown_text;
mod unknown_variable;
mod unreachable_step;

use super::diagnostic::{Diagnostic, Findings};
use super::model::{cadence::Cadence, flow::Flow, script::Script};
use super::raw::{cadence::RawCadence, flow::RawFlow, script::RawScript};
use super::workspace::{Compiled, Workspace};

type FlowFile = Compiled<RawFlow, Flow>;
type ScriptFile = Compiled<RawScript, Script>;
type CadenceFile = Compiled<RawCadence, Cadence>;

const FLOW_CHECKS: [fn(&Workspace, &FlowFile, &mut Findings<'_>); 9] = [
    unknown_definition::flow,
    unknown_text::flow,
    unknown_answer::flow,
    unreachable_step::flow,
    no_way_out::flow,
    loop_without_wait::flow,
    unknown_variable::flow,
    consent_before_recording::flow,
    opt_out_path::flow,
];

const CADENCE_CHECKS: [fn(&Workspace, &CadenceFile, &mut Findings<'_>); 10] = [
    unknown_definition::cadence,
    unknown_text::cadence,
    unknown_outcome::cadence,
    unreachable_step::cadence,
    no_way_out::cadence,
    loop_without_wait::cadence,
    unknown_variable::cadence,
    split_shares::cadence,
    impossible_cap::cadence,
    overlapping_hours::cadence,
];

/// Runs every check; problems go to the workspace, and files with errors count as broken from then on.
pub(super) fn run(workspace: &mut Workspace) {
    let mut found = Vec::new();
    for file in workspace.flows.values() {
        let mut findings = Findings::new(&file.source);
        FLOW_CHECKS.iter().for_each(|check| check(workspace, file, &mut findings));
        found.append(&mut findings.list);
    }
    for file in workspace.scripts.values() {
        let mut findings = Findings::new(&file.source);
        unknown_variable::script(workspace, file, &mut findings);
        found.append(&mut findings.list);
    }
    for file in workspace.cadences.values() {
        let mut findings = Findings::new(&file.source);
        CADENCE_CHECKS.iter().for_each(|check| check(workspace, file, &mut findings));
        found.append(&mut findings.list);
    }
    let broken = found.iter().filter(|each| Diagnostic::is_error(each)).map(|each| each.file.clone());
    workspace.broken.extend(broken);
    workspace.diagnostics.append(&mut found);
}
