//! The files of one folder with `flows/` and `cadences/`, as they are being edited. A changed file is read again; the others keep
//! what was read of them, and only the checks across files run anew.

use std::collections::BTreeMap;
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

/// One file, read.
#[derive(Debug)]
pub struct File {
    pub text: String,
    pub root: Node,
    /// What it defines; by its folder while its first key is not written yet.
    pub kind: DefinitionKind,
    /// The name it gives itself; empty while there is none.
    pub key: String,
}

/// A problem and the bytes it stands at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub span: Range<usize>,
    pub diagnostic: Diagnostic,
}

/// Files by path relative to the folder, with forward slashes.
#[derive(Debug, Default)]
pub struct Project {
    files: BTreeMap<String, File>,
    /// What each file is by itself, until its text changes.
    alone: BTreeMap<String, Arc<Workspace>>,
    /// All together, checked; of the files as they were at the last [`Project::refresh`].
    checked: Checked,
    is_stale: bool,
}

#[derive(Debug, Default)]
struct Checked {
    all: Workspace,
    problems: BTreeMap<String, Vec<Problem>>,
}

static SHIPPED_WORDS: LazyLock<Option<(&'static str, File)>> = LazyLock::new(|| {
    let (path, text) = embedded::FILES.iter().find(|(path, _)| path.ends_with("/common.yaml"))?;
    Some((path, File::read(path, text)))
});

impl File {
    fn read(path: &str, text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let root = Source::parse(path, text).map_or_else(|_| forgiving::read(text), |source| source.root);
        let kind = kind_of(&root).unwrap_or_else(|| by_folder(path));
        let name = root.get(kind.as_str()).and_then(super::leaf::text_of);
        Self { key: name.unwrap_or_default().to_owned(), text: text.to_owned(), kind, root }
    }
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
    /// From (relative path, text).
    pub fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut project = Self::default();
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
        // Every script may include the shared words.
        if is_shared(&file) || was_shared {
            self.alone.clear();
        }
        self.alone.remove(path);
        self.is_stale = true;
        self.files.insert(path.to_owned(), file);
    }

    pub fn remove(&mut self, path: &str) {
        if self.files.remove(path).is_some_and(|file| is_shared(&file)) {
            self.alone.clear();
        }
        self.alone.remove(path);
        self.is_stale = true;
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
            let (path, file) = SHIPPED_WORDS.as_ref()?;
            (kind == DefinitionKind::Script && key == COMMON).then_some((*path, file))
        })
    }

    /// Checks everything again, if something changed since the last time.
    pub fn refresh(&mut self) {
        if std::mem::take(&mut self.is_stale) {
            let mut all = self.read();
            check::run(&mut all);
            self.checked = self.sorted(all);
        }
    }

    /// All problems by file, as of the last refresh; files without any have an empty list.
    pub fn problems(&self) -> &BTreeMap<String, Vec<Problem>> {
        &self.checked.problems
    }

    /// What compiled, as of the last refresh.
    pub fn compiled(&self) -> &Workspace {
        &self.checked.all
    }

    fn sorted(&self, mut all: Workspace) -> Checked {
        let mut problems: BTreeMap<String, Vec<Problem>> =
            self.files.keys().map(|path| (path.clone(), Vec::new())).collect();
        let mut diagnostics = std::mem::take(&mut all.diagnostics);
        all.sources.sort(&mut diagnostics);
        for diagnostic in diagnostics {
            if let Some(list) = problems.get_mut(&diagnostic.file) {
                list.push(Problem { span: all.sources.span(&diagnostic), diagnostic });
            }
        }
        Checked { all, problems }
    }

    /// Everything that was read, without the checks across files.
    fn read(&mut self) -> Workspace {
        let mut all = Workspace::default();
        let mut shared: Vec<String> =
            self.files.iter().filter(|(_, file)| is_shared(file)).map(|(path, _)| path.clone()).collect();
        let others: Vec<String> = self.files.keys().filter(|path| !shared.contains(path)).cloned().collect();
        if shared.is_empty() {
            let shipped = SHIPPED_WORDS.as_ref().filter(|(path, _)| !self.files.contains_key(*path));
            if let Some((path, file)) = shipped {
                let alone = self.alone.entry((*path).to_owned());
                all.add_workspace(alone.or_insert_with(|| Arc::new(alone_of(path, &file.text, None))));
            }
        }
        shared.extend(others);
        for path in shared {
            let Some(file) = self.files.get(&path) else { continue };
            let alone = self.alone.entry(path.clone());
            let alone = alone.or_insert_with(|| Arc::new(alone_of(&path, &file.text, Some(&all))));
            all.add_workspace(alone);
            // A file that is no YAML at the moment still defines what it says: its users are not told otherwise.
            if !file.key.is_empty() {
                all.declared.entry((file.kind, file.key.clone())).or_insert(path);
            }
        }
        all
    }
}

fn is_shared(file: &File) -> bool {
    file.kind == DefinitionKind::Script && file.key == COMMON
}

/// What a file is by itself. The shared words that scripts include are lent to it and taken away again.
fn alone_of(path: &str, text: &str, all: Option<&Workspace>) -> Workspace {
    let mut alone = Workspace::default();
    let lent = all.and_then(|all| all.scripts.get(COMMON));
    if let Some(shared) = lent {
        alone.scripts.insert(COMMON.to_owned(), shared.clone());
    }
    alone.add_text(path, text);
    if lent.is_some() {
        alone.scripts.remove(COMMON);
    }
    alone
}
