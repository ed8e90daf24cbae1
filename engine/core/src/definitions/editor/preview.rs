//! Texts as they will be heard, rendered with the sample data that checks use.

use std::ops::Range;

use serde_json::{Value, json};

use super::super::context;
use super::super::schema::DefinitionKind;
use super::super::template::RenderLimits;
use super::leaf::{Leaf, leaf_at, leaves};
use super::names;
use super::project::{File, Project};
use super::slot::{Slot, slot};
use super::steps::step_of;
use super::symbol::{self, Symbol};

/// One text in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    pub script: String,
    pub name: String,
    pub language: String,
    /// What is said, or why it cannot be.
    pub text: Result<String, String>,
}

/// What is heard at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    pub title: String,
    pub texts: Vec<Heard>,
}

/// The text at an offset in all its languages, or all that the step there says. Needs a refreshed project.
pub fn preview(project: &Project, path: &str, offset: usize) -> Option<Preview> {
    let file = project.file(path)?;
    if let Some((script, name)) = text_at(project, path, file, offset) {
        let texts = heard(project, &script, &name);
        return (!texts.is_empty())
            .then(|| Preview { title: format!("text `{name}` of script `{script}`"), texts });
    }
    let leaf = leaf_at(&file.root, offset)?;
    let step = step_of(file, &leaf.steps())?;
    let texts: Vec<Heard> = spoken_by(project, path, file, &step.path)
        .into_iter()
        .flat_map(|(script, name)| heard(project, &script, &name))
        .collect();
    (!texts.is_empty()).then(|| Preview { title: format!("step `{}`", step.id), texts })
}

/// The text that is named or written at an offset.
fn text_at(project: &Project, path: &str, file: &File, offset: usize) -> Option<(String, String)> {
    let written = symbol::at(project, path, offset).and_then(|found| match found.symbol {
        Symbol::Text { script, name } if !found.is_implicit => Some((script, name)),
        _ => None,
    });
    written.or_else(|| {
        let leaf = leaf_at(&file.root, offset)?;
        let name = leaf.path.last()?.clone();
        (slot(file.kind, &file.root, &leaf) == Slot::Template).then(|| (file.key.clone(), name))
    })
}

/// Texts that a step names or implies, in the order written.
fn spoken_by(project: &Project, path: &str, file: &File, step: &[String]) -> Vec<(String, String)> {
    let inside: Vec<Range<usize>> = leaves(&file.root)
        .into_iter()
        .filter(|leaf: &Leaf| leaf.path.starts_with(step))
        .map(|leaf| leaf.span)
        .collect();
    let is_inside =
        |span: &Range<usize>| inside.iter().any(|each| each.start <= span.start && span.end <= each.end);
    let found = symbol::occurrences(project, path, file).into_iter().filter(|each| is_inside(&each.span));
    found
        .filter_map(|each| match each.symbol {
            Symbol::Text { script, name } => Some((script, name)),
            _ => None,
        })
        .collect()
}

/// A text in every language of its script.
pub fn heard(project: &Project, script: &str, name: &str) -> Vec<Heard> {
    let Some(compiled) = project.compiled().script_with_common(script) else { return Vec::new() };
    let sample = sample(project, script);
    let texts = compiled.languages.iter().filter_map(|(language, words)| {
        let template = words.texts.get(name)?;
        let mut sample = sample.clone();
        for path in template.variables() {
            if let Some(learned) = path.strip_prefix("answers.") {
                sample["answers"][learned] = json!("sample");
            }
        }
        let text = template.render(&context::value(&sample), RenderLimits::default());
        Some(Heard {
            script: script.to_owned(),
            name: name.to_owned(),
            language: language.clone(),
            text: text.map_err(|error| error.message),
        })
    });
    texts.collect()
}

/// The sample with the examples that flows of this script declare under `uses:`.
fn sample(project: &Project, script: &str) -> Value {
    let mut sample = context::sample();
    if let Some((_, file)) = project.named(DefinitionKind::Script, script) {
        for (name, example) in names::further_variables(project, file) {
            if let Some(example) = example {
                sample[name] = example;
            }
        }
    }
    sample
}
