//! Protects tests from testing nothing: the flow or cadence, the fixtures and the steps that a test names must exist.

use std::collections::BTreeSet;

use super::super::diagnostic::{Findings, Place, suggestion};
use super::super::model::cadence::Cadence;
use super::super::model::test::{CaseKind, Given, Subject, TestFile};
use super::super::raw::test::RawTest;
use super::super::raw::test::RawWalk;
use super::super::schema::DefinitionKind;
use super::super::workspace::{Compiled, Workspace};

pub type TestSource = Compiled<RawTest, TestFile>;

pub fn test(workspace: &Workspace, file: &TestSource, findings: &mut Findings<'_>) {
    let (kind, key) = match &file.model.subject {
        Subject::Flow(key) => (DefinitionKind::Flow, key),
        Subject::Cadence(key) => (DefinitionKind::Cadence, key),
        Subject::Nothing => return,
    };
    if !workspace.is_declared(kind, key) {
        let code = if kind == DefinitionKind::Flow { "unknown-flow" } else { "unknown-cadence" };
        findings
            .error(code, Place::value(format!("/{kind}")), format!("there is no {kind} `{key}` to test"))
            .suggest(key, workspace.keys(kind));
    }
    fixtures(workspace, file, findings);
    if let Some(cadence) = workspace.cadences.get(key).filter(|_| kind == DefinitionKind::Cadence) {
        steps(&cadence.model, file, findings);
    }
}

fn fixtures(workspace: &Workspace, file: &TestSource, findings: &mut Findings<'_>) {
    let known: BTreeSet<&str> =
        workspace.tests.values().flat_map(|test| test.model.fixtures.keys()).map(String::as_str).collect();
    let mut reported = BTreeSet::new();
    for case in &file.model.cases {
        for given in &case.given {
            let Given::Fixture(name) = given else { continue };
            if known.contains(name.as_str()) || !reported.insert(name) {
                continue;
            }
            let own = file.source.root().keys_at(&case.pointer).contains(&"given");
            let place = if own { format!("{}/given", case.pointer) } else { "/given".to_owned() };
            findings
                .error("unknown-fixture", Place::value(place), format!("there is no fixture `{name}`"))
                .suggest(name, known.iter().copied());
        }
    }
}

/// Steps that a walk names.
fn steps(cadence: &Cadence, file: &TestSource, findings: &mut Findings<'_>) {
    let known: Vec<&str> = cadence.steps.iter().map(|step| step.id.as_str()).collect();
    let mut reported = BTreeSet::new();
    for case in &file.model.cases {
        let CaseKind::Walk(walk) = &case.kind else { continue };
        for (index, entry) in walk.iter().enumerate() {
            for (key, step) in named(entry) {
                let place = format!("{}/walk/{index}/{key}", case.pointer);
                if known.contains(&step) || !reported.insert(place.clone()) {
                    continue;
                }
                let mut words = format!("cadence `{}` has no step `{step}`", cadence.key);
                if step.contains("{{") {
                    words.push_str("; a table must name its column");
                }
                let note = findings.error("unknown-step", Place::value(place), words);
                if let Some(help) = suggestion(step, known.iter().copied()) {
                    note.help(help);
                }
            }
        }
    }
}

fn named(entry: &RawWalk) -> impl Iterator<Item = (&'static str, &str)> {
    let all = [
        ("call", &entry.call),
        ("message", &entry.message),
        ("task", &entry.task),
        ("webhook", &entry.webhook),
    ];
    all.into_iter().filter_map(|(key, step)| Some((key, step.as_deref()?)))
}
