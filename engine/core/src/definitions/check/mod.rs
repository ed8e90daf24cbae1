//! Checks that look beyond one file's shape. Each stands in a file of its own that says what it protects (DEF-3).

mod ambiguous_phrase;
mod consent_before_recording;
mod cut_off;
mod disclosures;
mod expressions;
mod graph;
mod impossible_cap;
mod loop_without_wait;
mod never_open;
mod no_way_out;
mod opening;
mod opt_out_path;
mod overlapping_hours;
mod scope;
mod split_shares;
mod targets;
mod test_subject;
mod texts;
mod unknown_answer;
mod unknown_definition;
mod unknown_event;
mod unknown_outcome;
mod unknown_text;
mod unreachable_step;
mod unused_words;

use super::diagnostic::{Diagnostic, Findings};
use super::model::{cadence::Cadence, flow::Flow, script::Script};
use super::raw::{cadence::RawCadence, flow::RawFlow, script::RawScript};
use super::workspace::{Compiled, Workspace};
use crate::rules::Rules;
use scope::Scope;

type FlowFile = Compiled<RawFlow, Flow>;
type ScriptFile = Compiled<RawScript, Script>;
type CadenceFile = Compiled<RawCadence, Cadence>;

type FlowCheck = fn(&Scope<'_>, &FlowFile, &mut Findings<'_>);
type CadenceCheck = fn(&Scope<'_>, &CadenceFile, &mut Findings<'_>);

/// Look at one place at a time: also useful in a file that has other errors.
const FLOW_PLACES: [FlowCheck; 6] = [
    unknown_definition::flow,
    unknown_text::flow,
    unknown_answer::flow,
    ambiguous_phrase::flow,
    unknown_event::flow,
    expressions::flow,
];
const CADENCE_PLACES: [CadenceCheck; 10] = [
    unknown_definition::cadence,
    unknown_text::cadence,
    unknown_outcome::cadence,
    unknown_event::cadence,
    expressions::cadence,
    split_shares::cadence,
    impossible_cap::cadence,
    overlapping_hours::cadence,
    never_open::cadence,
    targets::cadence,
];

/// Look at how steps hang together: with a step missing or misspelt they would only repeat that.
const FLOW_PATHS: [FlowCheck; 6] = [
    unreachable_step::flow,
    no_way_out::flow,
    loop_without_wait::flow,
    consent_before_recording::flow,
    opt_out_path::flow,
    disclosures::flow,
];
const CADENCE_PATHS: [CadenceCheck; 3] =
    [unreachable_step::cadence, no_way_out::cadence, loop_without_wait::cadence];

/// Runs every check; problems go to the workspace, and files with errors count as broken from then on.
pub(super) fn run(workspace: &mut Workspace) {
    run_on(workspace, Rules::embedded(), |_| true);
}

/// Runs the checks of the files that are `wanted`, against all others and by the law of `rules`.
pub(super) fn run_on(workspace: &mut Workspace, rules: &Rules, wanted: impl Fn(&str) -> bool) {
    let mut found = Vec::new();
    {
        let scope = Scope::new(workspace, rules);
        for file in workspace.flows.values().filter(|file| wanted(&file.source.path)) {
            let mut findings = Findings::new(&file.source);
            for check in FLOW_PLACES {
                check(&scope, file, &mut findings);
            }
            if !workspace.broken.contains(&file.source.path) {
                for check in FLOW_PATHS {
                    check(&scope, file, &mut findings);
                }
            }
            found.append(&mut findings.list);
        }
        for file in workspace.scripts.values().filter(|file| wanted(&file.source.path)) {
            let mut findings = Findings::new(&file.source);
            texts::script(&scope, file, &mut findings);
            unused_words::script(&scope, file, &mut findings);
            disclosures::script(&scope, file, &mut findings);
            found.append(&mut findings.list);
        }
        for file in workspace.tests.values().filter(|file| wanted(&file.source.path)) {
            let mut findings = Findings::new(&file.source);
            test_subject::test(&scope, file, &mut findings);
            found.append(&mut findings.list);
        }
        for file in workspace.cadences.values().filter(|file| wanted(&file.source.path)) {
            let mut findings = Findings::new(&file.source);
            for check in CADENCE_PLACES {
                check(&scope, file, &mut findings);
            }
            if !workspace.broken.contains(&file.source.path) {
                for check in CADENCE_PATHS {
                    check(&scope, file, &mut findings);
                }
            }
            found.append(&mut findings.list);
        }
    }
    let broken = found.iter().filter(|each| Diagnostic::is_error(each)).map(|each| each.file.clone());
    workspace.broken.extend(broken);
    workspace.diagnostics.append(&mut found);
}

/// What can be said about a file's values before anybody knows what they mean.
pub(super) fn values(findings: &mut Findings<'_>) {
    cut_off::file(findings.source, findings);
}
