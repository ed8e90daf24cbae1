//! How much the tests notice: every line of a flow or cadence that matters is taken out, one at a time, and then `check` or a
//! test must complain. A line whose loss nobody notices survives.

use std::collections::BTreeSet;

use super::suite;
use crate::definitions::library::Library;
use crate::definitions::model::cadence::{Cadence, StepAction};
use crate::definitions::model::flow::{Exit, Flow};
use crate::definitions::model::test::Subject;
use crate::definitions::schema::DefinitionKind;

/// A line to take out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mutant {
    pub path: String,
    /// From 1.
    pub line: usize,
    pub text: String,
}

/// Every line that matters of the flows and cadences whose paths are `wanted`: no comments, no empty lines, no titles.
pub fn mutants(library: &Library, wanted: impl Fn(&str) -> bool) -> Vec<Mutant> {
    let flows = library.flows().filter_map(|flow| library.path(DefinitionKind::Flow, &flow.key));
    let cadences = library.cadences().filter_map(|each| library.path(DefinitionKind::Cadence, &each.key));
    let paths: BTreeSet<&str> = flows.chain(cadences).filter(|path| wanted(path)).collect();
    let lines = paths.into_iter().flat_map(|path| {
        let text = library.sources().text(path).unwrap_or_default();
        let lines = text.lines().enumerate().filter(|(_, line)| matters(line));
        lines.map(move |(index, line)| Mutant {
            path: path.to_owned(),
            line: index + 1,
            text: line.trim().to_owned(),
        })
    });
    lines.collect()
}

fn matters(line: &str) -> bool {
    let line = line.trim();
    !(line.is_empty() || line.starts_with('#') || line.starts_with("title:"))
}

/// Does nobody notice that the line is gone?
pub fn survives(library: &Library, mutant: &Mutant) -> bool {
    let files = related(library, &mutant.path);
    let texts: Vec<(&str, String)> = files
        .iter()
        .map(|path| {
            let text = library.sources().text(path).unwrap_or_default();
            let text = if *path == mutant.path { without(text, mutant.line) } else { text.to_owned() };
            (path.as_str(), text)
        })
        .collect();
    let (mutated, problems) = Library::from_files(texts.iter().map(|(path, text)| (*path, text.as_str())));
    problems.is_empty() && suite::run(&mutated, |_, _| true).failed() == 0
}

fn without(text: &str, line: usize) -> String {
    let kept = text.split_inclusive('\n').enumerate().filter(|(index, _)| index + 1 != line);
    kept.map(|(_, line)| line).collect()
}

/// Files that a file's meaning can depend on, and the tests that can notice: the rest only costs time.
fn related(library: &Library, path: &str) -> Vec<String> {
    let mut wanted = Wanted { library, flows: BTreeSet::new(), cadences: BTreeSet::new() };
    if let Some(flow) =
        library.flows().find(|flow| library.path(DefinitionKind::Flow, &flow.key) == Some(path))
    {
        wanted.flow(&flow.key);
        wanted.callers(&flow.key);
    }
    let own =
        |each: &&std::sync::Arc<Cadence>| library.path(DefinitionKind::Cadence, &each.key) == Some(path);
    if let Some(cadence) = library.cadences().find(own) {
        wanted.cadence(&cadence.key);
    }
    wanted.paths()
}

struct Wanted<'a> {
    library: &'a Library,
    flows: BTreeSet<String>,
    cadences: BTreeSet<String>,
}

impl Wanted<'_> {
    /// A flow with the flows it runs.
    fn flow(&mut self, key: &str) {
        let Some(flow) = self.library.flow(key).filter(|_| self.flows.insert(key.to_owned())) else { return };
        for inner in runs(flow) {
            self.flow(inner);
        }
    }

    /// Flows that run it and cadences that call it.
    fn callers(&mut self, key: &str) {
        let callers = self.library.flows().filter(|flow| runs(flow).any(|inner| inner == key));
        for caller in callers.map(|flow| flow.key.clone()).collect::<Vec<_>>() {
            self.flow(&caller);
            self.callers(&caller);
        }
        let cadences = self.library.cadences().filter(|cadence| cadence.flows().any(|flow| flow == key));
        for cadence in cadences.map(|cadence| cadence.key.clone()).collect::<Vec<_>>() {
            self.cadence(&cadence);
        }
    }

    /// A cadence with its flows and the cadences it leads to.
    fn cadence(&mut self, key: &str) {
        let Some(cadence) = self.library.cadence(key).filter(|_| self.cadences.insert(key.to_owned())) else {
            return;
        };
        let cadence = std::sync::Arc::clone(cadence);
        cadence.flows().for_each(|flow| self.flow(flow));
        for next in leads_to(&cadence) {
            self.cadence(next);
        }
    }

    fn paths(&self) -> Vec<String> {
        let library = self.library;
        let mut paths: BTreeSet<String> = BTreeSet::new();
        let mut add = |kind, key: &str| {
            paths.extend(library.path(kind, key).map(str::to_owned));
        };
        for key in &self.flows {
            add(DefinitionKind::Flow, key);
            if let Some(flow) = library.flow(key) {
                add(DefinitionKind::Script, &flow.script);
            }
        }
        for cadence in self.cadences.iter().filter_map(|key| library.cadence(key)) {
            add(DefinitionKind::Cadence, &cadence.key);
            for step in &cadence.steps {
                if let StepAction::Message { script, .. } = &step.action {
                    add(DefinitionKind::Script, script);
                }
            }
        }
        add(DefinitionKind::Script, crate::definitions::compile::script::COMMON);
        for test in library.tests() {
            let is_about = match &test.subject {
                Subject::Flow(key) => self.flows.contains(key),
                Subject::Cadence(key) => self.cadences.contains(key),
                Subject::Nothing => true,
            };
            if is_about {
                paths.insert(test.path.clone());
            }
        }
        paths.into_iter().collect()
    }
}

fn runs(flow: &Flow) -> impl Iterator<Item = &str> {
    flow.steps.iter().filter_map(|step| match &step.exit {
        Exit::SubFlow { flow, .. } => Some(flow.as_str()),
        _ => None,
    })
}

fn leads_to(cadence: &Cadence) -> impl Iterator<Item = &str> {
    let steps = cadence.steps.iter().filter_map(|step| match &step.action {
        StepAction::Enroll { cadence } | StepAction::Switch { cadence } => Some(cadence.as_str()),
        _ => None,
    });
    steps.chain(cadence.exits.iter().filter_map(|exit| exit.enroll.as_deref()))
}
