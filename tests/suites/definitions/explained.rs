//! Every diagnostic code has a page, and its examples are true: the wrong file shows the code, the right one is silent.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use callwright_engine::definitions::diagnostic::Diagnostic;
use callwright_engine::definitions::diagnostic::{Level, Place};
use callwright_engine::definitions::explain::{Levels, WARNINGS, page, pages};
use callwright_engine::definitions::render;

use super::broken::review;

/// Pages without an example: one file alone cannot show them.
const WITHOUT_EXAMPLE: [&str; 7] =
    ["empty-hours", "file-too-large", "incomplete", "no-opt-out", "schema", "unreadable", "untranslated"];

/// The folder of the page's example: some messages name it.
const PATH: &str = "example.yaml";

#[test]
fn every_page_has_true_examples() {
    let mut wrong = Vec::new();
    for page in pages() {
        let (Some(bad), Some(good)) = (page.wrong(), page.right()) else {
            assert!(WITHOUT_EXAMPLE.contains(&page.code), "{} has no example", page.code);
            continue;
        };
        let found = review(PATH, bad);
        if !found.diagnostics.iter().any(|each| each.code == page.code) {
            wrong.push(format!("{}: the wrong file shows {:?}", page.code, codes(&found.diagnostics)));
        }
        let silent = review(PATH, good);
        if !silent.diagnostics.is_empty() {
            let said = render::terminal(&silent.diagnostics, &silent.sources, false);
            wrong.push(format!("{}: the right file is not silent\n{said}", page.code));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn codes(diagnostics: &[Diagnostic]) -> Vec<&str> {
    diagnostics.iter().map(|each| each.code).collect()
}

/// Codes as the source writes them: the first text behind `error(`, `warning(` and the like.
#[test]
fn every_code_of_the_source_has_a_page() {
    let mut found = BTreeSet::new();
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/core/src/definitions")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !name.contains("tests") {
                collect(&fs::read_to_string(&path).unwrap(), &mut found);
            }
        }
    }
    assert!(found.len() > 60, "{found:?}");
    let missing: Vec<&String> = found.iter().filter(|code| page(code).is_none()).collect();
    assert_eq!(missing, Vec::<&String>::new());
    let known: Vec<&str> = pages().map(|page| page.code).filter(|code| !found.contains(*code)).collect();
    assert_eq!(known, Vec::<&str>::new(), "pages about codes that do not exist");
}

fn collect(source: &str, found: &mut BTreeSet<String>) {
    let starts = [
        "error(",
        "warning(",
        "code: ",
        "syntax(",
        "_ => ",
        "=> (",
        "parse(findings, ",
        "tell(findings, ",
        "parse::<DaySet>(findings, ",
        "parse(self.findings, ",
        "(\"texts\", ",
        "(\"answers\", ",
    ];
    for start in starts {
        for (at, _) in source.match_indices(start) {
            let rest = source[at + start.len()..].trim_start();
            let Some(code) = rest.strip_prefix('"').and_then(|rest| rest.split('"').next()) else { continue };
            let is_code = code.contains('-')
                || ["empty", "schema", "unreadable", "tab", "incomplete", "untranslated"].contains(&code);
            if is_code && code.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !code.starts_with('-') {
                found.insert(code.to_owned());
            }
        }
    }
}

#[test]
fn only_warnings_can_be_denied_or_allowed() {
    let levels = |allow: &str| Levels { allow: vec![allow.to_owned()], ..Levels::default() };
    for page in pages() {
        assert_eq!(levels(page.code).refusal().is_none(), WARNINGS.contains(&page.code), "{}", page.code);
    }
    let refusal = levels("no-opt-out").refusal().unwrap();
    assert!(refusal.contains("always an error") && refusal.contains("right to be left alone"), "{refusal}");
    assert!(levels("unused-txt").refusal().unwrap().contains("did you mean `unused-text`?"));
}

#[test]
fn an_error_stays_an_error_whatever_is_allowed() {
    let error = Diagnostic::error("never-open", "x.yaml", Place::Bytes(0..0), "closed");
    let warning = Diagnostic { level: Level::Warning, ..error.clone() };
    let mut all = vec![error.clone(), warning.clone()];
    Levels { allow: vec!["never-open".to_owned()], ..Levels::default() }.apply(&mut all);
    assert_eq!(all, std::slice::from_ref(&error));
    let mut denied = vec![warning];
    Levels { deny: vec!["never-open".to_owned()], ..Levels::default() }.apply(&mut denied);
    assert_eq!(denied, [error]);
}
