//! The library: every usable definition, by name, and its bundle. A file with errors is left out; the rest stays usable.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;

use super::check;
use super::diagnostic::{Diagnostic, Place};
use super::embedded;
use super::model::cadence::Cadence;
use super::model::flow::Flow;
use super::model::script::Script;
use super::model::test::TestFile;
use super::render::Sources;
use super::schema::DefinitionKind;
use super::workspace::Workspace;

pub use super::bundle::Bundle;

/// Immutable; a changed file makes a new library.
#[derive(Debug, Clone, Default)]
pub struct Library {
    bundles: BTreeMap<String, Arc<Bundle>>,
    flow_bundles: BTreeMap<String, Arc<Bundle>>,
    cadences: BTreeMap<String, Arc<Cadence>>,
    flows: BTreeMap<String, Arc<Flow>>,
    scripts: BTreeMap<String, Arc<Script>>,
    tests: Vec<Arc<TestFile>>,
    /// JSON pointer of every step of every cadence.
    pointers: BTreeMap<String, Vec<String>>,
    /// Path of every definition, also of those with errors.
    paths: BTreeMap<(DefinitionKind, String), String>,
    sources: Arc<Sources>,
}

/// Prefix of the one-step cadence made up for a single call with a flow.
const SINGLE: &str = "call-";

impl Library {
    /// Reads two folders (`*.yaml`, with sub-folders). Paths in messages are relative to the
    /// folders' parent. Folders that cannot be read are diagnostics too: the rest stays usable.
    pub fn load(flows: &Path, cadences: &Path) -> (Self, Vec<Diagnostic>) {
        let mut files = Vec::new();
        let mut problems = Vec::new();
        for folder in [flows, cadences] {
            let shown =
                folder.file_name().map_or_else(|| folder.to_string_lossy(), |name| name.to_string_lossy());
            if let Err(error) = collect(folder, &shown, &mut files) {
                let message = format!("the folder {} cannot be read: {error}", folder.display());
                problems.push(Diagnostic::error("unreadable", &shown, Place::Bytes(0..0), message));
            }
        }
        files.sort();
        let (library, mut diagnostics) =
            Self::from_files(files.iter().map(|(path, text)| (path.as_str(), text.as_str())));
        problems.append(&mut diagnostics);
        (library, problems)
    }

    /// The definitions that ship with the binary. They are correct, as a test proves.
    pub fn embedded() -> Self {
        static EMBEDDED: LazyLock<Library> =
            LazyLock::new(|| Library::from_files(embedded::FILES.iter().copied()).0);
        EMBEDDED.clone()
    }

    /// From (relative path, text), for tests, uploads and the embedded definitions.
    pub fn from_files<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> (Self, Vec<Diagnostic>) {
        let mut workspace = Workspace::read(files);
        check::run(&mut workspace);
        let sound = |path: &str| !workspace.broken.contains(path);
        let mut library = Self::default();
        for (key, file) in workspace.cadences.iter().filter(|(_, file)| sound(&file.source.path)) {
            library.cadences.insert(key.clone(), Arc::clone(&file.model));
            library.pointers.insert(key.clone(), file.pointers.clone());
            if let Some(bundle) = Bundle::assemble(&workspace, key) {
                library.bundles.insert(key.clone(), Arc::new(bundle));
            }
        }
        for (key, file) in workspace.flows.iter().filter(|(_, file)| sound(&file.source.path)) {
            library.flows.insert(key.clone(), Arc::clone(&file.model));
        }
        for (key, file) in workspace.scripts.iter().filter(|(_, file)| sound(&file.source.path)) {
            let merged = workspace.script_with_common(key).map(Arc::new);
            library.scripts.insert(key.clone(), merged.unwrap_or_else(|| Arc::clone(&file.model)));
        }
        let tests = workspace.tests.values().filter(|file| sound(&file.source.path));
        library.tests = tests.map(|file| Arc::clone(&file.model)).collect();
        let mut diagnostics = std::mem::take(&mut workspace.diagnostics);
        workspace.sources.sort(&mut diagnostics);
        library.paths.clone_from(&workspace.declared);
        library.sources = Arc::new(workspace.sources.clone());
        library.add_single_calls(&mut workspace);
        (library, diagnostics)
    }

