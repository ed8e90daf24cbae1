//! The files of one folder with `flows/` and `cadences/`, as they are being edited. A changed file is read again; the others keep
//! what was read of them. Checks across files run anew where something they look at has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use super::super::check;
use super::super::compile::script::COMMON;
use super::super::diagnostic::Diagnostic;
use super::super::embedded;
use super::super::schema::DefinitionKind;
use super::super::source::{Node, Source};
use super::super::workspace::{Workspace, kind_of};
use super::forgiving;
use super::leaf::leaves;
use super::slot::{Slot, slot};
use crate::rules::Rules;

/// One file, read.
#[derive(Debug)]
pub struct File {
    pub text: String,
    pub root: Node,
    /// What it defines; by its folder while its first key is not written yet.
    pub kind: DefinitionKind,
    /// The name it gives itself; empty while there is none.
    pub key: String,
    parsed: Result<Source, Box<Diagnostic>>,
    /// Hash of what checks of scripts, and checks of others against a script, look at.
    surface: u64,
}

/// A problem and the bytes it stands at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub span: Range<usize>,
    pub diagnostic: Diagnostic,
}

/// Files by path relative to the folder, with forward slashes.
#[derive(Debug)]
pub struct Project {
    /// What disclosures and hours are judged by.
    rules: Arc<Rules>,
    files: BTreeMap<String, File>,
    /// What each file is by itself, until its text changes.
    alone: BTreeMap<String, Arc<Workspace>>,
    /// All together, checked; of the files as they were at the last [`Project::refresh`].
    checked: Checked,
    /// Files that changed since.
    changed: BTreeSet<String>,
}

#[derive(Debug, Default)]
struct Checked {
    all: Workspace,
    problems: BTreeMap<String, Vec<Problem>>,
    /// What checks across files found, by file.
    across: BTreeMap<String, Vec<Diagnostic>>,
    surface: u64,
}

static SHIPPED_WORDS: LazyLock<(&str, File)> = LazyLock::new(|| {
    let (path, text) = embedded::SHARED_WORDS;
    (path, File::read(path, text))
});

impl File {
    fn read(path: &str, text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let parsed = Source::parse(path, text);
        let root = parsed.as_ref().map_or_else(|_| forgiving::read(text), |source| source.root().clone());
        let kind = kind_of(&root).unwrap_or_else(|| by_folder(path));
        let name = root.get(kind.as_str()).and_then(super::leaf::text_of).unwrap_or_default().to_owned();
        let surface = surface(kind, &root);
        Self { key: name, text: text.to_owned(), kind, root, parsed, surface }
    }
}

/// Names and structure count; how a text is worded, where steps lead and when they are due do not.
fn surface(kind: DefinitionKind, root: &Node) -> u64 {
    let mut hash = DefaultHasher::new();
    for leaf in leaves(root) {
        let is_own_business = match slot(kind, root, &leaf) {
            Slot::Template | Slot::Target | Slot::Length | Slot::Days | Slot::Zone | Slot::Person => true,
            Slot::Expression => !leaf.path.iter().any(|part| part == "set" || part == "with"),
            _ => leaf.path == ["title"] && !leaf.is_key,
        };
        (&leaf.path, leaf.is_key).hash(&mut hash);
        if !is_own_business {
            leaf.text.hash(&mut hash);
        }
    }
    hash.finish()
}

fn by_folder(path: &str) -> DefinitionKind {
    if path.contains("scripts/") {
        DefinitionKind::Script
    } else if path.starts_with("cadences/") {
        DefinitionKind::Cadence
    } else {
        DefinitionKind::Flow
    }
}

impl Project {
    /// Without files yet.
    pub fn under(rules: Arc<Rules>) -> Self {
        Self {
            rules,
            files: BTreeMap::new(),
            alone: BTreeMap::new(),
            checked: Checked::default(),
            changed: BTreeSet::new(),
        }
    }

