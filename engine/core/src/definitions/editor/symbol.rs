//! Names and where they occur: the links between flows, scripts and cadences.

use std::ops::Range;

use super::super::schema::DefinitionKind;
use super::code::{self, TokenKind};
use super::leaf::{Leaf, leaves, text_at};
use super::names;
use super::project::{File, Project};
use super::slot::{Slot, slot};
use super::steps::{self, Step, step_of};

/// A name that other places refer to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Symbol {
    Definition(DefinitionKind, String),
    /// A step of the flow or cadence `owner`, by its full name.
    Step {
        kind: DefinitionKind,
        owner: String,
        id: String,
    },
    Text {
        script: String,
        name: String,
    },
    Answer {
        script: String,
        name: String,
    },
    Language {
        script: String,
        code: String,
    },
    /// A disposition, with the flow that files calls under it.
    Ending {
        flow: String,
        name: String,
    },
    /// `answers.NAME`
    Learned(String),
    Event(String),
}

impl Symbol {
    /// The name as it is written.
    pub fn name(&self) -> &str {
        match self {
            Self::Definition(_, name)
            | Self::Text { name, .. }
            | Self::Answer { name, .. }
            | Self::Language { code: name, .. }
            | Self::Ending { name, .. }
            | Self::Learned(name)
            | Self::Event(name) => name,
            Self::Step { id, .. } => id.rsplit('/').next().unwrap_or(id),
        }
    }
}

/// One place where a name stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    pub symbol: Symbol,
    pub path: String,
    pub span: Range<usize>,
    pub is_definition: bool,
    /// The place means the name without writing it: `ask_consent` speaks `may_record`.
    pub is_implicit: bool,
}

/// All places of a name, definitions first.
pub fn all(project: &Project, symbol: &Symbol) -> Vec<Occurrence> {
    let mut found: Vec<Occurrence> = project
        .files()
        .flat_map(|(path, file)| occurrences(project, path, file))
        .filter(|each| each.symbol == *symbol)
        .collect();
    found.sort_by_key(|each| !each.is_definition);
    found
}

/// The name at an offset; a written one goes before one that is only meant.
pub fn at(project: &Project, path: &str, offset: usize) -> Option<Occurrence> {
    let file = project.file(path)?;
    let touching = occurrences(project, path, file)
        .into_iter()
        .filter(|each| each.span.start <= offset && offset <= each.span.end && !each.span.is_empty());
    touching.min_by_key(|each| (each.is_implicit, each.span.len()))
}

/// Every name in a file.
pub fn occurrences(project: &Project, path: &str, file: &File) -> Vec<Occurrence> {
    let mut found = Found { project, path, file, list: Vec::new() };
    for leaf in leaves(&file.root) {
        found.leaf(&leaf);
    }
    found.list
}

struct Found<'p> {
    project: &'p Project,
    path: &'p str,
    file: &'p File,
    list: Vec<Occurrence>,
}

