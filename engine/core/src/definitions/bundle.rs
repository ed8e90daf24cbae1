//! A bundle: one cadence with its flows, their scripts and the shared words, under the hash of their content. What an
//! enrollment is pinned to (DEF-4, I13).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::compile::script::COMMON;
use super::diagnostic::{Diagnostic, Place};
use super::model::cadence::{Cadence, StepAction};
use super::model::flow::{Exit, Flow};
use super::model::script::Script;
use super::source::Source;
use super::workspace::Workspace;

/// One immutable version of a cadence and everything it needs.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// SHA-256, hex, of the meaning of all sources: comments, layout and file names do not change it.
    pub hash: String,
    pub cadence: Arc<Cadence>,
    pub flows: BTreeMap<String, Arc<Flow>>,
    /// Scripts of the flows and messages; the words of `common` are already in each of them.
    pub scripts: BTreeMap<String, Arc<Script>>,
    /// Text by path: enough to make the same bundle again.
    pub sources: BTreeMap<String, String>,
}

impl Bundle {
    /// Makes the version again that `sources` were kept of. They were checked when they were published; checks that have
    /// become stricter since must not strand the enrollments pinned to them, so only their shape is read again.
    pub fn from_sources(
        cadence_key: &str,
        sources: &BTreeMap<String, String>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut workspace =
            Workspace::read(sources.iter().map(|(path, text)| (path.as_str(), text.as_str())));
        Self::assemble(&workspace, cadence_key).ok_or_else(|| {
            let mut problems = std::mem::take(&mut workspace.diagnostics);
            problems.retain(Diagnostic::is_error);
            if problems.is_empty() {
                let message = format!("the sources hold no complete cadence `{cadence_key}`");
                problems.push(Diagnostic::error("incomplete", cadence_key, Place::Bytes(0..0), message));
            }
            problems
        })
    }

    /// `None` when the cadence or anything it needs is missing or broken.
    pub(super) fn assemble(workspace: &Workspace, cadence_key: &str) -> Option<Self> {
        let file = workspace
            .cadences
            .get(cadence_key)
            .filter(|file| !workspace.broken.contains(&file.source.path))?;
        let cadence = Arc::clone(&file.model);
        let mut sources = vec![&file.source];
        let mut flows = BTreeMap::new();
        let mut wanted: Vec<String> = cadence.flows().map(str::to_owned).collect();
        while let Some(key) = wanted.pop() {
            if flows.contains_key(&key) {
                continue;
            }
            let file =
                workspace.flows.get(&key).filter(|file| !workspace.broken.contains(&file.source.path))?;
            wanted.extend(sub_flows(&file.model));
            sources.push(&file.source);
            flows.insert(key, Arc::clone(&file.model));
        }
        let mut names: BTreeSet<String> = flows.values().map(|flow| flow.script.clone()).collect();
        names.extend(cadence.steps.iter().filter_map(|step| match &step.action {
            StepAction::Message { script, .. } => Some(script.clone()),
            _ => None,
        }));
        let mut scripts = BTreeMap::new();
        for key in &names {
            let file =
                workspace.scripts.get(key).filter(|file| !workspace.broken.contains(&file.source.path))?;
            sources.push(&file.source);
            scripts.insert(key.clone(), Arc::new(workspace.script_with_common(key)?));
        }
        if let Some(common) =
            workspace.scripts.get(COMMON).filter(|_| !names.contains(COMMON) && !names.is_empty())
        {
            sources.push(&common.source);
        }
        Some(Self {
            hash: hash(&sources),
            cadence,
            flows,
            scripts,
            sources: sources
                .into_iter()
                .map(|source| (source.path.clone(), source.text.to_string()))
                .collect(),
        })
    }
}

fn sub_flows(flow: &Flow) -> Vec<String> {
    let runs = flow.steps.iter().filter_map(|step| match &step.exit {
        Exit::SubFlow { flow, .. } => Some(flow.clone()),
        _ => None,
    });
    runs.collect()
}

/// Hashes what the sources mean. Key order counts, because steps and actions run in the order written.
fn hash(sources: &[&Source]) -> String {
    let mut meanings: Vec<String> =
        sources.iter().map(|source| source.root().to_json().to_string()).collect();
    meanings.sort();
    let mut hash = Sha256::new();
    for meaning in meanings {
        hash.update((meaning.len() as u64).to_be_bytes());
        hash.update(meaning);
    }
    hex::encode(hash.finalize())
}
