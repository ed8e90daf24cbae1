//! All files together while they are read: parsed, compiled one by one, ready to be checked against each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use serde::de::DeserializeOwned;

use super::check;
use super::compile::{self, script::COMMON};
use super::diagnostic::{Diagnostic, Findings, Place, suggestion};
use super::embedded;
use super::model::cadence::Cadence;
use super::model::flow::Flow;
use super::model::script::Script;
use super::model::test::TestFile;
use super::raw::{cadence::RawCadence, flow::RawFlow, script::RawScript, test::RawTest};
use super::render::Sources;
use super::schema::DefinitionKind;
use super::schema_errors;
use super::source::{Node, Source};

/// A definition that compiled, with what checks need to point into its file. One whose file has errors (`Workspace::broken`)
/// is there only so that its other problems are found too.
#[derive(Debug, Clone)]
pub struct Compiled<R, M> {
    pub source: Source,
    pub raw: Arc<R>,
    pub model: Arc<M>,
    /// Cadences: pointer of each step.
    pub pointers: Vec<String>,
}

/// Everything that was read.
#[derive(Debug, Default)]
pub struct Workspace {
    pub flows: BTreeMap<String, Compiled<RawFlow, Flow>>,
    pub scripts: BTreeMap<String, Compiled<RawScript, Script>>,
    pub cadences: BTreeMap<String, Compiled<RawCadence, Cadence>>,
    /// Test files, by path.
    pub tests: BTreeMap<String, Compiled<RawTest, TestFile>>,
    /// Kind and key of every file, also of those with errors: nobody is told that a broken flow does not exist.
    pub declared: BTreeMap<(DefinitionKind, String), String>,
    /// Files with an error in themselves.
    pub broken: BTreeSet<String>,
    pub sources: Sources,
    pub diagnostics: Vec<Diagnostic>,
}

/// The shipped words that scripts share, made once.
static SHIPPED_WORDS: LazyLock<Workspace> = LazyLock::new(|| {
    let (path, text) = embedded::SHARED_WORDS;
    let source = Source::shipped(path, text);
    let raw: RawScript =
        serde_json::from_str(embedded::SHARED_WORDS_READ).expect("build.rs wrote it, as a test proves");
    let mut findings = Findings::new(&source);
    let model = compile::script::compile(&raw, None, &mut findings);
    let list = findings.list;
    let mut workspace = Workspace::default();
    workspace.declared.insert((DefinitionKind::Script, COMMON.to_owned()), path.to_owned());
    let built = (Some((raw, model, Vec::new())), list);
    let list = keep(built, &mut workspace.scripts, COMMON, &source);
    workspace.finish(source, list);
    workspace
});