impl Found<'_> {
    fn add(&mut self, symbol: Symbol, span: Range<usize>, is_definition: bool) {
        if !symbol.name().is_empty() {
            let path = self.path.to_owned();
            self.list.push(Occurrence { symbol, path, span, is_definition, is_implicit: false });
        }
    }

    fn imply(&mut self, symbol: Symbol, span: Range<usize>) {
        let path = self.path.to_owned();
        self.list.push(Occurrence { symbol, path, span, is_definition: false, is_implicit: true });
    }

    fn leaf(&mut self, leaf: &Leaf) {
        let file = self.file;
        let slot = slot(file.kind, &file.root, leaf);
        let span = self.inner(leaf);
        let name = leaf.text.clone();
        match slot {
            Slot::Own(kind) => {
                self.add(Symbol::Definition(kind, name.clone()), span.clone(), true);
                if names::speaks_by_default(file) {
                    self.imply(Symbol::Definition(DefinitionKind::Script, name), span);
                }
            }
            Slot::Refers(kind) => self.add(Symbol::Definition(kind, name), span, false),
            Slot::StepName => self.step_name(leaf, span),
            Slot::Target => self.target(leaf, span),
            Slot::TextName => self.add(Symbol::Text { script: file.key.clone(), name }, span, true),
            Slot::Text => self.text(self.script_at(leaf), name, span),
            Slot::AnswerName => self.add(Symbol::Answer { script: file.key.clone(), name }, span, true),
            Slot::Answer => self.add(answer(self.project, names::script_of(file), name), span, false),
            Slot::ConsentResult if name == "granted" => {
                self.add(answer(self.project, names::script_of(file), name), span, false);
            }
            Slot::EndingName => self.add(Symbol::Ending { flow: file.key.clone(), name }, span, true),
            Slot::Ending => self.ending(leaf, span),
            Slot::LanguageName => {
                self.add(Symbol::Language { script: file.key.clone(), code: name }, span, true);
            }
            Slot::Language => {
                self.add(Symbol::Language { script: file.key.clone(), code: name }, span, false);
            }
            Slot::LearnedName => self.add(Symbol::Learned(name), span, true),
            Slot::EventName => self.add(Symbol::Event(name), span, true),
            Slot::Event => self.add(Symbol::Event(name), span, false),
            Slot::Expression | Slot::Template => self.code(slot, leaf),
            _ => self.defaults(leaf),
        }
    }

    /// The span without quotes.
    fn inner(&self, leaf: &Leaf) -> Range<usize> {
        let raw = self.file.text.get(leaf.span.clone()).unwrap_or_default();
        let is_quoted = raw.len() > 1 && (raw.starts_with('"') || raw.starts_with('\''));
        let edge = usize::from(is_quoted);
        leaf.span.start + edge..leaf.span.end - edge
    }

    fn step(&self, id: &str) -> Symbol {
        Symbol::Step { kind: self.file.kind, owner: self.file.key.clone(), id: id.to_owned() }
    }

    fn step_name(&mut self, leaf: &Leaf, span: Range<usize>) {
        if let Some(step) = step_of(self.file, &leaf.steps()) {
            let symbol = self.step(&step.id);
            self.add(symbol, span, true);
        }
    }

    /// A step's name; in cadences those of the own arm first, and a full path names every split on the way.
    fn target(&mut self, leaf: &Leaf, span: Range<usize>) {
        let scope = step_of(self.file, &leaf.steps()).map(|step| step.scope).unwrap_or_default();
        let known: Vec<Step<'_>> = steps::steps(self.file);
        let scoped = format!("{scope}{}", leaf.text);
        let is_known = |id: &str| known.iter().any(|step| step.id == id);
        let base = if is_known(&scoped) { scope.len() } else { 0 };
        let full = if base > 0 { scoped } else { leaf.text.clone() };
        let mut from = base;
        for (end, _) in full.match_indices('/').chain([(full.len(), "")]) {
            if end >= from && is_known(&full[..end]) && end >= base {
                let symbol = self.step(&full[..end]);
                let start = full[..end].rfind('/').map_or(0, |slash| slash + 1).max(base);
                self.add(symbol, span.start + start - base..span.start + end - base, false);
            }
            from = end + 1;
        }
        if !is_known(&full) {
            let symbol = self.step(&full);
            self.add(symbol, span, false);
        }
    }

    /// The script whose text a place speaks.
    fn script_at(&self, leaf: &Leaf) -> String {
        if self.file.kind == DefinitionKind::Cadence {
            let mut path = leaf.steps();
            path.pop();
            path.push("script");
            return text_at(&self.file.root, &path).unwrap_or_default().to_owned();
        }
        names::script_of(self.file).to_owned()
    }

    fn text(&mut self, script: String, name: String, span: Range<usize>) {
        let symbol = text(self.project, &script, name);
        self.add(symbol, span, false);
    }

    /// What a call or a sub-flow ends with. Outcomes that no flow names have no other place to go to.
    fn ending(&mut self, leaf: &Leaf, span: Range<usize>) {
        let path = leaf.steps();
        let own = path.first() == Some(&"endings");
        let called = step_of(self.file, &path).and_then(|step| {
            ["call", "run"].iter().find_map(|key| text_at(step.node, &[key]).map(str::to_owned))
        });
        let Some(flow) = called.or_else(|| own.then(|| self.file.key.clone())) else { return };
        if let Some(owner) = names::endings(self.project, &flow).get(&leaf.text) {
            self.add(Symbol::Ending { flow: owner.clone(), name: leaf.text.clone() }, span, false);
        }
    }

    fn code(&mut self, slot: Slot, leaf: &Leaf) {
        for token in code::tokens(&self.file.text, slot, leaf) {
            if token.kind == TokenKind::Include {
                self.text(self.file.key.clone(), token.text, token.span);
            } else if let Some((name, span)) = code::learned(&token) {
                self.add(Symbol::Learned(name), span, false);
            }
        }
    }

    /// Texts that are spoken without being named.
    fn defaults(&mut self, leaf: &Leaf) {
        let path = leaf.steps();
        let Some(step) = step_of(self.file, &path).filter(|_| !leaf.is_key) else { return };
        match (self.file.kind, &path[step.path.len()..]) {
            (DefinitionKind::Flow, ["ask_consent"]) if step.node.get("words").is_none() => {
                let name = consent_words(&leaf.text);
                let symbol = text(self.project, names::script_of(self.file), name);
                self.imply(symbol, leaf.span.clone());
            }
            (DefinitionKind::Cadence, ["message", "channel"]) => {
                let Some(message) = step.node.get("message").filter(|message| message.get("text").is_none())
                else {
                    return;
                };
                let script = text_at(message, &["script"]).unwrap_or_default();
                let symbol = text(self.project, script, "message".to_owned());
                self.imply(symbol, leaf.span.clone());
            }
            _ => {}
        }
    }
}

/// The text that asks for a consent when none is named.
pub fn consent_words(purpose: &str) -> String {
    if purpose == "recording" { "may_record".to_owned() } else { format!("may_{purpose}") }
}

/// A text by the script that holds it: the one asked for, or the shared words.
pub fn text(project: &Project, script: &str, name: String) -> Symbol {
    let holder = names::holder(project, script, "texts", &name).unwrap_or(script);
    Symbol::Text { script: holder.to_owned(), name }
}

fn answer(project: &Project, script: &str, name: String) -> Symbol {
    let holder = names::holder(project, script, "answers", &name).unwrap_or(script);
    Symbol::Answer { script: holder.to_owned(), name }
}