    /// From (relative path, text), under the shipped rules.
    pub fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut project = Self::under(Rules::shipped());
        for (path, text) in files {
            project.set(path, text);
        }
        project
    }

    /// Adds or replaces a file. Text that did not change costs nothing.
    pub fn set(&mut self, path: &str, text: &str) {
        if self.text(path) == Some(text) {
            return;
        }
        let file = File::read(path, text);
        let was_shared = self.files.get(path).is_some_and(is_shared);
        if is_shared(&file) || was_shared {
            self.forget_all();
        }
        self.alone.remove(path);
        self.changed.insert(path.to_owned());
        self.files.insert(path.to_owned(), file);
    }

    pub fn remove(&mut self, path: &str) {
        if self.files.remove(path).is_some_and(|file| is_shared(&file)) {
            self.forget_all();
        }
        self.alone.remove(path);
        self.changed.insert(path.to_owned());
    }

    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(|file| file.text.as_str())
    }

    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.get(path)
    }

    pub fn files(&self) -> impl Iterator<Item = (&str, &File)> {
        self.files.iter().map(|(path, file)| (path.as_str(), file))
    }

    /// The file that defines something; the shipped shared words where a project has none of its own.
    pub fn named(&self, kind: DefinitionKind, key: &str) -> Option<(&str, &File)> {
        let own = self.files().find(|(_, file)| file.kind == kind && file.key == key);
        own.or_else(|| {
            let (path, file) = &*SHIPPED_WORDS;
            (kind == DefinitionKind::Script && key == COMMON).then_some((*path, file))
        })
    }

    /// Checks again what may have changed since the last time.
    pub fn refresh(&mut self) {
        if self.changed.is_empty() {
            return;
        }
        let mut all = self.read();
        let surface = self.surface();
        let stale = self.stale(surface);
        let own = all.diagnostics.len();
        check::run_on(&mut all, &self.rules, |path| stale.contains(path));
        let mut across: BTreeMap<String, Vec<Diagnostic>> = BTreeMap::new();
        for found in &all.diagnostics[own..] {
            across.entry(found.file.clone()).or_default().push(found.clone());
        }
        // The others keep what was found of them.
        for (path, found) in std::mem::take(&mut self.checked.across) {
            if !stale.contains(&path) {
                let is_broken = found.iter().any(Diagnostic::is_error);
                all.broken.extend(is_broken.then(|| path.clone()));
                all.diagnostics.extend(found.iter().cloned());
                across.insert(path, found);
            }
        }
        self.checked = self.sorted(all, across, surface);
        self.changed.clear();
    }

    /// What the checks of one file may see of the others.
    fn surface(&self) -> u64 {
        let mut hash = DefaultHasher::new();
        for (path, file) in &self.files {
            let alone = self.alone.get(path);
            let compiled = alone.map(|alone| {
                (alone.flows.len(), alone.scripts.len(), alone.cadences.len(), alone.broken.is_empty())
            });
            (path, file.surface, compiled).hash(&mut hash);
        }
        hash.finish()
    }

    /// Files to check: all of them when names or structure changed somewhere.
    fn stale(&self, surface: u64) -> BTreeSet<String> {
        let is_script = |path: &str| self.file(path).is_some_and(|file| file.kind == DefinitionKind::Script);
        let is_all = surface != self.checked.surface || self.changed.contains(EVERYTHING);
        let only_scripts = self.changed.iter().all(|path| is_script(path));
        let is_stale =
            |path: &str| is_all || self.changed.contains(path) || (!only_scripts && !is_script(path));
        let all = self.files.keys().cloned().chain([SHIPPED_WORDS.0.to_owned()]);
        all.filter(|path| is_stale(path)).collect()
    }

    /// After a change of the shared words: every script may include them.
    fn forget_all(&mut self) {
        self.alone.clear();
        self.changed.insert(EVERYTHING.to_owned());
    }

    /// All problems by file, as of the last refresh; files without any have an empty list.
    pub fn problems(&self) -> &BTreeMap<String, Vec<Problem>> {
        &self.checked.problems
    }

    /// What compiled, as of the last refresh.
    pub fn compiled(&self) -> &Workspace {
        &self.checked.all
    }

    fn sorted(&self, mut all: Workspace, across: BTreeMap<String, Vec<Diagnostic>>, surface: u64) -> Checked {
        let mut problems: BTreeMap<String, Vec<Problem>> =
            self.files.keys().map(|path| (path.clone(), Vec::new())).collect();
        let mut diagnostics = std::mem::take(&mut all.diagnostics);
        all.sources.sort(&mut diagnostics);
        for diagnostic in diagnostics {
            if let Some(list) = problems.get_mut(&diagnostic.file) {
                list.push(Problem { span: all.sources.span(&diagnostic), diagnostic });
            }
        }
        Checked { all, problems, across, surface }
    }

    /// Everything that was read, without the checks across files.
    fn read(&mut self) -> Workspace {
        let mut all = Workspace::default();
        let mut shared: Vec<String> =
            self.files.iter().filter(|(_, file)| is_shared(file)).map(|(path, _)| path.clone()).collect();
        let others: Vec<String> = self.files.keys().filter(|path| !shared.contains(path)).cloned().collect();
        if shared.is_empty() {
            let (path, file) = &*SHIPPED_WORDS;
            if !self.files.contains_key(*path) {
                let alone = self.alone.entry((*path).to_owned());
                all.add_workspace(alone.or_insert_with(|| Arc::new(alone_of(file, None))));
            }
        }
        shared.extend(others);
        for path in shared {
            let Some(file) = self.files.get(&path) else { continue };
            let alone = self.alone.entry(path.clone());
            let alone = alone.or_insert_with(|| Arc::new(alone_of(file, Some(&all))));
            all.add_workspace(alone);
            // A file that is no YAML at the moment still defines what it says: its users are not told otherwise.
            if !file.key.is_empty() {
                all.declared.entry((file.kind, file.key.clone())).or_insert(path);
            }
        }
        all
    }
}

/// Stands among the changed files when all of them count as changed; no file is called so.
const EVERYTHING: &str = "*";

fn is_shared(file: &File) -> bool {
    file.kind == DefinitionKind::Script && file.key == COMMON
}

/// What a file is by itself. The shared words that scripts include are lent to it and taken away again.
fn alone_of(file: &File, all: Option<&Workspace>) -> Workspace {
    let mut alone = Workspace::default();
    let lent = all.and_then(|all| all.scripts.get(COMMON));
    if let Some(shared) = lent {
        alone.scripts.insert(COMMON.to_owned(), shared.clone());
    }
    match &file.parsed {
        Ok(source) => alone.add(source.clone()),
        Err(why) => alone.add_unreadable(&file.text, Diagnostic::clone(why)),
    }
    if lent.is_some() {
        alone.scripts.remove(COMMON);
    }
    alone
}
