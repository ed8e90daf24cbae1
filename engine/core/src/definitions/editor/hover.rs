//! What the word under the pointer is: documentation, what a name leads to, how a text sounds.

use std::ops::Range;

use super::super::context;
use super::super::schema::DefinitionKind;
use super::code::{self, Token, TokenKind};
use super::leaf::{Leaf, leaf_at};
use super::names;
use super::outline;
use super::preview::{self, Heard};
use super::project::{File, Project};
use super::shape;
use super::slot::{Slot, slot};
use super::steps;
use super::symbol::{self, Symbol};
use super::vocabulary;
use crate::domain::outcome::Outcome;

/// Markdown about the bytes of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hover {
    pub span: Range<usize>,
    pub markdown: String,
}

/// What is known about the word at an offset. Needs a refreshed project.
pub fn hover(project: &Project, path: &str, offset: usize) -> Option<Hover> {
    let file = project.file(path)?;
    let leaf = leaf_at(&file.root, offset)?;
    let slot = slot(file.kind, &file.root, &leaf);
    let token = code::tokens(&file.text, slot, &leaf)
        .into_iter()
        .find(|token| token.span.start <= offset && offset <= token.span.end);
    if let Some(markdown) = token.as_ref().and_then(|token| of_token(project, file, token)) {
        return Some(Hover { span: token.map_or(leaf.span, |token| token.span), markdown });
    }
    let found = symbol::at(project, path, offset);
    let named = found.as_ref().filter(|found| !found.is_implicit);
    let about_name = named.map(|found| of_symbol(project, &found.symbol));
    let about_place = of_place(file, slot, &leaf);
    let implied =
        found.as_ref().filter(|found| found.is_implicit && matches!(found.symbol, Symbol::Text { .. }));
    let about_implied = implied.map(|found| of_symbol(project, &found.symbol));
    let spoken = (slot == Slot::Template).then(|| {
        let name = leaf.path.last().cloned().unwrap_or_default();
        let language = leaf.path.get(1).cloned();
        let texts = preview::heard(project, &file.key, &name);
        says(texts.into_iter().filter(|heard| Some(&heard.language) == language.as_ref()))
    });
    let parts = [about_name, about_place, about_implied, spoken];
    let parts: Vec<String> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    let span = named.map_or(leaf.span, |found| found.span.clone());
    (!parts.is_empty()).then(|| Hover { span, markdown: parts.join("\n\n") })
}

/// A variable: what it holds and an example. A filter: what it does. An included text: how it sounds.
fn of_token(project: &Project, file: &File, token: &Token) -> Option<String> {
    match token.kind {
        TokenKind::Filter => vocabulary::find(vocabulary::FILTERS, &token.text)
            .map(|docs| format!("filter `{}`\n\n{docs}", token.text)),
        TokenKind::Include => Some(of_symbol(project, &symbol::text(project, &file.key, token.text.clone()))),
        TokenKind::Variable => of_variable(project, file, token),
    }
}

fn of_variable(project: &Project, file: &File, token: &Token) -> Option<String> {
    let path = &token.text;
    if let Some((name, _)) = code::learned(token) {
        return Some(of_symbol(project, &Symbol::Learned(name)));
    }
    let sample = context::sample();
    let further = names::further_variables(project, file);
    let root = path.split('.').next().unwrap_or_default();
    let docs = vocabulary::find(vocabulary::VARIABLES, path).map(str::to_owned);
    let example = sample.pointer(&format!("/{}", path.replace('.', "/"))).cloned();
    let example = further.get(root).cloned().flatten().filter(|_| root == path).or(example);
    let docs = docs.or_else(|| further.contains_key(root).then(|| format!("Declared here as `{root}`.")));
    let docs = docs.or_else(|| {
        path.starts_with("lead.custom.")
            .then(|| "A field of the lead that the CRM or an import brought.".to_owned())
    });
    let docs = docs.or_else(|| path.starts_with("event.").then(|| "A field of the event.".to_owned()))?;
    let example = example
        .filter(|value| !value.is_object())
        .map_or_else(String::new, |value| format!("\n\nFor example `{value}`."));
    Some(format!("variable `{path}`\n\n{docs}{example}"))
}

/// What the schema, or the table of outcomes and results, says about a place.
fn of_place(file: &File, slot: Slot, leaf: &Leaf) -> Option<String> {
    let path = leaf.steps();
    let word = |table| vocabulary::find(table, &leaf.text).map(str::to_owned);
    match slot {
        Slot::Ending => word(vocabulary::OUTCOMES).or_else(|| word(vocabulary::EVERY_FLOW_ENDS)),
        Slot::Answer => word(vocabulary::RESERVED_ANSWERS).or_else(|| word(vocabulary::GLOBAL_ANSWERS)),
        Slot::TransferResult => word(vocabulary::TRANSFER_RESULTS),
        Slot::ConsentResult => word(vocabulary::CONSENT_RESULTS),
        Slot::LeadField => word(vocabulary::LEAD_FIELDS),
        _ if leaf.is_key => {
            shape::docs_of_key(file.kind, &path).map(|docs| format!("`{}`\n\n{docs}", leaf.text))
        }
        _ => {
            let known = shape::words(file.kind, &path).into_iter().find(|known| known.name == leaf.text);
            known.and_then(|known| known.docs).or_else(|| owner_docs(file, &path, leaf))
        }
    }
}

