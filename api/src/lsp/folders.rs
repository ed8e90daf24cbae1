//! The folders being edited: what is on disk, with the text of open documents in its place.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use callwright_engine::definitions::editor::project::Project;
use callwright_engine::rules::Rules;
use gen_lsp_types::{Location, TextDocumentPositionParams, Uri};
use url::Url;

use super::position::{Lines, Unit};

/// Folders nested deeper than this hold no definitions.
const DEEPEST: usize = 4;

/// An open document.
#[derive(Debug)]
pub struct Open {
    pub version: i32,
    /// Where it belongs; `None` for documents that are no definitions.
    pub place: Option<Place>,
    pub text: String,
}

/// A file of a project: the folder that holds `flows/` and `cadences/`, and the path below it with forward slashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub root: PathBuf,
    pub path: String,
}

/// A place in a text that a request speaks about.
#[derive(Debug)]
pub struct Spot<'f> {
    pub root: &'f Path,
    pub project: &'f Project,
    pub path: String,
    pub offset: usize,
    pub text: &'f str,
}

/// All projects and open documents.
#[derive(Debug)]
pub struct Folders {
    /// The calling rules that all projects are judged by.
    rules: Arc<Rules>,
    pub unit: Unit,
    pub projects: BTreeMap<PathBuf, Project>,
    /// By the address the client uses.
    pub open: BTreeMap<String, Open>,
}

impl Folders {
    pub fn under(rules: Arc<Rules>) -> Self {
        Self { rules, unit: Unit::default(), projects: BTreeMap::new(), open: BTreeMap::new() }
    }

    /// A folder of the workspace: it, or folders right below it, may hold definitions.
    pub fn add_folder(&mut self, folder: &Path) {
        let below = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        for candidate in std::iter::once(folder.to_owned()).chain(below) {
            if candidate.join("flows").is_dir() && candidate.join("cadences").is_dir() {
                self.reload(&candidate);
            }
        }
    }

    pub fn open(&mut self, uri: &Uri, version: i32, text: String) {
        let place = path_of(uri).and_then(|path| place_of(&path));
        if let Some(place) = &place {
            if !self.projects.contains_key(&place.root) {
                self.reload(&place.root.clone());
            }
            self.put(place, &text);
        }
        self.open.insert(uri.0.clone(), Open { version, place, text });
    }

    /// The new text of an open document.
    pub fn change(&mut self, uri: &Uri, version: i32, edit: impl FnOnce(&mut String)) {
        let Some(open) = self.open.get_mut(&uri.0) else { return };
        edit(&mut open.text);
        open.version = version;
        let (place, text) = (open.place.clone(), open.text.clone());
        if let Some(place) = place {
            self.put(&place, &text);
        }
    }

    /// What is on disk counts again.
    pub fn close(&mut self, uri: &Uri) {
        if let Some(place) = self.open.remove(&uri.0).and_then(|open| open.place) {
            self.reload(&place.root);
        }
    }

    /// Reads a project's files again; open documents keep their text.
    pub fn reload(&mut self, root: &Path) {
        let mut files = BTreeMap::new();
        for folder in ["flows", "cadences"] {
            collect(&root.join(folder), folder, &mut files, 0);
        }
        for open in self.open.values() {
            if let Some(place) = open.place.as_ref().filter(|place| place.root == root) {
                files.insert(place.path.clone(), open.text.clone());
            }
        }
        let rules = &self.rules;
        let project =
            self.projects.entry(root.to_owned()).or_insert_with(|| Project::under(Arc::clone(rules)));
        let gone: Vec<String> = project
            .files()
            .map(|(path, _)| path.to_owned())
            .filter(|path| !files.contains_key(path))
            .collect();
        for path in gone {
            project.remove(&path);
        }
        for (path, text) in &files {
            project.set(path, text);
        }
    }

    pub fn reload_all(&mut self) {
        let roots: Vec<PathBuf> = self.projects.keys().cloned().collect();
        for root in roots {
            self.reload(&root);
        }
    }

    /// Checks what changed.
    pub fn refresh(&mut self) {
        for project in self.projects.values_mut() {
            project.refresh();
        }
    }

    /// The place a request speaks about; `None` outside of definitions.
    pub fn spot(&self, at: &TextDocumentPositionParams) -> Option<Spot<'_>> {
        let place = self.place(&at.text_document.uri)?;
        let (root, project) = self.projects.get_key_value(&place.root)?;
        let text = project.text(&place.path)?;
        let offset = Lines::new(text, self.unit).byte(at.position);
        Some(Spot { root, project, path: place.path, offset, text })
    }

    /// The file behind an address.
    pub fn place(&self, uri: &Uri) -> Option<Place> {
        match self.open.get(&uri.0) {
            Some(open) => open.place.clone(),
            None => path_of(uri).and_then(|path| place_of(&path)),
        }
    }

    /// The address of a file: the client's own where it is open.
    pub fn uri(&self, root: &Path, path: &str) -> Option<Uri> {
        let is_it =
            |open: &Open| open.place.as_ref().is_some_and(|place| place.root == root && place.path == path);
        let own = self.open.iter().find(|(_, open)| is_it(open)).map(|(uri, _)| uri.clone());
        let uri = own.or_else(|| Url::from_file_path(root.join(path)).ok().map(String::from));
        uri.map(Uri)
    }

    /// Bytes of a file as the protocol says them.
    pub fn location(&self, root: &Path, path: &str, span: &std::ops::Range<usize>) -> Option<Location> {
        let text = self.projects.get(root)?.text(path)?;
        Some(Location { uri: self.uri(root, path)?, range: Lines::new(text, self.unit).range(span) })
    }

    fn put(&mut self, place: &Place, text: &str) {
        if let Some(project) = self.projects.get_mut(&place.root) {
            project.set(&place.path, text);
        }
    }
}

/// The path behind a `file:` address.
pub fn path_of(uri: &Uri) -> Option<PathBuf> {
    Url::parse(&uri.0).ok()?.to_file_path().ok()
}

/// Where a file belongs: below the nearest folder called `flows` or `cadences`.
pub fn place_of(path: &Path) -> Option<Place> {
    if !is_definition(path) {
        return None;
    }
    let home = path
        .ancestors()
        .skip(1)
        .take(DEEPEST + 1)
        .find(|folder| folder.file_name().is_some_and(|name| name == "flows" || name == "cadences"))?;
    let root = home.parent()?;
    let below: Vec<_> = path.strip_prefix(root).ok()?.iter().map(|part| part.to_string_lossy()).collect();
    Some(Place { root: root.to_owned(), path: below.join("/") })
}

/// YAML, but no test.
fn is_definition(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    is_yaml && !name.starts_with('.') && !name.contains(".test.")
}

fn collect(folder: &Path, shown: &str, files: &mut BTreeMap<String, String>, depth: usize) {
    if depth > DEEPEST {
        return;
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let shown = format!("{shown}/{name}");
        if path.is_dir() && !name.starts_with('.') {
            collect(&path, &shown, files, depth + 1);
        } else if is_definition(&path)
            && let Ok(text) = fs::read_to_string(&path)
        {
            files.insert(shown, text);
        }
    }
}
