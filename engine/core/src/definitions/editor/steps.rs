//! The steps of a flow or cadence, found in its tree: also in one that does not compile.

use std::ops::Range;

use super::super::compile::{ACTIONS, flow::EXITS};
use super::super::schema::DefinitionKind;
use super::super::source::{Kind, Node};
use super::leaf::{text_at, text_of};
use super::project::File;

/// A step and where it stands.
#[derive(Debug, Clone)]
pub struct Step<'n> {
    /// Full name; in arms of a split `split/arm/step`.
    pub id: String,
    /// Path of its arm, with a slash at the end; empty outside of splits.
    pub scope: String,
    /// Its author gave it the name.
    pub is_named: bool,
    pub path: Vec<String>,
    /// Where its name stands; where the step begins when it has none.
    pub name_span: Range<usize>,
    pub node: &'n Node,
}

/// All steps in the order of the file.
pub fn steps(file: &File) -> Vec<Step<'_>> {
    let mut found = Vec::new();
    let Some(list) = file.root.get("steps") else { return found };
    if file.kind == DefinitionKind::Flow {
        for entry in list.entries() {
            found.push(Step {
                id: entry.key.clone(),
                scope: String::new(),
                is_named: true,
                path: vec!["steps".to_owned(), entry.key.clone()],
                name_span: entry.key_span.clone(),
                node: &entry.value,
            });
        }
    } else if file.kind == DefinitionKind::Cadence {
        collect(list, &mut vec!["steps".to_owned()], "", &mut found);
    }
    found
}

fn collect<'n>(list: &'n Node, path: &mut Vec<String>, scope: &str, found: &mut Vec<Step<'n>>) {
    let Kind::List(items) = &list.kind else { return };
    for (position, node) in items.iter().enumerate() {
        let name = node.get("id").filter(|id| text_of(id).is_some());
        let id = name
            .and_then(text_of)
            .map_or_else(|| format!("{}-{}", action(node), position + 1), str::to_owned);
        let id = format!("{scope}{id}");
        path.push(position.to_string());
        let start = node.entries().first().map_or(node.span.clone(), |entry| entry.key_span.clone());
        found.push(Step {
            id: id.clone(),
            scope: scope.to_owned(),
            is_named: name.is_some(),
            path: path.clone(),
            name_span: name.map_or(start, |name| name.span.clone()),
            node,
        });
        if let Some(Node { kind: Kind::List(arms), .. }) = node.get("split") {
            for (index, arm) in arms.iter().enumerate() {
                let Some(inner) = arm.get("steps") else { continue };
                let name = text_at(arm, &["arm"]).unwrap_or_default();
                path.extend(["split".to_owned(), index.to_string(), "steps".to_owned()]);
                collect(inner, path, &format!("{id}/{name}/"), found);
                path.truncate(path.len() - 3);
            }
        }
        path.pop();
    }
}

/// The key that says what a cadence's step does; `step` while there is none.
pub fn action(node: &Node) -> &'static str {
    ACTIONS.into_iter().find(|action| node.get(action).is_some()).unwrap_or("step")
}

/// The key through which a flow's step leaves.
pub fn exit(node: &Node) -> Option<&'static str> {
    EXITS.into_iter().find(|exit| node.get(exit).is_some())
}

/// The innermost step that a path lies in.
pub fn step_of<'n>(file: &'n File, path: &[&str]) -> Option<Step<'n>> {
    let len = super::slot::step_len(file.kind, path)?;
    steps(file).into_iter().find(|step| step.path.iter().map(String::as_str).eq(path[..len].iter().copied()))
}
