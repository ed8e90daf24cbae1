//! Suggestions inside conditions and placeholders: variables, filters, compared words, included texts.

use std::ops::Range;

use serde_json::Value;

use super::super::super::context;
use super::super::super::schema::DefinitionKind;
use super::super::code::{self, Typing};
use super::super::leaf::Leaf;
use super::super::names;
use super::super::slot::Slot;
use super::super::vocabulary;
use super::{Completion, Cursor, Suggests};
use crate::domain::lead::{LeadStatus, Segment};

/// `None` when the cursor is not inside code.
pub fn complete(cursor: &Cursor<'_>, slot: Slot, leaf: &Leaf) -> Option<Vec<Completion>> {
    if !matches!(slot, Slot::Expression | Slot::Template) {
        return None;
    }
    let typing = code::typing(&cursor.file.text, slot, &(leaf.span.start..cursor.offset), cursor.offset)?;
    Some(match typing {
        Typing::Variable { owner, span } => variables(cursor, &owner, &span),
        Typing::Filter { span } => {
            let all = vocabulary::FILTERS.iter();
            all.map(|(name, docs)| one(name, Suggests::Filter, Some((*docs).to_owned()), &span)).collect()
        }
        Typing::Literal { variable, span } => {
            let words = literals(cursor, &variable).into_iter();
            words.map(|word| one(&word, Suggests::Word, None, &span)).collect()
        }
        Typing::Include { span } => {
            let texts = names::named_words(cursor.project, &cursor.file.key, "texts").into_keys();
            texts.map(|name| one(&name, Suggests::Name, None, &span)).collect()
        }
    })
}

fn one(name: &str, kind: Suggests, docs: Option<String>, span: &Range<usize>) -> Completion {
    let name = name.to_owned();
    Completion { label: name.clone(), kind, detail: None, docs, replace: span.clone(), insert: name }
}

/// Fields of `owner`, or all variables when nothing stands before the cursor.
fn variables(cursor: &Cursor<'_>, owner: &str, span: &Range<usize>) -> Vec<Completion> {
    let sample = known(cursor);
    let fields = if owner.is_empty() {
        Some(&sample)
    } else {
        sample.pointer(&format!("/{}", owner.replace('.', "/")))
    };
    let mut found = Vec::new();
    for (name, example) in fields.and_then(Value::as_object).into_iter().flatten() {
        let path = if owner.is_empty() { name.clone() } else { format!("{owner}.{name}") };
        let docs = vocabulary::find(vocabulary::VARIABLES, &path).map(str::to_owned);
        let mut completion = one(name, Suggests::Variable, docs, span);
        completion.detail = (!example.is_object() && !example.is_null()).then(|| example.to_string());
        found.push(completion);
    }
    found
}

/// The sample with what the file's own surroundings declare, and with everything that calls learn.
fn known(cursor: &Cursor<'_>) -> Value {
    let mut sample = context::sample();
    for (name, example) in names::further_variables(cursor.project, cursor.file) {
        if sample.get(&name).is_none() || example.is_some() {
            sample[name] = example.unwrap_or(Value::Null);
        }
    }
    if cursor.file.kind == DefinitionKind::Cadence {
        sample.as_object_mut().map(|all| all.shift_remove("answers"));
    } else {
        for name in names::all_of(cursor.project, Slot::LearnedName) {
            sample["answers"][name] = Value::Null;
        }
        sample.as_object_mut().map(|all| all.shift_remove("event"));
    }
    sample
}

/// Words that a variable may be compared with.
fn literals(cursor: &Cursor<'_>, variable: &str) -> Vec<String> {
    match variable {
        "lead.status" => LeadStatus::ALL.iter().map(ToString::to_string).collect(),
        "lead.segment" => Segment::ALL.iter().map(ToString::to_string).collect(),
        "lead.language" => names::all_of(cursor.project, Slot::LanguageName).into_iter().collect(),
        "event.type" => names::all_of(cursor.project, Slot::EventName).into_iter().collect(),
        "cadence.key" => {
            let all = names::definitions(cursor.project, DefinitionKind::Cadence).into_iter();
            all.map(|(key, ..)| key.to_owned()).collect()
        }
        _ if variable.starts_with("answers.") => {
            let all = names::named_words(cursor.project, names::script_of(cursor.file), "answers");
            all.into_keys().collect()
        }
        _ => Vec::new(),
    }
}
