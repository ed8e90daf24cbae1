//! What the cases have gone through, and what not: every step of a flow or cadence, and every way that its author wrote down
//! (answers, results, branches, arms, rules for outcomes).

use std::collections::{BTreeMap, BTreeSet};

use crate::definitions::diagnostic::Place;
use crate::definitions::library::Library;
use crate::definitions::model::cadence::{Cadence, StepAction, Wait};
use crate::definitions::model::flow::{Exit, Flow};
use crate::definitions::schema::DefinitionKind;
use crate::definitions::source::escape;
use crate::flow::interpreter::Taken;

/// A place that can be covered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Item {
    kind: DefinitionKind,
    key: String,
    step: String,
    /// Below the step; `None`: the step itself.
    way: Option<String>,
}

/// Everything that can be covered, and what was.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    /// Item → its JSON pointer.
    all: BTreeMap<Item, String>,
    covered: BTreeSet<Item>,
    /// Path and title by kind and key.
    paths: BTreeMap<(DefinitionKind, String), String>,
}

/// Figures of one definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    pub kind: DefinitionKind,
    pub key: String,
    pub path: String,
    pub steps: (usize, usize),
    pub ways: (usize, usize),
    pub missing: Vec<Missing>,
}

/// A step or way that no case goes through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    pub line: usize,
    pub step: String,
    /// As the file writes it: `then/decline`; `None`: the whole step.
    pub way: Option<String>,
}

impl Coverage {
    /// Everything there is in a library, nothing covered.
    pub(super) fn of(library: &Library) -> Self {
        let mut coverage = Self::default();
        for flow in library.flows() {
            coverage.add_flow(library, flow);
        }
        for cadence in library.cadences() {
            coverage.add_cadence(library, cadence);
        }
        coverage
    }

    /// Whether anything of the definition was gone through.
    pub fn is_touched(&self, kind: DefinitionKind, key: &str) -> bool {
        self.covered.iter().any(|item| item.kind == kind && item.key == key)
    }

    /// Whether a step was gone through.
    pub fn has_step(&self, kind: DefinitionKind, key: &str, step: &str) -> bool {
        self.covered.iter().any(|item| item.kind == kind && item.key == key && item.step == step)
    }

    /// Whether a way out of a step (`then/accept`, `branch/0`) was taken.
    pub fn has_way(&self, kind: DefinitionKind, key: &str, step: &str, way: &str) -> bool {
        self.covered.contains(&item(kind, key, step, Some(way)))
    }

    /// Figures of every definition, in order of kind and name.
    pub fn figures(&self, library: &Library) -> Vec<Figures> {
        let mut all: BTreeMap<(DefinitionKind, &str), Figures> = BTreeMap::new();
        for (item, pointer) in &self.all {
            let path = self.paths.get(&(item.kind, item.key.clone())).cloned().unwrap_or_default();
            let figures = all.entry((item.kind, &item.key)).or_insert_with(|| Figures {
                kind: item.kind,
                key: item.key.clone(),
                path,
                steps: (0, 0),
                ways: (0, 0),
                missing: Vec::new(),
            });
            let counts = if item.way.is_some() { &mut figures.ways } else { &mut figures.steps };
            counts.1 += 1;
            if self.covered.contains(item) {
                counts.0 += 1;
                continue;
            }
            let line = library.sources().position_of(&figures.path, &Place::key(pointer.clone())).line;
            figures.missing.push(Missing { line, step: item.step.clone(), way: item.way.clone() });
        }
        let mut figures: Vec<Figures> = all.into_values().collect();
        for each in &mut figures {
            each.missing.sort_by_key(|missing| missing.line);
        }
        figures
    }

    pub(super) fn taken(&mut self, trace: &[Taken]) {
        for taken in trace {
            self.cover(DefinitionKind::Flow, &taken.flow, &taken.step, None);
            if let Some(way) = &taken.way {
                self.cover(DefinitionKind::Flow, &taken.flow, &taken.step, Some(way));
            }
        }
    }

    pub(super) fn voicemail(&mut self, flow: &str) {
        self.cover(DefinitionKind::Flow, flow, VOICEMAIL, None);
    }

    pub(super) fn step(&mut self, cadence: &str, step: &str) {
        self.cover(DefinitionKind::Cadence, cadence, step, None);
    }

