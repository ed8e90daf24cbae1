//! Problems as they arise: sent for every file whose list changed, and for the one that was edited.

use std::collections::{BTreeMap, BTreeSet};

use callwright_engine::definitions::diagnostic::Level;
use callwright_engine::definitions::editor::project::Problem;
use gen_lsp_types::{Code, Diagnostic, DiagnosticSeverity, Message, PublishDiagnosticsParams, Uri};

use super::folders::Folders;
use super::position::Lines;

/// What clients have been told.
#[derive(Debug, Default)]
pub struct Published {
    lists: BTreeMap<String, Vec<Diagnostic>>,
    /// Addresses whose list is sent in any case: somebody waits for it.
    awaited: BTreeSet<String>,
}

impl Published {
    pub fn await_for(&mut self, uri: &Uri) {
        self.awaited.insert(uri.0.clone());
    }

    /// What there is to tell now. Needs refreshed projects.
    pub fn news(&mut self, folders: &Folders) -> Vec<PublishDiagnosticsParams> {
        let mut current = lists(folders);
        // A file that is gone has no problems any more.
        for uri in self.lists.keys().chain(&self.awaited) {
            current.entry(uri.clone()).or_default();
        }
        let mut news = Vec::new();
        for (uri, diagnostics) in current {
            let told = self.lists.get(&uri).map_or(&[][..], Vec::as_slice);
            if diagnostics != told || self.awaited.contains(&uri) {
                let version = folders.open.get(&uri).map(|open| open.version);
                news.push(PublishDiagnosticsParams {
                    uri: Uri(uri.clone()),
                    version,
                    diagnostics: diagnostics.clone(),
                });
            }
            if diagnostics.is_empty() {
                self.lists.remove(&uri);
            } else {
                self.lists.insert(uri, diagnostics);
            }
        }
        self.awaited.clear();
        news
    }
}

fn lists(folders: &Folders) -> BTreeMap<String, Vec<Diagnostic>> {
    let mut lists = BTreeMap::new();
    for (root, project) in &folders.projects {
        for (path, problems) in project.problems().iter().filter(|(_, problems)| !problems.is_empty()) {
            let (Some(uri), Some(text)) = (folders.uri(root, path), project.text(path)) else { continue };
            let lines = Lines::new(text, folders.unit);
            lists.insert(uri.0, problems.iter().map(|problem| diagnostic(problem, &lines)).collect());
        }
    }
    lists
}

/// One problem as the protocol says it.
pub fn diagnostic(problem: &Problem, lines: &Lines<'_>) -> Diagnostic {
    let found = &problem.diagnostic;
    let help = found.help.as_deref().map_or_else(String::new, |help| format!("\nhelp: {help}"));
    Diagnostic {
        range: lines.range(&problem.span),
        severity: Some(match found.level {
            Level::Error => DiagnosticSeverity::Error,
            Level::Warning => DiagnosticSeverity::Warning,
        }),
        code: Some(Code::String(found.code.to_owned())),
        source: Some("callwright".to_owned()),
        message: Message::String(format!("{}{help}", found.message)),
        ..Diagnostic::default()
    }
}
