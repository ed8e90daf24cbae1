//! Violations of the schema in the words of a helpful colleague: what was found, what was expected, what to do.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{Registry, ValidationError, Validator};
use serde_json::{Value, json};

use super::diagnostic::{Findings, Place, suggestion};
use super::schema::{SchemaKind, schema};
use super::source::escape;

/// One per kind, made when the first file of its kind is read.
static VALIDATORS: [LazyLock<Validator>; 6] = [
    LazyLock::new(|| validator(SchemaKind::Flow)),
    LazyLock::new(|| validator(SchemaKind::Script)),
    LazyLock::new(|| validator(SchemaKind::Cadence)),
    LazyLock::new(|| validator(SchemaKind::Test)),
    LazyLock::new(|| validator(SchemaKind::Rules)),
    LazyLock::new(|| validator(SchemaKind::Holidays)),
];

/// By reference: what a schema refers to is not judged by the meta-schema of 2020-12 first, which takes longer than making the
/// validator. A test judges ours, and the one that refers is judged by a draft with a small meta-schema.
fn validator(kind: SchemaKind) -> Validator {
    const NAME: &str = "callwright:definition";
    let made = || {
        let registry = Registry::new().add(NAME, schema(kind))?.prepare()?;
        let refers = json!({ "$schema": "http://json-schema.org/draft-04/schema#", "$ref": NAME });
        jsonschema::options().with_registry(&registry).build(&refers)
    };
    made().expect("our generated schemas are valid, as a test proves")
}

fn made(kind: SchemaKind) -> &'static Validator {
    match kind {
        SchemaKind::Flow => &VALIDATORS[0],
        SchemaKind::Script => &VALIDATORS[1],
        SchemaKind::Cadence => &VALIDATORS[2],
        SchemaKind::Test => &VALIDATORS[3],
        SchemaKind::Rules => &VALIDATORS[4],
        SchemaKind::Holidays => &VALIDATORS[5],
    }
}

/// Makes the validator of a kind before it is needed.
pub fn prepare(kind: impl Into<SchemaKind>) {
    made(kind.into());
}

/// Reports everything in which `value` departs from the schema, and takes the offending parts out, so that the rest can be
/// compiled and all its problems are reported at once. Patterns are left to `compile`, which says more.
pub fn report(kind: impl Into<SchemaKind>, value: &mut Value, findings: &mut Findings<'_>) {
    let kind = kind.into();
    let validator = made(kind);
    let mut offending: Vec<String> = Vec::new();
    let errors: Vec<ValidationError<'_>> = validator.iter_errors(value).collect();
    let has_options: BTreeSet<String> = errors
        .iter()
        .filter(|error| matches!(error.kind(), ValidationErrorKind::Enum { .. }))
        .map(|error| error.instance_path().to_string())
        .collect();
    for error in &errors {
        // The list of words says more than "a text".
        let is_said_better = matches!(error.kind(), ValidationErrorKind::Type { .. })
            && has_options.contains(&error.instance_path().to_string());
        if !is_said_better {
            explain(kind, error, findings);
        }
        let pointer = error.instance_path().to_string();
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                offending.extend(unexpected.iter().map(|key| format!("{pointer}/{}", escape(key))));
            }
            ValidationErrorKind::Pattern { .. } | ValidationErrorKind::MinProperties { .. } => {}
            _ => offending.push(pointer),
        }
    }
    drop(errors);
    if offending.is_empty() {
        return;
    }
    take_out_all(value, offending);
    // What is left may now lack an obligatory key: its owner goes too.
    for _ in 0..MAX_DEPTH_OF_SHAPES {
        let lacking = validator
            .iter_errors(value)
            .filter(|error| !matches!(error.kind(), ValidationErrorKind::Pattern { .. }));
        let lacking: Vec<String> = lacking.map(|error| error.instance_path().to_string()).collect();
        if lacking.is_empty() {
            return;
        }
        take_out_all(value, lacking);
    }
}

/// Owners of owners: no definition nests its obligatory keys deeper.
const MAX_DEPTH_OF_SHAPES: usize = 4;

fn take_out_all(value: &mut Value, mut pointers: Vec<String>) {
    pointers.sort();
    for pointer in pointers.iter().rev() {
        take_out(value, pointer);
    }
}

