//! Every broken file of the corpus gets the message beside it, word for word: `NAME.yaml` and `NAME.txt`. The files are checked
//! against a small sound workspace, whose own file of the same definition gives way.
//!
//! After a change of words: `UPDATE_GOLDEN=1 cargo test -p callwright-tests --test definitions`, then read the differences.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use callwright_engine::definitions::diagnostic::Diagnostic;
use callwright_engine::definitions::render;
use callwright_engine::definitions::review::{Review, read_folders};
use callwright_engine::definitions::rule_files;
use callwright_engine::definitions::schema::DefinitionKind;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("suites/definitions").join(name)
}

/// The sound workspace, by path.
fn sound() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for part in ["flows", "flows/scripts", "cadences"] {
        for entry in fs::read_dir(folder("sound").join(part)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = path.file_name().unwrap().to_string_lossy();
                files.insert(format!("{part}/{name}"), fs::read_to_string(&path).unwrap());
            }
        }
    }
    files
}

/// Review of one file among the sound ones; of calling rules, alone.
pub fn review(path: &str, text: &str) -> Review {
    if rule_files::is_one(text) {
        let rules = rule_files::review([(path, text)]);
        let mut review = Review::default();
        review.diagnostics = rules.diagnostics;
        review.sources.extend(&rules.sources);
        return review;
    }
    let first =
        |text: &str| text.trim_start_matches('\u{feff}').lines().next().unwrap_or_default().to_owned();
    let mut files = sound();
    // `name-taken` is about two files of one name.
    if !path.starts_with("name-taken") {
        files.retain(|_, other| first(other) != first(text));
    }
    files.insert(path.to_owned(), text.to_owned());
    Review::of_file(files.iter().map(|(path, text)| (path.as_str(), text.as_str())), path)
}

#[test]
fn the_sound_workspace_is_silent() {
    let files = sound();
    let review = Review::of(files.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    assert_eq!(render::terminal(&review.diagnostics, &review.sources, false), "");
}

/// What the review of one file says must be what the review of all of them says about it.
fn says_the_same(files: &BTreeMap<String, String>, path: &str) {
    let all = || files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
    let alone = Review::of_file(all(), path);
    let mut together = Review::of(all());
    together.diagnostics.retain(|each| each.file == path);
    let said = |review: &Review| render::terminal(&review.diagnostics, &review.sources, false);
    assert_eq!(said(&alone), said(&together), "{path}");
    for kind in [DefinitionKind::Flow, DefinitionKind::Script, DefinitionKind::Cadence, DefinitionKind::Test]
    {
        assert_eq!(alone.count(kind), together.count(kind), "{kind}s beside {path}");
    }
}

#[test]
fn a_file_alone_has_the_problems_it_has_among_all() {
    let mut broken: Vec<PathBuf> =
        fs::read_dir(folder("broken")).unwrap().map(|entry| entry.unwrap().path()).collect();
    broken.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    // Calling rules are no part of a workspace.
    broken.retain(|path| !rule_files::is_one(&fs::read_to_string(path).unwrap()));
    broken.sort();
    // The golden messages speak for all of them; reviews of all files take their time.
    for path in broken.iter().step_by(12) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut files = sound();
        files.insert(name.clone(), fs::read_to_string(path).unwrap());
        says_the_same(&files, &name);
    }
}

#[test]
fn a_shipped_file_that_is_changed_has_the_problems_it_has_among_all() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let (files, problems) = read_folders(&root.join("flows"), &root.join("cadences"));
    assert!(problems.is_empty(), "{problems:?}");
    let files: BTreeMap<String, String> = files.into_iter().collect();
    // Names of what it refers to are misspelt, or it is as it was; each file in one way: reviews of all files take their time.
    let changes =
        [("call: ", "call: x-"), ("say: ", "say: x"), ("answers.", "answers.x"), ("_", "__"), (": ", ": ")];
    for (index, (path, text)) in files.iter().enumerate().step_by(6) {
        let (from, into) = changes[index % changes.len()];
        let mut changed = files.clone();
        changed.insert(path.clone(), text.replace(from, into));
        says_the_same(&changed, path);
    }
}

#[test]
fn every_broken_file_gets_its_golden_message() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(folder("broken")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        count += 1;
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        let review = review(&name, &text);
        let said = render::terminal(&review.diagnostics, &review.sources, false);
        if review.diagnostics.is_empty() {
            wrong.push(format!("{name} is found to be correct"));
        }
        let golden = path.with_extension("txt");
        if update {
            fs::write(&golden, &said).unwrap();
        } else if fs::read_to_string(&golden).unwrap_or_default() != said {
            wrong.push(format!("{name}:\n{said}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(count >= 120, "{count} files");
}

#[test]
fn every_golden_message_belongs_to_a_file() {
    for entry in fs::read_dir(folder("broken")).unwrap() {
        let path = entry.unwrap().path();
        assert!(path.with_extension("yaml").exists(), "{}", path.display());
    }
}

/// What machines get says the same place as what people read: counted in characters, whatever the file's encoding habits.
#[test]
fn columns_count_characters_also_behind_other_scripts_byte_order_marks_and_windows_line_ends() {
    for (name, needle) in [
        ("condition-not-ascii-before.yaml", "lead.scroe"),
        ("text-variable-not-ascii.yaml", "produkt.name"),
        ("text-crlf-windows.yaml", "lead.fistName"),
        ("text-bom.yaml", "lead.fistName"),
        ("condition-folded.yaml", "lead.scroe"),
        ("condition-escaped.yaml", "lead.scroe"),
        ("text-variable-misspelt-late.yaml", "product.nmae"),
    ] {
        let text = fs::read_to_string(folder("broken").join(name)).unwrap();
        let (line, written) = text
            .trim_start_matches('\u{feff}')
            .lines()
            .enumerate()
            .find(|(_, line)| line.contains(needle))
            .unwrap();
        let column = written.split(needle).next().unwrap().chars().count() + 1;
        let review = review(name, &text);
        let found: &Diagnostic =
            review.diagnostics.iter().find(|each| each.code == "unknown-variable").unwrap();
        let at = review.sources.position(found);
        let expected = (line + 1, column, column + needle.len());
        assert_eq!((at.line, at.column, at.end_column), expected, "{name}");
    }
}
