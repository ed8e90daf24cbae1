//! What exists: the names a place may refer to. Read from the trees, so that files in the middle of an edit count too.

use std::collections::{BTreeMap, BTreeSet};

use super::super::compile::script::COMMON;
use super::super::schema::DefinitionKind;
use super::super::source::{Entry, Node};
use super::leaf::{leaves, text_at, text_of};
use super::project::{File, Project};
use super::slot::{Slot, slot};
use super::steps;

/// Key, title and path of every definition of a kind.
pub fn definitions(project: &Project, kind: DefinitionKind) -> Vec<(&str, &str, &str)> {
    let of_kind = project.files().filter(|(_, file)| file.kind == kind && !file.key.is_empty());
    of_kind.map(|(path, file)| (file.key.as_str(), title(file), path)).collect()
}

/// The title of a file; empty when it has none.
pub fn title(file: &File) -> &str {
    text_at(&file.root, &["title"]).unwrap_or_default()
}

/// The script a flow speaks: the one it names, or the one with its own name.
pub fn script_of(file: &File) -> &str {
    text_at(&file.root, &["script"]).filter(|_| file.kind == DefinitionKind::Flow).unwrap_or(&file.key)
}

/// Whether a flow leaves the name of its script out.
pub fn speaks_by_default(file: &File) -> bool {
    file.kind == DefinitionKind::Flow && file.root.get("script").is_none()
}

/// Words of a script by language: the entries under `texts` or `answers`.
pub fn words<'n>(root: &'n Node, part: &str) -> impl Iterator<Item = (&'n str, &'n Entry)> {
    let languages = root.get("languages").into_iter().flat_map(Node::entries);
    languages.flat_map(move |language| {
        let entries = language.value.get(part).into_iter().flat_map(Node::entries);
        entries.map(move |entry| (language.key.as_str(), entry))
    })
}

/// Names of the texts or answers of a script, with the script that holds each: its own or the shared words.
pub fn named_words(project: &Project, script: &str, part: &'static str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for key in [script, COMMON] {
        let Some((_, file)) = project.named(DefinitionKind::Script, key) else { continue };
        for (_, entry) in words(&file.root, part) {
            found.entry(entry.key.clone()).or_insert_with(|| key.to_owned());
        }
    }
    found
}

/// The script that holds a text or an answer: the one asked for, else the shared words.
pub fn holder<'s>(project: &Project, script: &'s str, part: &str, name: &str) -> Option<&'s str> {
    [script, COMMON].into_iter().find(|key| {
        let file = project.named(DefinitionKind::Script, key).map(|(_, file)| file);
        file.is_some_and(|file| words(&file.root, part).any(|(_, entry)| entry.key == name))
    })
}

/// Language codes of a script.
pub fn languages(file: &File) -> Vec<&str> {
    let languages = file.root.get("languages").into_iter().flat_map(Node::entries);
    languages.map(|entry| entry.key.as_str()).collect()
}

/// Dispositions a flow may end with, each with the flow that says so; endings of the flows it runs are its own too.
pub fn endings(project: &Project, flow: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut open = vec![flow.to_owned()];
    while let Some(key) = open.pop() {
        let Some((_, file)) = project.named(DefinitionKind::Flow, &key).filter(|_| seen.insert(key.clone()))
        else {
            continue;
        };
        for leaf in leaves(&file.root) {
            match slot(file.kind, &file.root, &leaf) {
                Slot::EndingName if !leaf.text.is_empty() => {
                    found.entry(leaf.text).or_insert_with(|| key.clone());
                }
                Slot::Refers(DefinitionKind::Flow) => open.insert(0, leaf.text),
                _ => {}
            }
        }
    }
    found
}

/// Step names of a file as a `next` may write them: in a split those of its own arm are short.
pub fn targets(file: &File, scope: &str) -> Vec<String> {
    let all = steps::steps(file).into_iter().filter(|step| step.is_named);
    all.map(|step| step.id.strip_prefix(scope).map_or(step.id.clone(), str::to_owned)).collect()
}

/// Texts of all leaves with one meaning, each once.
pub fn all_of(project: &Project, wanted: Slot) -> BTreeSet<String> {
    let leaves =
        project.files().flat_map(|(_, file)| leaves(&file.root).into_iter().map(move |leaf| (file, leaf)));
    leaves
        .filter(|(file, leaf)| slot(file.kind, &file.root, leaf) == wanted && !leaf.text.is_empty())
        .map(|(_, leaf)| leaf.text)
        .collect()
}

/// Variables that a file may name beside the built-in ones, with an example where somebody gave one.
pub fn further_variables(project: &Project, file: &File) -> BTreeMap<String, Option<serde_json::Value>> {
    let mut found = BTreeMap::new();
    let mut declare = |file: &File, key: &str| {
        for (name, value) in super::code::declared(&file.root, key) {
            let example = (key == "uses").then(|| value.to_json());
            found.entry(name.to_owned()).or_insert(example);
        }
    };
    match file.kind {
        DefinitionKind::Cadence => declare(file, "variables"),
        DefinitionKind::Test => {}
        DefinitionKind::Flow | DefinitionKind::Script => {
            let speaks = |flow: &File| {
                flow.kind == DefinitionKind::Flow
                    && file.kind == DefinitionKind::Script
                    && script_of(flow) == file.key
            };
            let flows: Vec<&File> = project
                .files()
                .map(|(_, flow)| flow)
                .filter(|flow| std::ptr::eq(*flow, file) || speaks(flow))
                .filter(|flow| flow.kind == DefinitionKind::Flow)
                .collect();
            for flow in &flows {
                declare(flow, "uses");
            }
            for (_, cadence) in project.files().filter(|(_, each)| each.kind == DefinitionKind::Cadence) {
                let reaches =
                    leaves(&cadence.root).iter().any(|leaf| match slot(cadence.kind, &cadence.root, leaf) {
                        Slot::Refers(DefinitionKind::Flow) => flows.iter().any(|flow| flow.key == leaf.text),
                        Slot::Refers(DefinitionKind::Script) => {
                            file.kind == DefinitionKind::Script && leaf.text == file.key
                        }
                        _ => false,
                    });
                if reaches {
                    declare(cadence, "variables");
                }
            }
        }
    }
    found
}

/// The value of an entry as text, for people.
pub fn as_words(node: &Node) -> String {
    text_of(node).map_or_else(|| node.to_json().to_string(), str::to_owned)
}
