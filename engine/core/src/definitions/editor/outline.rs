//! The parts of a file for the editor's outline, and names of the whole project for its search.

use std::ops::Range;

use super::super::compile::flow::EXITS;
use super::super::schema::DefinitionKind;
use super::super::source::{Kind, Node};
use super::leaf::leaves;
use super::names;
use super::project::{File, Project};
use super::steps::{self, Step};

/// One part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub name: String,
    /// What it does, in a few words.
    pub detail: String,
    pub is: Is,
    pub span: Range<usize>,
    pub name_span: Range<usize>,
    pub parts: Vec<Part>,
}

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Is {
    File,
    Step,
    Arm,
    Language,
    Text,
    Answer,
}

/// Something of the project that a search finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    pub part: Part,
    pub path: String,
    /// What it belongs to.
    pub owner: String,
}

/// Most hits of one search.
const MOST_HITS: usize = 200;

/// The parts of a file: one root with its steps, or its languages with their texts.
pub fn outline(file: &File) -> Option<Part> {
    let own = file.root.entries().iter().find(|entry| entry.key == file.kind.as_str())?;
    let parts = match file.kind {
        DefinitionKind::Script => languages(file),
        DefinitionKind::Test => Vec::new(),
        DefinitionKind::Flow => steps::steps(file).iter().map(|step| part_of(file.kind, step)).collect(),
        DefinitionKind::Cadence => nested(&steps::steps(file), ""),
    };
    let name_span = if own.value.span.is_empty() { own.key_span.clone() } else { own.value.span.clone() };
    Some(Part {
        name: file.key.clone(),
        detail: names::title(file).to_owned(),
        is: Is::File,
        span: 0..file.text.len(),
        name_span,
        parts,
    })
}

/// Definitions, steps and texts whose name contains `query`, in any letter case.
pub fn search(project: &Project, query: &str) -> Vec<Hit> {
    let query = query.to_lowercase();
    let mut found = Vec::new();
    for (path, file) in project.files() {
        let mut open: Vec<Part> = outline(file).into_iter().collect();
        while let Some(mut part) = open.pop() {
            open.extend(std::mem::take(&mut part.parts).into_iter().rev());
            let is_name = !matches!(part.is, Is::Arm | Is::Language);
            if is_name && part.name.to_lowercase().contains(&query) && found.len() < MOST_HITS {
                found.push(Hit { part, path: path.to_owned(), owner: file.key.clone() });
            }
        }
    }
    found
}

fn part_of(kind: DefinitionKind, step: &Step<'_>) -> Part {
    Part {
        name: step.id.strip_prefix(&step.scope).unwrap_or(&step.id).to_owned(),
        detail: detail(kind, step.node),
        is: Is::Step,
        span: cover(step.name_span.clone(), step.node),
        name_span: step.name_span.clone(),
        parts: Vec::new(),
    }
}

/// Steps of one arm (`scope`), with the arms of their splits below them.
fn nested(all: &[Step<'_>], scope: &str) -> Vec<Part> {
    let here = all.iter().filter(|step| step.scope == scope);
    here.map(|step| {
        let mut part = part_of(DefinitionKind::Cadence, step);
        if let Some(Node { kind: Kind::List(arms), .. }) = step.node.get("split") {
            part.parts = arms
                .iter()
                .filter_map(|arm| {
                    let entry = arm.entries().iter().find(|entry| entry.key == "arm")?;
                    let name = names::as_words(&entry.value);
                    let inner = format!("{}/{name}/", step.id);
                    Some(Part {
                        detail: arm
                            .get("share")
                            .map_or_else(String::new, |share| format!("{} %", names::as_words(share))),
                        is: Is::Arm,
                        span: cover(entry.value.span.clone(), arm),
                        name_span: entry.value.span.clone(),
                        parts: nested(all, &inner),
                        name,
                    })
                })
                .collect();
        }
        part
    })
    .collect()
}

fn languages(file: &File) -> Vec<Part> {
    let languages = file.root.get("languages").into_iter().flat_map(Node::entries);
    let words = |node: &Node, part: &str, is: Is| -> Vec<Part> {
        let entries = node.get(part).into_iter().flat_map(Node::entries);
        let parts = entries.map(|entry| Part {
            name: entry.key.clone(),
            detail: part.trim_end_matches('s').to_owned(),
            is,
            span: cover(entry.key_span.clone(), &entry.value),
            name_span: entry.key_span.clone(),
            parts: Vec::new(),
        });
        parts.collect()
    };
    let parts = languages.map(|entry| Part {
        name: entry.key.clone(),
        detail: "language".to_owned(),
        is: Is::Language,
        span: cover(entry.key_span.clone(), &entry.value),
        name_span: entry.key_span.clone(),
        parts: [words(&entry.value, "texts", Is::Text), words(&entry.value, "answers", Is::Answer)].concat(),
    });
    parts.collect()
}

/// From a name to the end of what belongs to it.
fn cover(name: Range<usize>, node: &Node) -> Range<usize> {
    let all = leaves(node).into_iter().map(|leaf| leaf.span).filter(|span| !span.is_empty());
    all.fold(name, |whole, span| whole.start.min(span.start)..whole.end.max(span.end))
}

/// What a step does, in a few words: `say greeting, then consent`.
pub fn detail(kind: DefinitionKind, node: &Node) -> String {
    let words = |key: &str| node.get(key).map(short);
    if kind == DefinitionKind::Cadence {
        let action = steps::action(node);
        return words(action)
            .filter(|text| !text.is_empty())
            .map_or_else(|| action.to_owned(), |text| format!("{action} {text}"));
    }
    let does = node.entries().iter().map(|entry| entry.key.as_str()).filter(|key| {
        matches!(
            *key,
            "say"
                | "play"
                | "set"
                | "score"
                | "record_event"
                | "recording"
                | "webhook"
                | "call_back"
                | "opt_out"
        )
    });
    let mut parts: Vec<String> =
        does.map(|key| format!("{key} {}", words(key).unwrap_or_default()).trim().to_owned()).collect();
    if let Some(exit) = EXITS.into_iter().find(|exit| node.get(exit).is_some()) {
        parts.push(format!("{exit} {}", words(exit).unwrap_or_default()).trim().to_owned());
    }
    parts.join(", ")
}

/// A scalar, or the scalars of a list; nothing for mappings.
fn short(node: &Node) -> String {
    match &node.kind {
        Kind::Scalar(_) => names::as_words(node).chars().take(60).collect(),
        Kind::List(items) if items.iter().all(|item| matches!(item.kind, Kind::Scalar(_))) => {
            items.iter().map(names::as_words).collect::<Vec<_>>().join(", ")
        }
        _ => String::new(),
    }
}
