//! Test files: rows of tables are filled in, then every case is read.

use serde_json::{Map, Value};

use super::super::diagnostic::{Findings, Place};
use super::super::model::test::{Case, CaseKind, Given, Subject, TestFile};
use super::super::raw::test::{RawCase, RawGiven, RawGivenPart, RawTest};

/// The file as its schema sees it: every table by its first row.
pub fn by_first_rows(file: &Value) -> Value {
    let mut file = file.clone();
    for case in file.get_mut("cases").and_then(Value::as_array_mut).into_iter().flatten() {
        let row = case.pointer("/each/0").and_then(Value::as_object).cloned();
        if let Some(row) = row {
            fill(case, &row);
        }
    }
    file
}

/// Reads a file whose schema has been checked. `None` when a case cannot be read; why has been reported.
pub fn compile(file: &Value, findings: &mut Findings<'_>) -> Option<(RawTest, TestFile)> {
    let raw: RawTest = read(by_first_rows(file), "", findings)?;
    let subject = match (&raw.flow, &raw.cadence) {
        (Some(flow), None) => Subject::Flow(flow.clone()),
        (None, Some(cadence)) => Subject::Cadence(cadence.clone()),
        (None, None) if raw.cases.is_empty() => Subject::Nothing,
        (None, None) => {
            findings
                .error("no-subject", Place::value("/test"), "this test does not say what it is about")
                .help("add `flow: NAME` or `cadence: NAME`");
            return None;
        }
        (Some(_), Some(_)) => {
            findings
                .error("two-subjects", Place::key("/cadence"), "a test is about a flow or about a cadence")
                .help("make two files");
            return None;
        }
    };
    let shared = given(raw.given.as_ref());
    let mut cases = Vec::new();
    for (index, case) in file.get("cases").and_then(Value::as_array).into_iter().flatten().enumerate() {
        let pointer = format!("/cases/{index}");
        for filled in rows(case) {
            let case: RawCase = read(filled, &pointer, findings)?;
            cases.push(one(case, &pointer, &shared, &subject, findings)?);
        }
    }
    report_duplicates(&cases, findings);
    let fixtures = raw.fixtures.clone().unwrap_or_default();
    let fixtures = fixtures.into_iter().map(|(name, values)| (name, Value::Object(values))).collect();
    let path = findings.source.path.clone();
    Some((raw.clone(), TestFile { path, title: raw.test, subject, fixtures, cases }))
}

fn one(
    case: RawCase,
    pointer: &str,
    shared: &[Given],
    subject: &Subject,
    findings: &mut Findings<'_>,
) -> Option<Case> {
    let kind = match (case.talk, case.walk, subject) {
        (Some(talk), None, Subject::Flow(_)) => CaseKind::Talk(talk),
        (None, Some(walk), Subject::Cadence(_)) => CaseKind::Walk(walk),
        _ => {
            let key = if matches!(subject, Subject::Flow(_)) { "talk" } else { "walk" };
            findings
                .error("no-play", Place::key(format!("{pointer}/case")), format!("this case needs `{key}`"))
                .help("flows are talked to (`talk:`), cadences are walked through (`walk:`)");
            return None;
        }
    };
    let given = shared.iter().cloned().chain(given(case.given.as_ref())).collect();
    Some(Case { name: case.case, pointer: pointer.to_owned(), given, kind, expect: case.expect })
}

fn report_duplicates(cases: &[Case], findings: &mut Findings<'_>) {
    for (index, case) in cases.iter().enumerate() {
        if cases[..index].iter().any(|other| other.name == case.name) {
            let message = format!("two cases are called `{}`", case.name);
            findings
                .error("duplicate-id", Place::value(format!("{}/case", case.pointer)), message)
                .help("give each its own name; in a table put `{{ name }}` of the row into it");
        }
    }
}

fn given(raw: Option<&RawGiven>) -> Vec<Given> {
    match raw {
        None => Vec::new(),
        Some(RawGiven::Fixture(name)) => vec![Given::Fixture(name.clone())],
        Some(RawGiven::Values(values)) => vec![Given::Values(values.clone())],
        Some(RawGiven::Many(parts)) => parts
            .iter()
            .map(|part| match part {
                RawGivenPart::Fixture(name) => Given::Fixture(name.clone()),
                RawGivenPart::Values(values) => Given::Values(values.clone()),
            })
            .collect(),
    }
}

/// The case once for each row of its table, or as it is.
fn rows(case: &Value) -> Vec<Value> {
    let Some(rows) = case.get("each").and_then(Value::as_array) else { return vec![case.clone()] };
    let filled = rows.iter().filter_map(Value::as_object).map(|row| {
        let mut case = case.clone();
        fill(&mut case, row);
        case
    });
    filled.collect()
}

/// Puts a row's values where `{{ name }}` stands. A text that is nothing else becomes the value itself.
fn fill(value: &mut Value, row: &Map<String, Value>) {
    match value {
        Value::String(text) => {
            if let Some(whole) = placeholder(text).and_then(|name| row.get(name)) {
                *value = whole.clone();
                return;
            }
            for (name, given) in row {
                let words = given.as_str().map_or_else(|| given.to_string(), str::to_owned);
                *text = text.replace(&format!("{{{{ {name} }}}}"), &words);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, row)),
        Value::Object(fields) => {
            for (_, field) in fields.iter_mut().filter(|(key, _)| *key != "each") {
                fill(field, row);
            }
        }
        _ => {}
    }
}

fn placeholder(text: &str) -> Option<&str> {
    let inside = text.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    (!inside.contains(['{', '}'])).then_some(inside)
}

fn read<T: serde::de::DeserializeOwned>(
    value: Value,
    pointer: &str,
    findings: &mut Findings<'_>,
) -> Option<T> {
    serde_json::from_value(value)
        .map_err(|error| {
            findings.error("schema", Place::key(pointer), error.to_string()).label("cannot be read").clone()
        })
        .ok()
}