impl Workspace {
    /// Reads files given as (relative path, text).
    pub fn read<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut workspace = Self::default();
        let (shared, others): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|(_, text)| holds_shared_words(text));
        // The shared words first: other scripts include them. Whoever brings none of their own gets ours: opt-out must work
        // in every flow.
        if shared.is_empty() {
            workspace.add_workspace(&SHIPPED_WORDS);
        }
        for (path, text) in shared.into_iter().chain(others) {
            workspace.add_text(path, text);
        }
        workspace
    }

    /// Reads what most folders need before their own files.
    pub fn prepare() {
        LazyLock::force(&SHIPPED_WORDS);
    }

    /// Reads one more file.
    pub fn add_text(&mut self, path: &str, text: &str) {
        match Source::parse(path, text) {
            Ok(source) => self.add(source),
            Err(diagnostic) => self.add_unreadable(text, *diagnostic),
        }
    }

    /// Keeps the text of a file that could not be parsed, and why.
    pub(super) fn add_unreadable(&mut self, text: &str, why: Diagnostic) {
        self.sources.insert_text(&why.file, text);
        self.broken.insert(why.file.clone());
        self.diagnostics.push(why);
    }

    /// Adds what other files were read as; of two definitions of one name the first keeps it.
    pub fn add_workspace(&mut self, other: &Self) {
        let mut twice = Vec::new();
        for ((kind, key), path) in &other.declared {
            match self.declared.get(&(*kind, key.clone())) {
                Some(first) => twice.push(duplicate(*kind, key, path, first)),
                None => drop(self.declared.insert((*kind, key.clone()), path.clone())),
            }
        }
        self.broken.extend(other.broken.iter().cloned().chain(twice.iter().map(|each| each.file.clone())));
        self.diagnostics.extend(other.diagnostics.iter().cloned().chain(twice));
        self.sources.extend(&other.sources);
        add_missing(&mut self.flows, &other.flows);
        add_missing(&mut self.scripts, &other.scripts);
        add_missing(&mut self.cadences, &other.cadences);
        add_missing(&mut self.tests, &other.tests);
    }

    /// A script with the words of `common` added where it has none of its own.
    pub fn script_with_common(&self, key: &str) -> Option<Script> {
        let mut script = Script::clone(&self.scripts.get(key)?.model);
        let Some(common) = self.scripts.get(COMMON).filter(|_| key != COMMON) else { return Some(script) };
        for (code, words) in &mut script.languages {
            let Some(shared) = common.model.languages.get(code) else { continue };
            for (name, text) in &shared.texts {
                words.texts.entry(name.clone()).or_insert_with(|| text.clone());
            }
            for (name, phrases) in &shared.answers {
                let own = words.answers.entry(name.clone()).or_default();
                let missing: Vec<String> =
                    phrases.iter().filter(|phrase| !own.contains(phrase)).cloned().collect();
                own.extend(missing);
            }
        }
        Some(script)
    }

    pub fn is_declared(&self, kind: DefinitionKind, key: &str) -> bool {
        self.declared.contains_key(&(kind, key.to_owned()))
    }

    /// Keys of a kind, for suggestions.
    pub fn keys(&self, kind: DefinitionKind) -> impl Iterator<Item = &str> {
        self.declared.keys().filter(move |(each, _)| *each == kind).map(|(_, key)| key.as_str())
    }

    /// Reads one more file that has been parsed.
    pub(super) fn add(&mut self, source: Source) {
        let mut findings = Findings::new(&source);
        let first = source.root().entries().first().map(|entry| entry.key.clone());
        let kind = kind_of(source.root());
        let Some(kind) = kind else {
            let help = first
                .and_then(|key| suggestion(&key, ["flow", "script", "cadence", "test"]))
                .filter(|help| help.starts_with("did"));
            findings.error("unknown-kind", Place::Bytes(0..0), "this file defines nothing").help(
                help.unwrap_or_else(|| {
                    "begin with `flow: NAME`, `script: NAME`, `cadence: NAME` or `test: TITLE`".to_owned()
                }),
            );
            let list = findings.list;
            return self.keep_broken(source, list);
        };
        if kind == DefinitionKind::Test {
            return self.add_test(source);
        }
        let mut value = source.root().to_json();
        let key = value.get(kind.as_str()).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        schema_errors::report(kind, &mut value, &mut findings);
        check::values(&mut findings);
        if let Some(other) = self.declared.get(&(kind, key.clone())) {
            findings.list.push(duplicate(kind, &key, &source.path, other));
        } else if !key.is_empty() {
            self.declared.insert((kind, key.clone()), source.path.clone());
        }
        let list = match kind {
            DefinitionKind::Flow => {
                let compiled = build(value, findings, |raw, findings| {
                    (compile::flow::compile(raw, findings), Vec::new())
                });
                keep(compiled, &mut self.flows, &key, &source)
            }
            DefinitionKind::Script => {
                let common = self.scripts.get(COMMON).filter(|_| key != COMMON).map(|file| &*file.raw);
                let compiled = build(value, findings, |raw, findings| {
                    (compile::script::compile(raw, common, findings), Vec::new())
                });
                keep(compiled, &mut self.scripts, &key, &source)
            }
            DefinitionKind::Cadence => {
                let compiled = build(value, findings, |raw, findings| {
                    let done = compile::cadence::compile(raw, findings);
                    (done.cadence, done.pointers)
                });
                keep(compiled, &mut self.cadences, &key, &source)
            }
            DefinitionKind::Test => Vec::new(),
        };
        self.finish(source, list);
    }

    fn add_test(&mut self, source: Source) {
        let mut findings = Findings::new(&source);
        let file = source.root().to_json();
        schema_errors::report(DefinitionKind::Test, &mut compile::test::by_first_rows(&file), &mut findings);
        let compiled =
            if findings.has_errors() { None } else { compile::test::compile(&file, &mut findings) };
        let list = findings.list;
        if let Some((raw, model)) = compiled {
            let compiled = Compiled {
                source: source.clone(),
                raw: Arc::new(raw),
                model: Arc::new(model),
                pointers: Vec::new(),
            };
            self.tests.insert(source.path.clone(), compiled);
        }
        self.finish(source, list);
    }

    fn finish(&mut self, source: Source, list: Vec<Diagnostic>) {
        if list.iter().any(Diagnostic::is_error) {
            self.broken.insert(source.path.clone());
        }
        self.diagnostics.extend(list);
        self.sources.insert(source);
    }

    fn keep_broken(&mut self, source: Source, list: Vec<Diagnostic>) {
        self.broken.insert(source.path.clone());
        self.diagnostics.extend(list);
        self.sources.insert(source);
    }
}

