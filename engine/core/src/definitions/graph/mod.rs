//! Pictures of definitions: a flow or a cadence as a graph of steps and arrows, laid out, and written as SVG or Mermaid (DEF-7).
//!
//! ```text
//! model ─flow | cadence─▶ Graph ─layout─▶ Picture ─svg─▶ text        Graph ─mermaid─▶ text
//! ```
//!
//! All of it is pure: the same definition makes the same picture, byte for byte.

mod cadence;
mod flow;
mod layout;
mod mermaid;
mod svg;
mod text;

use std::collections::BTreeMap;

use serde::Serialize;

use super::model::cadence::Cadence;
use super::model::flow::Flow;
pub use layout::{Picture, Rect, Route};

/// The label of the way that is taken when nothing else fits.
const REST: &str = "otherwise";

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    Flow,
    Cadence,
}

/// Steps and arrows of one definition, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Graph {
    pub subject: Subject,
    pub key: String,
    pub title: String,
    pub nodes: Vec<Node>,
    pub edges: Vec<Edge>,
    /// What holds everywhere and has no arrow: global handlers, exit rules, hours, limits.
    pub notes: Vec<Note>,
}

/// What a node is, which decides its look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Where it begins.
    Start,
    /// Something is said or done.
    Action,
    /// The callee or a condition decides.
    Decision,
    /// A call, or a person on the line.
    Call,
    Wait,
    /// Where it ends.
    End,
}

/// One box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Node {
    /// The step's own name; `@…` for what is no step.
    pub id: String,
    pub role: Role,
    /// The kind in one or two words: `question`, `call`, `wait`.
    pub kind: &'static str,
    pub title: String,
    pub lines: Vec<String>,
    /// How it ends here, if it does.
    pub ending: Option<String>,
    /// What leads back to this very step: tries, call backs.
    pub again: Vec<String>,
}

/// One arrow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Edge {
    /// Indexes into [`Graph::nodes`].
    pub from: usize,
    pub to: usize,
    /// When this way is taken; several when more than one answer leads here.
    pub labels: Vec<String>,
    /// Taken when nothing else fits.
    pub otherwise: bool,
}

/// A titled list beside the picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    pub title: String,
    pub lines: Vec<String>,
}

/// Which steps and arrows were gone through, by the step's name. What is not named is drawn as usual.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    pub steps: BTreeMap<String, bool>,
    /// By the names of the two steps; ends of a cadence are `@end:RESULT`.
    pub edges: BTreeMap<(String, String), bool>,
}

impl Coverage {
    fn step(&self, node: &Node) -> Option<bool> {
        self.steps.get(&node.id).copied()
    }

    fn edge(&self, graph: &Graph, edge: &Edge) -> Option<bool> {
        let name = |index: usize| graph.nodes.get(index).map(|node| node.id.clone());
        self.edges.get(&(name(edge.from)?, name(edge.to)?)).copied()
    }
}

impl Graph {
    /// What happens during one call.
    pub fn of_flow(flow: &Flow) -> Self {
        flow::graph(flow)
    }

    /// What happens over days.
    pub fn of_cadence(cadence: &Cadence) -> Self {
        cadence::graph(cadence)
    }

    /// Where everything stands.
    pub fn picture(&self) -> Picture {
        svg::picture(self)
    }

    /// A complete SVG document; it also stands inside HTML as it is.
    pub fn svg(&self, coverage: Option<&Coverage>) -> String {
        svg::draw(self, &self.picture(), coverage)
    }

    /// A Mermaid flowchart.
    pub fn mermaid(&self, coverage: Option<&Coverage>) -> String {
        mermaid::draw(self, coverage)
    }

    /// The graph in sentences, for those who do not see the picture.
    pub fn sentences(&self) -> Vec<String> {
        let name = |index: usize| self.nodes.get(index).map_or("", |node| node.title.as_str());
        let mut sentences = Vec::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let mut parts = vec![format!("{} ({})", node.title, node.kind)];
            parts.extend(node.lines.iter().cloned());
            parts.extend(node.again.iter().map(|line| format!("again: {line}")));
            parts.extend(node.ending.iter().map(|ending| format!("ends: {ending}")));
            for edge in self.edges.iter().filter(|edge| edge.from == index) {
                let when = if edge.labels.is_empty() { "then".to_owned() } else { edge.labels.join(" or ") };
                parts.push(format!("{when} → {}", name(edge.to)));
            }
            sentences.push(parts.join("; ") + ".");
        }
        for note in &self.notes {
            sentences.push(format!("{}: {}.", note.title, note.lines.join("; ")));
        }
        sentences
    }

    fn add(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// One arrow per pair of nodes: further reasons join its label.
    fn connect(&mut self, from: usize, to: usize, label: Option<String>, otherwise: bool) {
        if from == to {
            self.nodes[from].again.push(label.unwrap_or_else(|| "always".to_owned()));
            return;
        }
        match self.edges.iter_mut().find(|edge| edge.from == from && edge.to == to) {
            Some(edge) => {
                // What is left over stands last.
                let rest = usize::from(edge.labels.last().is_some_and(|last| last == REST));
                let place = edge.labels.len() - rest;
                edge.labels.splice(place..place, label);
                edge.otherwise &= otherwise;
            }
            None => self.edges.push(Edge { from, to, labels: label.into_iter().collect(), otherwise }),
        }
    }
}

impl Node {
    fn new(id: impl Into<String>, role: Role, kind: &'static str, title: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            role,
            kind,
            title: title.into(),
            lines: Vec::new(),
            ending: None,
            again: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