/// Takes out the nearest key above a place. Lists keep their length, because other messages count their entries.
fn take_out(value: &mut Value, pointer: &str) {
    let Some((parent, last)) = pointer.rsplit_once('/') else { return };
    match value.pointer_mut(parent) {
        Some(Value::Object(map)) => {
            map.shift_remove(&last.replace("~1", "/").replace("~0", "~"));
        }
        Some(Value::Array(_)) => take_out(value, parent),
        _ => {}
    }
}

fn explain(file: SchemaKind, error: &ValidationError<'_>, findings: &mut Findings<'_>) {
    let pointer = error.instance_path().to_string();
    let name = display_name(&pointer);
    let instance: &Value = error.instance();
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let known = properties_beside(file, error);
            for key in unexpected {
                let place = Place::key(format!("{pointer}/{}", escape(key)));
                let help = synonym(key, &known)
                    .or_else(|| elsewhere(file, &pointer, key))
                    .or_else(|| suggestion(key, known.iter().map(String::as_str)))
                    .or_else(|| Some(format!("keys here are {}", known.join(", "))));
                let note = findings
                    .error("unknown-key", place, format!("{name} has no key `{key}`"))
                    .label("unknown key");
                if let Some(help) = help {
                    note.help(help);
                }
            }
        }
        ValidationErrorKind::Required { property } => {
            let key = property.as_str().unwrap_or_default();
            findings
                .error("missing-key", Place::key(pointer), format!("{name} needs the key `{key}`"))
                .help(format!("add `{key}: …`"));
        }
        ValidationErrorKind::Type { kind } => {
            wrong_type(file, findings, pointer, &name, &expected_types(kind), instance);
        }
        ValidationErrorKind::Enum { options } => {
            not_among(file, findings, pointer, &name, instance, &strings(options));
        }
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            explain_choice(file, error, context, findings);
        }
        ValidationErrorKind::Minimum { limit } | ValidationErrorKind::Maximum { limit } => {
            let least = matches!(error.kind(), ValidationErrorKind::Minimum { .. });
            let bound = if least { "at least" } else { "at most" };
            findings
                .error(
                    "out-of-range",
                    Place::value(pointer),
                    format!("{name} must be {bound} {limit}, not {instance}"),
                )
                .label(format!("{bound} {limit}"));
        }
        ValidationErrorKind::MinItems { .. } | ValidationErrorKind::MinProperties { .. } => {
            findings
                .error("empty", Place::key(pointer), format!("{name} is too short"))
                .label("needs an entry");
        }
        ValidationErrorKind::MinLength { .. } => {
            findings.error("empty", Place::value(pointer), format!("{name} is empty")).label("write it out");
        }
        ValidationErrorKind::MaxProperties { limit } => {
            findings
                .error("too-many", Place::key(pointer), format!("{name} may have at most {limit} keys"))
                .help("make an entry of each");
        }
        ValidationErrorKind::MaxItems { limit } => {
            findings.error(
                "too-many",
                Place::key(pointer),
                format!("{name} may have at most {limit} entries"),
            );
        }
        ValidationErrorKind::Pattern { .. } if is_name(&pointer) => {
            let text = instance.as_str().unwrap_or_default();
            let pointer_of_name = pointer.clone();
            findings
                .error("bad-name", Place::value(pointer), format!("`{text}` cannot be a name"))
                .label(name_rule(&pointer_of_name));
        }
        ValidationErrorKind::Pattern { .. } => {}
        other => {
            findings.error(
                "schema",
                Place::value(pointer),
                format!("{name} is not allowed here ({})", other.keyword()),
            );
        }
    }
}

/// Words of other tools, and ours for them.
const SYNONYMS: [(&str, &str); 26] = [
    ("speak", "say"),
    ("text", "say"),
    ("prompt", "say"),
    ("message", "say"),
    ("question", "ask"),
    ("goto", "next"),
    ("go", "next"),
    ("go_to", "next"),
    ("hangup", "end"),
    ("hang_up", "end"),
    ("disposition", "end"),
    ("options", "then"),
    ("answers", "then"),
    ("outcomes", "then"),
    ("record", "recording"),
    ("delay", "wait"),
    ("sleep", "wait"),
    ("sms", "message"),
    ("email", "message"),
    ("send", "message"),
    ("when", "if"),
    ("condition", "if"),
    ("name", "id"),
    ("flow", "call"),
    ("dtmf", "keys"),
    ("retries", "retry"),
];

fn synonym(key: &str, known: &[String]) -> Option<String> {
    let key = key.to_lowercase();
    let mut ours = SYNONYMS.iter().filter(|(word, _)| *word == key).map(|(_, ours)| *ours);
    ours.find(|ours| known.iter().any(|each| each == ours)).map(|ours| format!("did you mean `{ours}`?"))
}