/// Looked at before anything is parsed, so that the shared words can be read first.
fn holds_shared_words(text: &str) -> bool {
    let first = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with(['#', '-', '%']));
    let name = first.and_then(|line| line.trim_start_matches('\u{feff}').strip_prefix("script:"));
    name.is_some_and(|name| name.split('#').next().unwrap_or(name).trim().trim_matches(['"', '\'']) == COMMON)
}

/// A file is what its first key says; a flow also has a key `script`, so that one only counts where it comes first or alone.
pub(super) fn kind_of(root: &Node) -> Option<DefinitionKind> {
    let first = root.entries().first()?.key.parse().ok();
    first.or_else(|| {
        if root.get("cases").is_some() {
            return Some(DefinitionKind::Test);
        }
        let has = |kind: &DefinitionKind| root.get(kind.as_str()).is_some();
        DefinitionKind::ALL
            .iter()
            .copied()
            .filter(has)
            .find(|kind| *kind != DefinitionKind::Script || root.get("steps").is_none())
    })
}

fn duplicate(kind: DefinitionKind, key: &str, path: &str, other: &str) -> Diagnostic {
    let message = format!("there are two {kind}s called `{key}`");
    let mut diagnostic = Diagnostic::error("duplicate-key", path, Place::value(format!("/{kind}")), message);
    diagnostic.label("already taken").help(format!("the other one is {other}"));
    diagnostic
}

fn add_missing<T: Clone>(all: &mut BTreeMap<String, T>, more: &BTreeMap<String, T>) {
    for (key, value) in more {
        all.entry(key.clone()).or_insert_with(|| value.clone());
    }
}

type Built<R, M> = (Option<(R, M, Vec<String>)>, Vec<Diagnostic>);

fn build<R: DeserializeOwned, M>(
    value: serde_json::Value,
    mut findings: Findings<'_>,
    compile: impl FnOnce(&R, &mut Findings<'_>) -> (M, Vec<String>),
) -> Built<R, M> {
    let raw: R = match serde_json::from_value(value) {
        Ok(raw) => raw,
        Err(error) => {
            // The schema has said it better; if it was content, this is all there is to say.
            if !findings.has_errors() {
                findings.error("schema", Place::value(""), error.to_string());
            }
            return (None, findings.list);
        }
    };
    let (model, pointers) = compile(&raw, &mut findings);
    (Some((raw, model, pointers)), findings.list)
}

fn keep<R, M>(
    (compiled, list): Built<R, M>,
    files: &mut BTreeMap<String, Compiled<R, M>>,
    key: &str,
    source: &Source,
) -> Vec<Diagnostic> {
    // The first file of a name keeps it; the second is reported.
    if let Some((raw, model, pointers)) = compiled
        && !files.contains_key(key)
    {
        let compiled =
            Compiled { source: source.clone(), raw: Arc::new(raw), model: Arc::new(model), pointers };
        files.insert(key.to_owned(), compiled);
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_holds_the_shared_words_as_their_file_says_them() {
        let (path, text) = embedded::SHARED_WORDS;
        let mut read = Workspace::default();
        read.add_text(path, text);
        let told = |workspace: &Workspace| {
            let file = &workspace.scripts[COMMON];
            assert!(workspace.diagnostics.is_empty() && workspace.broken.is_empty());
            let tree = file.source.root();
            format!("{:#?}\n{:#?}\n{tree:#?}\n{:?}", file.raw, file.model, workspace.declared)
        };
        assert_eq!(told(&SHIPPED_WORDS), told(&read));
        assert!(SHIPPED_WORDS.sources.text(path) == Some(text));
    }
}
