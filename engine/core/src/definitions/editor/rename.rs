//! Another name for a step, text, answer, ending, variable or whole definition, everywhere at once. What the engine or the
//! outside world knows by name is not renamed.

use std::ops::Range;

use super::super::compile::script::COMMON;
use super::super::schema::DefinitionKind;
use super::project::{File, Project};
use super::symbol::{self, Occurrence, Symbol};
use super::{names, steps, vocabulary};
use crate::domain::outcome::Outcome;

/// Replaces bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    pub path: String,
    pub span: Range<usize>,
    pub text: String,
}

/// The name at an offset that may be renamed, and where it stands; or why it may not.
pub fn prepare(
    project: &Project,
    path: &str,
    offset: usize,
) -> Result<Option<(Range<usize>, String)>, String> {
    let Some(found) = symbol::at(project, path, offset).filter(|found| !found.is_implicit) else {
        return Ok(None);
    };
    refusal(project, &found.symbol)?;
    Ok(Some((found.span, found.symbol.name().to_owned())))
}

/// All edits that give the name at an offset another one.
pub fn rename(project: &Project, path: &str, offset: usize, name: &str) -> Result<Vec<Edit>, String> {
    let found = symbol::at(project, path, offset).filter(|found| !found.is_implicit);
    let symbol = found.ok_or_else(|| "there is no name here that could be changed".to_owned())?.symbol;
    refusal(project, &symbol)?;
    if name == symbol.name() {
        return Ok(Vec::new());
    }
    fits(&symbol, name)?;
    is_free(project, &symbol, name)?;
    let all = symbol::all(project, &symbol);
    if all.iter().any(|each| each.is_implicit && !matches!(symbol, Symbol::Definition(..))) {
        return Err(format!(
            "`{}` is also spoken where no text is named; name it there first",
            symbol.name()
        ));
    }
    let written = all.iter().filter(|each| !each.is_implicit);
    let mut edits: Vec<Edit> = written.map(|each| replace(each, name)).collect();
    edits.extend(explicit_scripts(project, &symbol, &all, name));
    Ok(edits)
}

fn replace(occurrence: &Occurrence, name: &str) -> Edit {
    Edit { path: occurrence.path.clone(), span: occurrence.span.clone(), text: name.to_owned() }
}

/// Flows that speak the script with their own name must name it once the two differ.
fn explicit_scripts(project: &Project, symbol: &Symbol, all: &[Occurrence], name: &str) -> Vec<Edit> {
    let named = |path: &str, script: &str| {
        let file = project.file(path)?;
        let own = file.root.entries().iter().find(|entry| entry.key == "flow")?;
        let end =
            file.text[own.value.span.end..].find('\n').map_or(file.text.len(), |at| own.value.span.end + at);
        let text = format!("\nscript: {script}");
        Some(Edit { path: path.to_owned(), span: end..end, text })
    };
    match symbol {
        Symbol::Definition(DefinitionKind::Script, _) => {
            all.iter().filter(|each| each.is_implicit).filter_map(|each| named(&each.path, name)).collect()
        }
        Symbol::Definition(DefinitionKind::Flow, key) => {
            let speaks = |file: &File| names::speaks_by_default(file) && file.key == *key;
            let flows = project.files().filter(|(_, file)| file.kind == DefinitionKind::Flow && speaks(file));
            flows.filter_map(|(path, _)| named(path, key)).collect()
        }
        _ => Vec::new(),
    }
}

/// Names that mean something beyond the files.
fn refusal(project: &Project, symbol: &Symbol) -> Result<(), String> {
    let name = symbol.name();
    let fixed = |why: &str| Err(format!("`{name}` keeps its name: {why}"));
    match symbol {
        Symbol::Event(_) => fixed("other systems know the event by it"),
        Symbol::Language { .. } => fixed("it is a language code"),
        Symbol::Definition(DefinitionKind::Script, key) if key == COMMON => {
            fixed("every flow falls back to this script")
        }
        Symbol::Text { script, .. } if script == COMMON => fixed("calls speak the shared words by name"),
        Symbol::Answer { .. } if is_fixed_answer(name) => fixed("every flow understands this answer"),
        Symbol::Ending { .. } if decides_outcome(name) => fixed("how the call counts follows from it"),
        Symbol::Text { script, .. } | Symbol::Answer { script, .. }
            if project
                .named(DefinitionKind::Script, script)
                .is_none_or(|(path, _)| project.file(path).is_none()) =>
        {
            fixed("the script that holds it is not among these files")
        }
        _ => Ok(()),
    }
}

fn is_fixed_answer(name: &str) -> bool {
    let tables = [vocabulary::GLOBAL_ANSWERS, vocabulary::RESERVED_ANSWERS, vocabulary::CONSENT_RESULTS];
    tables.into_iter().any(|table| vocabulary::find(table, name).is_some())
}

fn decides_outcome(name: &str) -> bool {
    Outcome::of_ending(name) != Outcome::Answered
        || [vocabulary::OUTCOMES, vocabulary::EVERY_FLOW_ENDS]
            .into_iter()
            .any(|table| vocabulary::find(table, name).is_some())
}

/// Is `name` one that the schema allows there?
fn fits(symbol: &Symbol, name: &str) -> Result<(), String> {
    let (starts_low, dashes) = match symbol {
        Symbol::Ending { .. } => (true, false),
        Symbol::Learned(_) => (false, false),
        _ => (true, true),
    };
    let mut letters = name.chars();
    let first = letters
        .next()
        .is_some_and(|c| if starts_low { c.is_ascii_lowercase() } else { c.is_ascii_alphabetic() });
    let is_rest = |c: char| {
        c.is_ascii_digit()
            || c == '_'
            || (dashes && c == '-')
            || c.is_ascii_lowercase()
            || (!starts_low && c.is_ascii_alphabetic())
    };
    if first && letters.all(is_rest) {
        return Ok(());
    }
    let letters = if starts_low { "lower-case letters" } else { "letters" };
    let signs = if dashes { ", `-` and `_`" } else { " and `_`" };
    Err(format!("`{name}` cannot be a name here: {letters}, digits{signs}, beginning with a letter"))
}

/// Nothing else may have the name already: the two could not be told apart afterwards.
fn is_free(project: &Project, symbol: &Symbol, name: &str) -> Result<(), String> {
    let taken = match symbol {
        Symbol::Definition(kind, _) => project.named(*kind, name).is_some(),
        Symbol::Step { kind, owner, .. } => project.named(*kind, owner).is_some_and(|(_, file)| {
            steps::steps(file).iter().any(|step| step.id.rsplit('/').next() == Some(name))
        }),
        Symbol::Text { script, .. } => names::holder(project, script, "texts", name).is_some(),
        Symbol::Answer { script, .. } => {
            is_fixed_answer(name) || names::holder(project, script, "answers", name).is_some()
        }
        Symbol::Ending { flow, .. } => {
            decides_outcome(name) || names::endings(project, flow).contains_key(name)
        }
        Symbol::Learned(_) => !symbol::all(project, &Symbol::Learned(name.to_owned())).is_empty(),
        Symbol::Language { .. } | Symbol::Event(_) => false,
    };
    if taken { Err(format!("`{name}` is taken already")) } else { Ok(()) }
}
