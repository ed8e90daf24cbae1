//! Runs the test files of a library and gathers what came of them.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::coverage::Coverage;
use super::{talk, walk};
use crate::definitions::diagnostic::Place;
use crate::definitions::library::Library;
use crate::definitions::model::test::{Case, CaseKind, Given, Subject, TestFile};
use crate::definitions::render::Position;

/// What came of all test files.
#[derive(Debug, Clone, Default)]
pub struct Report {
    pub files: Vec<FileResult>,
    pub coverage: Coverage,
}

/// What came of one file.
#[derive(Debug, Clone)]
pub struct FileResult {
    pub path: String,
    pub title: String,
    pub cases: Vec<CaseResult>,
}

/// What came of one case.
#[derive(Debug, Clone)]
pub struct CaseResult {
    pub name: String,
    pub position: Position,
    /// The first thing that was not as written; `None`: the case passed.
    pub failure: Option<Failure>,
}

/// Why a case failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// JSON pointer of the entry, below the case.
    pub at: String,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What was written and what happened, line by line; empty when the message says it all.
    pub expected: String,
    pub found: String,
    /// What had been said and done until then.
    pub so_far: Vec<String>,
}

impl Failure {
    pub(super) fn new(at: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            at: at.into(),
            message: message.into(),
            expected: String::new(),
            found: String::new(),
            so_far: Vec::new(),
        }
    }

    pub(super) fn between(
        at: impl Into<String>,
        message: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self { expected: expected.into(), found: found.into(), ..Self::new(at, message) }
    }

    pub(super) fn after(self, so_far: &[String]) -> Self {
        Self { so_far: so_far.to_vec(), ..self }
    }
}

impl Report {
    pub fn failed(&self) -> usize {
        self.files.iter().flat_map(|file| &file.cases).filter(|case| case.failure.is_some()).count()
    }

    pub fn passed(&self) -> usize {
        self.files.iter().flat_map(|file| &file.cases).filter(|case| case.failure.is_none()).count()
    }
}

/// Plays every case for which `wanted` (file, case name) holds.
pub fn run(library: &Library, wanted: impl Fn(&TestFile, &str) -> bool) -> Report {
    let mut report = Report { files: Vec::new(), coverage: Coverage::of(library) };
    let fixtures = fixtures(library);
    for file in library.tests() {
        let cases: Vec<CaseResult> = file
            .cases
            .iter()
            .filter(|case| wanted(file, &case.name))
            .map(|case| {
                let failure = play(library, file, case, &fixtures, &mut report.coverage).err();
                let at = failure.as_ref().map_or("", |failure| failure.at.as_str());
                let place = Place::key(format!("{}{at}", case.pointer));
                let position = library.sources().position_of(&file.path, &place);
                CaseResult { name: case.name.clone(), position, failure }
            })
            .collect();
        if !cases.is_empty() {
            report.files.push(FileResult { path: file.path.clone(), title: file.title.clone(), cases });
        }
    }
    report
}

fn play(
    library: &Library,
    file: &TestFile,
    case: &Case,
    fixtures: &Map<String, Value>,
    coverage: &mut Coverage,
) -> Result<(), Failure> {
    let given = merged(case, fixtures)?;
    match (&case.kind, &file.subject) {
        (CaseKind::Talk(talk), Subject::Flow(flow)) => {
            let found = library.flow(flow).ok_or_else(|| missing("flow", flow))?;
            talk::case(library, found, &given, talk, &case.expect, coverage)
        }
        (CaseKind::Walk(walk), Subject::Cadence(cadence)) => {
            let found = library.cadence(cadence).ok_or_else(|| missing("cadence", cadence))?;
            walk::case(library, &Arc::clone(found), &given, walk, &case.expect, coverage)
        }
        // The compiler of test files lets no other pair through.
        _ => Ok(()),
    }
}

fn missing(kind: &str, key: &str) -> Failure {
    Failure::new("", format!("{kind} `{key}` has errors; `callwright check` explains them"))
}

fn fixtures(library: &Library) -> Map<String, Value> {
    let all = library.tests().iter().flat_map(|file| &file.fixtures);
    all.map(|(name, values)| (name.clone(), values.clone())).collect()
}

/// Everything given to a case, later pieces over earlier ones, field by field.
fn merged(case: &Case, fixtures: &Map<String, Value>) -> Result<Map<String, Value>, Failure> {
    let mut all = Value::Object(Map::new());
    for piece in &case.given {
        match piece {
            Given::Values(values) => merge(&mut all, &Value::Object(values.clone())),
            Given::Fixture(name) => {
                let known = fixtures
                    .get(name)
                    .ok_or_else(|| Failure::new("/given", format!("there is no fixture `{name}`")))?;
                merge(&mut all, known);
            }
        }
    }
    match all {
        Value::Object(all) => Ok(all),
        _ => Ok(Map::new()),
    }
}

/// Mappings are merged key by key; everything else is replaced.
pub(super) fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}