/// A key that another kind of file has at its top.
fn elsewhere(kind: SchemaKind, pointer: &str, key: &str) -> Option<String> {
    let has =
        |other: &&SchemaKind| schema(**other).pointer(&format!("/properties/{}", escape(key))).is_some();
    let other = SchemaKind::ALL.iter().filter(|other| **other != kind && pointer.is_empty()).find(has)?;
    Some(format!("`{key}` is a key of {}s, not of {}s", other.noun(), kind.noun()))
}

/// Keys that hold lengths of time.
const LENGTHS: [&str; 10] = [
    "wait",
    "again_after",
    "timeout",
    "gap",
    "after",
    "due",
    "valid_for",
    "max_duration",
    "call_back",
    "or_after",
];

/// What to do about a value of the wrong type, where more can be said than its type.
fn remedy(kind: SchemaKind, pointer: &str, expected: &str, found: &Value, written: &str) -> Option<String> {
    let key = pointer.split('/').rev().find(|segment| segment.parse::<usize>().is_err()).unwrap_or_default();
    match found {
        Value::Number(_) if LENGTHS.contains(&key) => Some(format!("add the unit: {written} days")),
        Value::Array(_) if pointer == "/steps" && kind == SchemaKind::Flow => Some(
            "give each step a name, without the dash: `greet: { say: greeting, next: offer }`".to_owned(),
        ),
        Value::Object(_) if pointer == "/steps" && kind == SchemaKind::Cadence => {
            Some("begin each step with a dash: `- id: first`".to_owned())
        }
        Value::String(text) if expected == "a list" => Some(format!("put it into brackets: [\"{text}\"]")),
        Value::String(text) if expected.contains("number") && text.ends_with('%') => {
            Some(format!("write it without %: {}", text.trim_end_matches('%').trim()))
        }
        _ => None,
    }
}

/// Keys that hold names: their pattern has no better explanation elsewhere.
fn is_name(pointer: &str) -> bool {
    let last = pointer.rsplit('/').next().unwrap_or_default();
    matches!(
        last,
        "flow" | "script" | "cadence" | "id" | "arm" | "end" | "result" | "record_event" | "save_as"
    )
}

fn name_rule(pointer: &str) -> &'static str {
    match pointer.rsplit('/').next().unwrap_or_default() {
        "record_event" => "letters, digits, `_` and `.`, such as OFFER_ACCEPTED",
        "save_as" => "letters, digits and `_`, beginning with a letter",
        "end" | "result" => "lower-case letters, digits and `_`, such as not_interested",
        _ => "lower-case letters, digits, `-` and `_`, beginning with a letter",
    }
}

/// Several shapes are allowed: speak about the one whose type fits, or list the shapes.
fn explain_choice(
    kind: SchemaKind,
    error: &ValidationError<'_>,
    context: &[Vec<ValidationError<'static>>],
    findings: &mut Findings<'_>,
) {
    let here = error.instance_path().to_string();
    let pointer = here.clone();
    let name = display_name(&here);
    let is_shape = |inner: &ValidationError<'_>| {
        inner.instance_path().to_string() == here
            && matches!(
                inner.kind(),
                ValidationErrorKind::Type { .. }
                    | ValidationErrorKind::Constant { .. }
                    | ValidationErrorKind::Enum { .. }
            )
    };
    let fitting =
        context.iter().filter(|branch| !branch.iter().any(is_shape)).min_by_key(|branch| branch.len());
    if let Some(branch) = fitting {
        for inner in branch {
            explain(kind, inner, findings);
        }
        return;
    }
    let mut words = Vec::new();
    let mut types = Vec::new();
    for inner in context.iter().flatten() {
        match inner.kind() {
            ValidationErrorKind::Constant { expected_value } => {
                words.extend(expected_value.as_str().map(str::to_owned));
            }
            ValidationErrorKind::Enum { options } => words.extend(strings(options)),
            ValidationErrorKind::Type { kind } if inner.instance_path().to_string() == here => {
                types.push(expected_types(kind));
            }
            _ => {}
        }
    }
    if words.is_empty() {
        wrong_type(kind, findings, pointer, &name, &types.join(" or "), error.instance());
    } else {
        not_among(kind, findings, pointer, &name, error.instance(), &words);
    }
}

