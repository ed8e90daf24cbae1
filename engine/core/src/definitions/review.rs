//! A review: the problems of a set of files and nothing else. What `check` and editors need, without the bundles of a library.

use std::collections::BTreeSet;
use std::path::Path;

use super::check;
use super::diagnostic::{Diagnostic, Place};
use super::library::collect;
use super::neighbours::Neighbours;
use super::render::Sources;
use super::schema::DefinitionKind;
use super::schema_errors;
use super::workspace::Workspace;
use crate::rules::Rules;

/// What was found.
#[derive(Debug, Default)]
pub struct Review {
    /// By file and place.
    pub diagnostics: Vec<Diagnostic>,
    /// What the diagnostics point into.
    pub sources: Sources,
    counts: [usize; 4],
}

impl Review {
    /// Checks everything.
    pub fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self::under(Rules::embedded(), files, None)
    }

    /// Checks one file against all others, and reports only its own problems. Of the others only those are read that it can
    /// have to do with.
    pub fn of_file<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>, path: &str) -> Self {
        Self::under(Rules::embedded(), files, Some(path))
    }

    /// The same by the law of `rules`; `only` one file, or all.
    pub fn under<'a>(
        rules: &Rules,
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
        only: Option<&str>,
    ) -> Self {
        let files = files.into_iter().collect();
        match only {
            Some(path) => Self::wanted(rules, Neighbours::of(files, path), |each| each == path),
            None => Self::wanted(rules, Neighbours::all(files), |_| true),
        }
    }

    fn wanted(rules: &Rules, neighbours: Neighbours<'_>, wanted: impl Fn(&str) -> bool) -> Self {
        let mut workspace = Workspace::read(neighbours.read);
        let mut unread_tests = 0;
        for (kind, key, path) in neighbours.exist {
            if kind == DefinitionKind::Test {
                unread_tests += 1;
            } else {
                workspace.declared.entry((kind, key.to_owned())).or_insert_with(|| path.to_owned());
            }
        }
        check::run_on(&mut workspace, rules, &wanted);
        let mut diagnostics = std::mem::take(&mut workspace.diagnostics);
        diagnostics.retain(|each| wanted(&each.file));
        workspace.sources.sort(&mut diagnostics);
        let [flows, scripts, cadences] =
            [DefinitionKind::Flow, DefinitionKind::Script, DefinitionKind::Cadence]
                .map(|kind| workspace.keys(kind).collect::<BTreeSet<_>>().len());
        let counts = [flows, scripts, cadences, workspace.tests.len() + unread_tests];
        Self { diagnostics, sources: workspace.sources, counts }
    }

    /// How many definitions of a kind the files declare.
    pub fn count(&self, kind: DefinitionKind) -> usize {
        match kind {
            DefinitionKind::Flow => self.counts[0],
            DefinitionKind::Script => self.counts[1],
            DefinitionKind::Cadence => self.counts[2],
            DefinitionKind::Test => self.counts[3],
        }
    }
}

/// Makes what the shapes of files are judged by. Worth a thread of its own while files are being read, and so is
/// [`prepare_words`]: no file changes either.
pub fn prepare_shapes() {
    for kind in [DefinitionKind::Flow, DefinitionKind::Cadence, DefinitionKind::Script] {
        schema_errors::prepare(kind);
    }
}

/// Makes the shared words, then the calling rules.
pub fn prepare_words() {
    Workspace::prepare();
    Rules::embedded();
}

/// Reads the definitions of two folders as (path, text); a folder that cannot be read is a diagnostic.
pub fn read_folders(flows: &Path, cadences: &Path) -> (Vec<(String, String)>, Vec<Diagnostic>) {
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for folder in [flows, cadences] {
        let shown =
            folder.file_name().map_or_else(|| folder.to_string_lossy(), |name| name.to_string_lossy());
        if let Err(error) = collect(folder, &shown, &mut files) {
            let message = format!("the folder {} cannot be read: {error}", folder.display());
            problems.push(Diagnostic::error("unreadable", &shown, Place::Bytes(0..0), message));
        }
    }
    files.sort();
    (files, problems)
}