    /// The newest version of a cadence with all it needs; `None` when it does not exist or something it needs is broken.
    pub fn bundle(&self, cadence_key: &str) -> Option<Arc<Bundle>> {
        self.bundles.get(cadence_key).cloned()
    }

    /// A bundle for one call with a flow, outside any cadence: its cadence `call-FLOW` has the single step `call`.
    pub fn flow_bundle(&self, flow_key: &str) -> Option<Arc<Bundle>> {
        self.flow_bundles.get(flow_key).cloned()
    }

    /// The same library with another version of one cadence.
    #[must_use]
    pub fn with_bundle(&self, bundle: Bundle) -> Self {
        let mut library = self.clone();
        let key = bundle.cadence.key.clone();
        library.cadences.insert(key.clone(), Arc::clone(&bundle.cadence));
        library.bundles.insert(key, Arc::new(bundle));
        library
    }

    pub fn cadence(&self, key: &str) -> Option<&Arc<Cadence>> {
        self.cadences.get(key)
    }

    pub fn flow(&self, key: &str) -> Option<&Arc<Flow>> {
        self.flows.get(key)
    }

    /// A script with the words of `common` in it.
    pub fn script(&self, key: &str) -> Option<&Arc<Script>> {
        self.scripts.get(key)
    }

    pub fn cadences(&self) -> impl Iterator<Item = &Arc<Cadence>> {
        self.cadences.values()
    }

    pub fn flows(&self) -> impl Iterator<Item = &Arc<Flow>> {
        self.flows.values()
    }

    pub fn scripts(&self) -> impl Iterator<Item = &Arc<Script>> {
        self.scripts.values()
    }

    /// Flows by name, as a call needs them.
    pub const fn flow_map(&self) -> &BTreeMap<String, Arc<Flow>> {
        &self.flows
    }

    /// Scripts by name, as a call needs them.
    pub const fn script_map(&self) -> &BTreeMap<String, Arc<Script>> {
        &self.scripts
    }

    /// Test files without errors, by path.
    pub fn tests(&self) -> &[Arc<TestFile>] {
        &self.tests
    }

    /// Path of the file that holds a definition.
    pub fn path(&self, kind: DefinitionKind, key: &str) -> Option<&str> {
        self.paths.get(&(kind, key.to_owned())).map(String::as_str)
    }

    /// JSON pointers of a cadence's steps, by index.
    pub fn pointers(&self, cadence: &str) -> &[String] {
        self.pointers.get(cadence).map(Vec::as_slice).unwrap_or_default()
    }

    /// Bundles of all cadences.
    pub fn bundles(&self) -> impl Iterator<Item = &Arc<Bundle>> {
        self.bundles.values()
    }

    /// What the diagnostics of this library point into.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Does the file that held this definition still exist in `fresh`, whatever is in it now?
    fn is_still_in(&self, fresh: &Library, kind: DefinitionKind, key: &str) -> bool {
        let path = self.paths.get(&(kind, key.to_owned()));
        path.is_some_and(|path| fresh.sources.text(path).is_some())
    }

    fn add_single_calls(&mut self, workspace: &mut Workspace) {
        let singles: Vec<(String, String)> = self
            .flows
            .keys()
            .map(|flow| {
                let text = format!("cadence: {SINGLE}{flow}\ntitle: One call with {flow}\nsteps:\n  - id: call\n    call: {flow}\n");
                (flow.clone(), text)
            })
            .collect();
        for (flow, text) in singles {
            let key = format!("{SINGLE}{flow}");
            let path = format!("cadences/{key}.yaml");
            // An author's own cadence of that name goes first.
            if !workspace.cadences.contains_key(&key) {
                workspace.add_text(&path, &text);
            }
            if let Some(bundle) = Bundle::assemble(workspace, &key) {
                self.flow_bundles.insert(flow, Arc::new(bundle));
            }
        }
    }
}