fn wrong_type(
    kind: SchemaKind,
    findings: &mut Findings<'_>,
    pointer: String,
    name: &str,
    expected: &str,
    found: &Value,
) {
    let place = pointer.clone();
    // A number as it is written: `010` is not 10 to its author.
    let written = findings.source.written(&pointer).filter(|_| found.is_number()).map(str::to_owned);
    let found_words =
        written.as_ref().map_or_else(|| describe(found), |written| format!("the number {written}"));
    let note = findings
        .error("wrong-type", Place::value(pointer), format!("{name} must be {expected}, not {found_words}"))
        .label(format!("expected {expected}"));
    let shown = written.clone().unwrap_or_else(|| found.to_string());
    if let Some(help) = remedy(kind, &place, expected, found, &shown) {
        note.help(help);
    } else if expected.contains("a text") && matches!(found, Value::Number(_) | Value::Bool(_)) {
        let written = written.unwrap_or_else(|| found.to_string());
        note.help(format!("write it in quotes: \"{written}\""));
    } else if expected == "true or false" {
        match found.as_str().map(str::to_lowercase).as_deref() {
            Some("yes" | "on" | "y") => drop(note.help("write true")),
            Some("no" | "off" | "n") => drop(note.help("write false")),
            _ => {}
        }
    } else if let Some(text) =
        found.as_str().filter(|text| expected.contains("number") && text.trim().parse::<f64>().is_ok())
    {
        note.help(format!("write it without quotes: {}", text.trim()));
    } else if found.is_null() {
        note.help("give it a value, or leave the key out");
    }
}

fn not_among(
    kind: SchemaKind,
    findings: &mut Findings<'_>,
    pointer: String,
    name: &str,
    found: &Value,
    options: &[String],
) {
    let Some(text) = found.as_str() else {
        wrong_type(kind, findings, pointer, name, &format!("one of {}", options.join(", ")), found);
        return;
    };
    let list: Vec<String> = options.iter().map(|each| format!("`{each}`")).collect();
    let note = findings
        .error("unknown-word", Place::value(pointer), format!("{name} cannot be `{text}`"))
        .label(format!("expected {}", list.join(", ")));
    if let Some(help) =
        suggestion(text, options.iter().map(String::as_str)).filter(|help| help.starts_with("did"))
    {
        note.help(help);
    }
}

fn strings(options: &Value) -> Vec<String> {
    options.as_array().into_iter().flatten().filter_map(|each| each.as_str().map(str::to_owned)).collect()
}

fn expected_types(kind: &TypeKind) -> String {
    let names: Vec<&str> = match kind {
        TypeKind::Single(one) => vec![type_words(&one.to_string())],
        TypeKind::Multiple(set) => set.iter().map(|one| type_words(&one.to_string())).collect(),
    };
    names.join(" or ")
}

fn type_words(name: &str) -> &'static str {
    match name {
        "string" => "a text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "a mapping of keys to values",
        _ => "empty",
    }
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "empty".to_owned(),
        Value::Bool(value) => format!("`{value}`"),
        Value::Number(value) => format!("the number {value}"),
        Value::String(text) if text.chars().count() > 40 => "a long text".to_owned(),
        Value::String(text) => format!("the text \"{text}\""),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
    }
}

/// How a message names a place: the nearest key, or the file.
fn display_name(pointer: &str) -> String {
    let segments: Vec<&str> = pointer.split('/').skip(1).collect();
    match segments.as_slice() {
        [] => "the file".to_owned(),
        ["steps", name] if name.parse::<usize>().is_err() => format!("step `{name}`"),
        [.., "steps", index] if index.parse::<usize>().is_ok() => {
            format!("step {}", index.parse::<usize>().unwrap_or_default() + 1)
        }
        ["rules", index] if index.parse::<usize>().is_ok() => {
            format!("rule {}", index.parse::<usize>().unwrap_or_default() + 1)
        }
        [.., parent, index] if index.parse::<usize>().is_ok() => {
            format!("entry {} of `{parent}`", index.parse::<usize>().unwrap_or_default() + 1)
        }
        [.., last] => format!("`{last}`"),
    }
}

/// Property names of the schema object that refused a key.
fn properties_beside(kind: SchemaKind, error: &ValidationError<'_>) -> Vec<String> {
    let path = error.schema_path().to_string();
    let owner = path.strip_suffix("/additionalProperties").unwrap_or(&path);
    let keys = |value: &Value| value.get("properties")?.as_object().map(|map| map.keys().cloned().collect());
    schema(kind).pointer(owner).and_then(keys).unwrap_or_default()
}
