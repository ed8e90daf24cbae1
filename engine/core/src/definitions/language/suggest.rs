//! What was probably meant by a name that does not exist.

use std::collections::BTreeSet;

use crate::definitions::context;
use crate::definitions::diagnostic::nearest;

/// Other words for filters.
pub(super) const FILTER_SYNONYMS: [(&str, &str); 14] = [
    ("currency", "money"),
    ("price", "money"),
    ("amount", "money"),
    ("uppercase", "upper"),
    ("lowercase", "lower"),
    ("capitalise", "capitalize"),
    ("len", "length"),
    ("count", "length"),
    ("size", "length"),
    ("fallback", "default"),
    ("datetime", "date"),
    ("strip", "trim"),
    ("number", "float"),
    ("multiply", "times"),
];

/// The known field that a path nearly names.
pub(super) fn misspelt_field(path: &str) -> Option<String> {
    let (root, field) = path.split_once('.')?;
    let known = context::paths();
    let fields: Vec<&str> =
        known.iter().filter_map(|each| each.strip_prefix(root)?.strip_prefix('.')).collect();
    nearest(field, &fields).map(|near| format!("{root}.{near}"))
}

/// What to say about a path that does not exist.
pub(super) fn unknown_help(path: &str, further: &BTreeSet<String>) -> String {
    let known = context::paths();
    let (root, field) = path.split_once('.').unwrap_or((path, ""));
    let fields: Vec<&str> =
        known.iter().filter_map(|each| each.strip_prefix(root)?.strip_prefix('.')).collect();
    if !fields.is_empty() {
        if let Some(near) = nearest(field, &fields) {
            return format!("did you mean `{root}.{near}`?");
        }
        let elsewhere = known.iter().find(|each| each.split_once('.').is_some_and(|(_, name)| name == field));
        return match elsewhere {
            Some(other) => format!("did you mean `{other}`?"),
            None if root == "lead" => format!(
                "the CRM's own fields are lead.custom.{field}; otherwise lead has {}",
                fields.join(", ")
            ),
            None => format!("{root} has {}", fields.join(", ")),
        };
    }
    let roots: Vec<&str> = known
        .iter()
        .filter(|each| !each.contains('.'))
        .map(String::as_str)
        .chain(further.iter().map(String::as_str))
        .collect();
    if let Some(near) =
        nearest(path, &known.iter().map(String::as_str).chain(roots.iter().copied()).collect::<Vec<_>>())
    {
        return format!("did you mean `{near}`?");
    }
    if let Some(near) = nearest(root, &roots).filter(|_| !field.is_empty()) {
        return format!("did you mean `{near}.{field}`?");
    }
    if field.is_empty() {
        if let Some(owner) =
            known.iter().find(|each| each.split_once('.').is_some_and(|(_, name)| name == path))
        {
            return format!("did you mean `{owner}`?");
        }
        return format!("for the text itself write it in inner quotes: \"'{path}'\"");
    }
    "declare it under `variables:` of the cadence, or with an example under `uses:` of the flow".to_owned()
}

/// Words in quotes, between commas.
pub(super) fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}
