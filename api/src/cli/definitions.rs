//! Which definitions a command works with, and picking up changed files while a server runs (DEF-5).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use callwright_engine::definitions::diagnostic::Diagnostic;
use callwright_engine::definitions::library::Library;
use callwright_engine::definitions::render;
use callwright_engine::engine::Engine;
use callwright_engine::metrics::Resulted;
use clap::Args;
use tokio_util::sync::CancellationToken;

use super::output;
use crate::http::state::FileProblems;

/// Where flows and cadences are.
#[derive(Debug, Clone, Args)]
pub struct DefinitionsArgs {
    /// Folder that holds `flows/` and `cadences/`. Otherwise this folder, if it does; otherwise the shipped ones.
    #[arg(long, value_name = "DIR", env = "CALLWRIGHT_DEFINITIONS")]
    pub definitions: Option<PathBuf>,
}

impl DefinitionsArgs {
    /// The folder to read; `None`: the shipped definitions.
    pub fn folder(&self) -> Option<PathBuf> {
        let here = || Path::new("flows").is_dir() && Path::new("cadences").is_dir();
        self.definitions.clone().or_else(|| here().then(|| PathBuf::from(".")))
    }

    /// Takes note of what the files hold, so that enrollments can be pinned to it. Without a folder the shipped definitions
    /// fill gaps only: a process that was not told where the files are must not publish over those of the others.
    pub async fn offer(&self, engine: &Engine) -> anyhow::Result<()> {
        match self.folder() {
            Some(_) => engine.publish().await?,
            None => engine.publish_missing().await?,
        };
        Ok(())
    }

    /// Loads them; problems go to standard error, and what is sound is used. A folder without anything usable is an error.
    pub fn load(&self) -> anyhow::Result<Library> {
        let Some(folder) = self.folder() else { return Ok(Library::embedded()) };
        let (library, problems) = read(&folder);
        if !problems.is_empty() {
            output::note(&render::terminal(&problems, library.sources(), false));
        }
        anyhow::ensure!(library.flows().next().is_some(), "{} holds no usable definitions", folder.display());
        Ok(library)
    }
}

/// The library of a folder, or the shipped one, for commands that must not go on with half of it.
pub fn load(folder: Option<&Path>) -> anyhow::Result<Library> {
    let Some(folder) = folder else { return Ok(Library::embedded()) };
    let (library, problems) = read(folder);
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    anyhow::ensure!(
        errors == 0,
        "{errors} errors in {0}: `callwright check {0}` explains them",
        folder.display()
    );
    Ok(library)
}

/// Reads a folder with `flows/` and `cadences/`.
pub fn read(folder: &Path) -> (Library, Vec<Diagnostic>) {
    Library::load(&folder.join("flows"), &folder.join("cadences"))
}

/// How often files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Reloads changed files until cancelled: new enrollments get the new versions; a file with errors keeps its last good one.
/// `known` is told what is wrong with them, from the start.
pub async fn follow(
    engine: Arc<Engine>,
    folder: PathBuf,
    known: Arc<FileProblems>,
    cancel: CancellationToken,
) {
    let mut seen = fingerprint(&folder);
    let (library, problems) = read(&folder);
    known.set(render::json(&problems, library.sources()));
    count_errors(&engine, &problems);
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = cancel.cancelled() => return,
        }
        let now = fingerprint(&folder);
        if now == seen {
            continue;
        }
        seen = now;
        let (library, problems) = read(&folder);
        for problem in &problems {
            tracing::error!(
                file = problem.file,
                code = problem.code,
                "definition not loaded: {}",
                problem.message
            );
        }
        known.set(render::json(&problems, library.sources()));
        count_errors(&engine, &problems);
        engine.library.reload(library);
        let result = match engine.publish().await {
            Ok(_) => {
                tracing::info!(problems = problems.len(), "definitions reloaded");
                if problems.iter().any(Diagnostic::is_error) { "with_errors" } else { "loaded" }
            }
            Err(error) => {
                tracing::error!(%error, "new definitions could not be published");
                "not_published"
            }
        };
        engine.metrics.definition_reloads.get_or_create(&Resulted { result }).inc();
    }
}

fn count_errors(engine: &Engine, problems: &[Diagnostic]) {
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    engine.metrics.definition_errors.set(errors as i64);
}

/// Path, size and time of a file: cheap, and different after any save.
pub type Fingerprint = (PathBuf, u64, Option<SystemTime>);

fn fingerprint(folder: &Path) -> Vec<Fingerprint> {
    fingerprint_of([folder.join("flows"), folder.join("cadences")])
}

/// Fingerprints of every file in the folders, sorted.
pub fn fingerprint_of(folders: [PathBuf; 2]) -> Vec<Fingerprint> {
    let mut found = Vec::new();
    let mut folders: Vec<(PathBuf, usize)> = folders.into_iter().map(|folder| (folder, 0)).collect();
    while let Some((folder, depth)) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (path, Ok(meta)) = (entry.path(), entry.metadata()) else { continue };
            if meta.is_dir() && depth < 4 {
                folders.push((path, depth + 1));
            } else if meta.is_file() {
                found.push((path, meta.len(), meta.modified().ok()));
            }
        }
    }
    found.sort();
    found
}