/// A plain value says what its key is for.
fn owner_docs(file: &File, path: &[&str], leaf: &Leaf) -> Option<String> {
    if leaf.text.is_empty() {
        return None;
    }
    let last = path.last().filter(|last| last.parse::<usize>().is_err())?;
    shape::docs_of_key(file.kind, path).map(|docs| format!("`{last}`\n\n{docs}"))
}

/// What a name leads to.
pub fn of_symbol(project: &Project, symbol: &Symbol) -> String {
    match symbol {
        Symbol::Definition(kind, key) => of_definition(project, *kind, key),
        Symbol::Step { kind, owner, id } => {
            let file = project.named(*kind, owner).map(|(_, file)| file);
            let found = file.and_then(|file| steps::steps(file).into_iter().find(|step| step.id == *id));
            let detail =
                found.map_or_else(|| "does not exist".to_owned(), |step| outline::detail(*kind, step.node));
            format!("step `{id}` of {kind} `{owner}`\n\n{detail}")
        }
        Symbol::Text { script, name } => {
            let says = says(preview::heard(project, script, name).into_iter());
            format!("text `{name}` of script `{script}`\n\n{says}")
        }
        Symbol::Answer { script, name } => of_answer(project, script, name),
        Symbol::Language { script, code } => format!("language `{code}` of script `{script}`"),
        Symbol::Ending { flow, name } => {
            let outcome = project
                .compiled()
                .flows
                .get(flow)
                .map_or_else(|| Outcome::of_ending(name), |file| file.model.outcome_of(name));
            format!("ending `{name}` of flow `{flow}`\n\nCounts as outcome `{outcome}`.")
        }
        Symbol::Learned(name) => {
            let places = places(project, symbol);
            format!("variable `answers.{name}`\n\nWhat the call learned. {places}")
        }
        Symbol::Event(name) => format!("event `{name}`\n\n{}", places(project, symbol)),
    }
}

/// Where a name comes from.
fn places(project: &Project, symbol: &Symbol) -> String {
    let all = symbol::all(project, symbol).into_iter().filter(|each| each.is_definition);
    let mut paths: Vec<String> = all.map(|each| format!("`{}`", each.path)).collect();
    paths.dedup();
    if paths.is_empty() {
        "It comes from outside.".to_owned()
    } else {
        format!("Set in {}.", paths.join(", "))
    }
}

fn of_definition(project: &Project, kind: DefinitionKind, key: &str) -> String {
    let Some((path, file)) = project.named(kind, key) else {
        return format!("{kind} `{key}` does not exist");
    };
    let count = steps::steps(file).len();
    let list =
        |words: Vec<String>| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    let detail = match kind {
        DefinitionKind::Flow => {
            let endings = names::endings(project, key).into_keys().collect();
            format!("{count} steps; speaks script `{}`; ends as {}.", names::script_of(file), list(endings))
        }
        DefinitionKind::Script => {
            format!("Speaks {}.", list(names::languages(file).into_iter().map(str::to_owned).collect()))
        }
        DefinitionKind::Cadence => format!("{count} steps."),
        DefinitionKind::Test => String::new(),
    };
    format!("{kind} `{key}` ({path})\n\n{}\n\n{detail}", names::title(file))
}

fn of_answer(project: &Project, script: &str, name: &str) -> String {
    let file = project.named(DefinitionKind::Script, script).map(|(_, file)| file);
    let words = file.into_iter().flat_map(|file| names::words(&file.root, "answers"));
    let phrases = words.filter(|(_, entry)| entry.key == name).map(|(language, entry)| {
        let all: Vec<String> = super::leaf::leaves(&entry.value).into_iter().map(|leaf| leaf.text).collect();
        format!("- {language}: {}", all.join(", "))
    });
    let phrases: Vec<String> = phrases.collect();
    format!("answer `{name}` of script `{script}`\n\n{}", phrases.join("\n"))
}

/// Rendered texts, one line per language.
fn says(texts: impl Iterator<Item = Heard>) -> String {
    let lines = texts.map(|heard| match heard.text {
        Ok(text) => {
            format!("- {}: {}", heard.language, text.split_whitespace().collect::<Vec<_>>().join(" "))
        }
        Err(why) => format!("- {}: does not render: {why}", heard.language),
    });
    lines.collect::<Vec<_>>().join("\n")
}