    pub(super) fn way(&mut self, cadence: &str, step: &str, way: &str) {
        self.cover(DefinitionKind::Cadence, cadence, step, Some(way));
    }

    pub(super) fn rule(&mut self, cadence: &str, step: &str, rule: Option<&str>) {
        if let Some(rule) = rule {
            self.way(cadence, step, &format!("then/{rule}"));
        }
    }

    fn cover(&mut self, kind: DefinitionKind, key: &str, step: &str, way: Option<&str>) {
        let item = item(kind, key, step, way);
        if self.all.contains_key(&item) {
            self.covered.insert(item);
        }
    }

    fn add(&mut self, kind: DefinitionKind, key: &str, step: &str, way: Option<&str>, pointer: String) {
        self.all.insert(item(kind, key, step, way), pointer);
    }

    fn add_flow(&mut self, library: &Library, flow: &Flow) {
        const KIND: DefinitionKind = DefinitionKind::Flow;
        let path = library.path(KIND, &flow.key).unwrap_or_default().to_owned();
        self.paths.insert((KIND, flow.key.clone()), path);
        for step in &flow.steps {
            let at = format!("/steps/{}", escape(&step.name));
            self.add(KIND, &flow.key, &step.name, None, at.clone());
            for way in flow_ways(&step.exit) {
                self.add(KIND, &flow.key, &step.name, Some(&way), format!("{at}/{way}"));
            }
        }
        if flow.voicemail.is_some() {
            self.add(KIND, &flow.key, VOICEMAIL, None, format!("/{VOICEMAIL}"));
        }
    }

    fn add_cadence(&mut self, library: &Library, cadence: &Cadence) {
        const KIND: DefinitionKind = DefinitionKind::Cadence;
        let path = library.path(KIND, &cadence.key).unwrap_or_default().to_owned();
        self.paths.insert((KIND, cadence.key.clone()), path);
        for (step, at) in cadence.steps.iter().zip(library.pointers(&cadence.key)) {
            self.add(KIND, &cadence.key, &step.id, None, at.clone());
            for way in cadence_ways(&step.action) {
                self.add(KIND, &cadence.key, &step.id, Some(&way), format!("{at}/{way}"));
            }
            if step.condition.is_some() {
                self.add(KIND, &cadence.key, &step.id, Some("if"), format!("{at}/if"));
            }
        }
    }
}

/// The message for machines counts as a step of its own.
const VOICEMAIL: &str = "voicemail";

fn item(kind: DefinitionKind, key: &str, step: &str, way: Option<&str>) -> Item {
    Item { kind, key: key.to_owned(), step: step.to_owned(), way: way.map(str::to_owned) }
}

fn flow_ways(exit: &Exit) -> Vec<String> {
    let by = |keys: Vec<&String>, has_default: bool| {
        let named = keys.into_iter().map(|key| format!("then/{key}"));
        named.chain(has_default.then(|| "then/default".to_owned())).collect()
    };
    match exit {
        Exit::Next(_) | Exit::End(_) => Vec::new(),
        Exit::Branch { arms, .. } => {
            (0..arms.len()).map(|arm| format!("branch/{arm}")).chain(["otherwise".to_owned()]).collect()
        }
        Exit::Ask(ask) => by(ask.then.keys().collect(), true),
        Exit::Transfer { then, .. } => by(then.keys().collect(), true),
        Exit::SubFlow { then, otherwise, .. } => by(then.keys().collect(), otherwise.is_some()),
        Exit::Consent { .. } => vec!["then/granted".to_owned(), "then/default".to_owned()],
    }
}

fn cadence_ways(action: &StepAction) -> Vec<String> {
    match action {
        StepAction::Call(call) => call.outcomes.keys().map(|outcome| format!("then/{outcome}")).collect(),
        StepAction::Branch(arms) => (0..arms.len()).map(|arm| format!("branch/{arm}")).collect(),
        StepAction::Split(arms) => (0..arms.len()).map(|arm| format!("split/{arm}")).collect(),
        StepAction::Wait(Wait::Event { .. }) => vec!["wait/then".to_owned(), "wait/on_timeout".to_owned()],
        _ => Vec::new(),
    }
}