/// The library in use. Readers never wait; a reload swaps it as a whole.
#[derive(Debug)]
pub struct LibraryHandle(ArcSwap<Library>);

impl LibraryHandle {
    pub fn new(library: Library) -> Self {
        Self(ArcSwap::from_pointee(library))
    }

    pub fn current(&self) -> Arc<Library> {
        self.0.load_full()
    }

    /// Takes what is sound of `fresh`. A definition whose file now has errors keeps its last good version (DEF-5); one whose
    /// file is gone is gone. Versions pinned by enrollments are not touched: they hold their own bundles.
    pub fn reload(&self, mut fresh: Library) -> Arc<Library> {
        let last = self.current();
        for (key, bundle) in &last.bundles {
            if !fresh.bundles.contains_key(key) && last.is_still_in(&fresh, DefinitionKind::Cadence, key) {
                fresh.cadences.entry(key.clone()).or_insert_with(|| Arc::clone(&bundle.cadence));
                fresh.bundles.insert(key.clone(), Arc::clone(bundle));
            }
        }
        for (key, bundle) in &last.flow_bundles {
            if !fresh.flow_bundles.contains_key(key) && last.is_still_in(&fresh, DefinitionKind::Flow, key) {
                fresh.flow_bundles.insert(key.clone(), Arc::clone(bundle));
            }
        }
        let fresh = Arc::new(fresh);
        self.0.store(Arc::clone(&fresh));
        fresh
    }
}

const MAX_FOLDER_DEPTH: usize = 4;
/// With fewer files than this, starting a thread takes longer than it saves.
const WORTH_A_THREAD: usize = 64;

/// Adds the YAML files of a folder, and of those in it, as (path, text); those before one that cannot be read are added all the
/// same.
pub(super) fn collect(folder: &Path, shown: &str, files: &mut Vec<(String, String)>) -> io::Result<()> {
    let mut found = Vec::new();
    list(folder, shown, &mut found, 0)?;
    let (own, beside) =
        found.split_at(if found.len() < WORTH_A_THREAD { found.len() } else { found.len() / 2 });
    let texts = |found: &[(String, PathBuf)]| -> Vec<io::Result<String>> {
        found.iter().map(|(_, path)| read_text(path)).collect()
    };
    // Of a check of one file among a thousand, asking for the thousand takes longest.
    let texts = std::thread::scope(|scope| {
        let beside = (!beside.is_empty()).then(|| scope.spawn(|| texts(beside)));
        let mut all = texts(own);
        all.extend(beside.into_iter().flat_map(|reader| reader.join().expect("readers do not panic")));
        all
    });
    for ((shown, _), text) in found.into_iter().zip(texts) {
        let text = text.map_err(|error| io::Error::new(error.kind(), format!("{shown}: {error}")))?;
        files.push((shown, text));
    }
    Ok(())
}

/// The YAML files of a folder by the path that is shown and their own.
fn list(folder: &Path, shown: &str, found: &mut Vec<(String, PathBuf)>, depth: usize) -> io::Result<()> {
    if depth > MAX_FOLDER_DEPTH {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{shown}/{name}");
        if name.starts_with('.') {
            continue;
        }
        if entry.file_type()?.is_dir() {
            list(&entry.path(), &path, found, depth + 1)?;
        } else if is_yaml(&entry.path()) {
            found.push((path, entry.path()));
        }
    }
    Ok(())
}

/// The whole text, in as few questions to the system as there may be.
fn read_text(path: &Path) -> io::Result<String> {
    let mut file = fs::File::open(path)?;
    let size = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    let mut bytes = vec![0; size];
    file.read_exact(&mut bytes)?;
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}
