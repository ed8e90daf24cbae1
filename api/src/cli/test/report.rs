//! Results of tests for people, machines and pull requests.

use std::fmt::Write as _;

use callwright_engine::testing::coverage::{Figures, Missing};
use callwright_engine::testing::{CaseResult, Failure, FileResult, Report};
use serde_json::{Value, json};

/// What decides about success.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    pub passed: usize,
    pub failed: usize,
    pub steps: (usize, usize),
    pub ways: (usize, usize),
    minimum: Option<u8>,
}

impl Outcome {
    pub fn new(report: &Report, figures: &[Figures], minimum: Option<u8>) -> Self {
        let sum = |of: fn(&Figures) -> (usize, usize)| {
            figures.iter().map(of).fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
        };
        Self {
            passed: report.passed(),
            failed: report.failed(),
            steps: sum(|each| each.steps),
            ways: sum(|each| each.ways),
            minimum,
        }
    }

    pub fn is_good(&self) -> bool {
        self.failed == 0 && self.is_covered()
    }

    fn is_covered(&self) -> bool {
        let reaches =
            |(covered, all): (usize, usize), minimum: u8| covered * 100 >= all * usize::from(minimum);
        self.minimum.is_none_or(|minimum| reaches(self.steps, minimum) && reaches(self.ways, minimum))
    }
}

fn per_cent((covered, all): (usize, usize)) -> f64 {
    if all == 0 { 100.0 } else { covered as f64 * 100.0 / all as f64 }
}

pub fn human(
    report: &Report,
    figures: &[Figures],
    outcome: &Outcome,
    verbose: bool,
    is_partial: bool,
    seconds: f64,
) -> String {
    let mut out = String::new();
    for file in &report.files {
        let failed = file.cases.iter().filter(|case| case.failure.is_some()).count();
        let mark = if failed == 0 { "ok  " } else { "FAIL" };
        let _ = writeln!(out, "{mark} {} ({} cases) {}", file.path, file.cases.len(), file.title);
        for case in &file.cases {
            match &case.failure {
                Some(failure) => out.push_str(&failed_case(file, case, failure)),
                None if verbose => {
                    let _ = writeln!(out, "       ok  {}", case.name);
                }
                None => {}
            }
        }
    }
    let _ = writeln!(out, "\n{} passed, {} failed, {seconds:.2} s", outcome.passed, outcome.failed);
    if !is_partial {
        coverage(&mut out, figures, outcome, verbose);
    }
    out
}

fn coverage(out: &mut String, figures: &[Figures], outcome: &Outcome, verbose: bool) {
    let _ = writeln!(
        out,
        "coverage: {:.1} % of steps ({} of {}), {:.1} % of outcomes ({} of {})",
        per_cent(outcome.steps),
        outcome.steps.0,
        outcome.steps.1,
        per_cent(outcome.ways),
        outcome.ways.0,
        outcome.ways.1,
    );
    if verbose || !outcome.is_covered() {
        for each in figures {
            for missing in &each.missing {
                let _ = writeln!(out, "  {}:{}  {}", each.path, missing.line, uncovered(missing));
            }
        }
    }
    if let Some(minimum) = outcome.minimum.filter(|_| !outcome.is_covered()) {
        let _ = writeln!(out, "coverage is below {minimum} %: add cases that go through the lines above");
    }
}

fn uncovered(missing: &Missing) -> String {
    match &missing.way {
        None => format!("step `{}`", missing.step),
        Some(way) if way == "if" => format!("step `{}` is never left out", missing.step),
        Some(way) => format!("step `{}`: `{}`", missing.step, way.replace('/', ": ")),
    }
}

fn failed_case(file: &FileResult, case: &CaseResult, failure: &Failure) -> String {
    let mut out = format!("\n  FAIL {}\n", case.name);
    let _ = writeln!(out, "   --> {}:{}:{}", file.path, case.position.line, case.position.column);
    let _ = writeln!(out, "       {}", failure.message);
    for (sign, text) in [('-', &failure.expected), ('+', &failure.found)] {
        for line in text.lines() {
            let _ = writeln!(out, "       {sign} {line}");
        }
    }
    if !failure.so_far.is_empty() {
        let _ = writeln!(out, "       until then:");
        for line in &failure.so_far {
            let _ = writeln!(out, "         {line}");
        }
    }
    out.push('\n');
    out
}

pub fn json(report: &Report, figures: &[Figures], outcome: &Outcome) -> Value {
    let cases = |file: &FileResult| -> Value {
        file.cases
            .iter()
            .map(|case| {
                let failure = case.failure.as_ref().map(|failure| {
                    json!({
                        "message": failure.message, "expected": failure.expected, "found": failure.found,
                        "soFar": failure.so_far,
                    })
                });
                json!({
                    "name": case.name, "line": case.position.line, "column": case.position.column,
                    "passed": case.failure.is_none(), "failure": failure,
                })
            })
            .collect()
    };
    json!({
        "passed": outcome.passed, "failed": outcome.failed, "good": outcome.is_good(),
        "coverage": {
            "steps": {"covered": outcome.steps.0, "all": outcome.steps.1, "percent": per_cent(outcome.steps)},
            "outcomes": {"covered": outcome.ways.0, "all": outcome.ways.1, "percent": per_cent(outcome.ways)},
            "definitions": figures.iter().map(definition).collect::<Value>(),
        },
        "files": report.files.iter().map(|file| json!({"path": file.path, "title": file.title, "cases": cases(file)})).collect::<Value>(),
    })
}

fn definition(figures: &Figures) -> Value {
    json!({
        "kind": figures.kind, "name": figures.key, "path": figures.path,
        "steps": {"covered": figures.steps.0, "all": figures.steps.1},
        "outcomes": {"covered": figures.ways.0, "all": figures.ways.1},
        "missing": figures.missing.iter().map(|missing| json!({"line": missing.line, "step": missing.step, "way": missing.way})).collect::<Value>(),
    })
}

pub fn github(report: &Report, figures: &[Figures], outcome: &Outcome) -> String {
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let mut out = String::new();
    for file in &report.files {
        for case in &file.cases {
            let Some(failure) = &case.failure else { continue };
            let words =
                format!("{}: {}\n- {}\n+ {}", case.name, failure.message, failure.expected, failure.found);
            let _ = writeln!(
                out,
                "::error file={},line={},col={},title=test::{}",
                file.path,
                case.position.line,
                case.position.column,
                data(&words)
            );
        }
    }
    if !outcome.is_covered() {
        for each in figures {
            for missing in &each.missing {
                let _ = writeln!(
                    out,
                    "::warning file={},line={},title=coverage::no case goes through {}",
                    each.path,
                    missing.line,
                    data(&uncovered(missing))
                );
            }
        }
    }
    out
}
