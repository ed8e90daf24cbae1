//! Publishing definitions from the command line: what differs, what would happen, doing it, taking it back, what there was.

pub mod apply;
pub mod diff;
pub mod history;
pub mod plan;
pub mod withdraw;

use std::sync::Arc;

use callwright_engine::definitions::library::Library;
use callwright_engine::domain::publication::{MapTo, Mode, StepMap};
use callwright_engine::engine::Engine;
use callwright_engine::engine::publish::PublicationView;
use clap::ValueEnum;

use super::definitions::{self, DefinitionsArgs};
use super::{Global, session};

/// What becomes of the people under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ModeArg {
    /// They keep the version they have.
    Pin,
    /// They go on in the new version; from a removed step to the next one that is left.
    Follow,
    /// Like follow, with --map for every removed step that holds people.
    Migrate,
}

impl From<ModeArg> for Mode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::Pin => Self::Pin,
            ModeArg::Follow => Self::Follow,
            ModeArg::Migrate => Self::Migrate,
        }
    }
}

/// `OLD=NEW`.
fn pair(text: &str) -> Result<(String, MapTo), String> {
    match text.split_once('=') {
        Some((old, new)) if !old.is_empty() && !new.is_empty() => Ok((old.to_owned(), MapTo::new(new))),
        _ => Err("write OLD=NEW, or OLD=end for out".to_owned()),
    }
}

fn step_map(pairs: &[(String, MapTo)]) -> StepMap {
    pairs.iter().cloned().collect()
}

/// An engine with definitions that have no errors: half of them must not be published.
async fn engine(definitions: &DefinitionsArgs, global: &Global) -> anyhow::Result<Arc<Engine>> {
    let library: Library = definitions::load(definitions.folder().as_deref())?;
    Ok(session::engine(session::database(global).await?, library))
}

/// People moved in a transaction.
const BATCH: u32 = 500;

/// Moves everybody who can be moved now; answers how far it came, and who is left.
async fn move_people(engine: &Engine, of: &PublicationView) -> anyhow::Result<(PublicationView, u64)> {
    loop {
        let report = engine.move_enrollments(BATCH).await?;
        if !report.has_more() {
            return Ok((engine.publication(of.publication_id).await?, report.left));
        }
    }
}

/// What was done, in a few lines.
fn told(of: &PublicationView, left: u64) -> String {
    let version = of.version.as_deref().map_or("no version", short);
    let mut lines = vec![format!("{}: new enrollments get {version}", of.cadence_id)];
    if of.mode == Mode::Pin {
        lines.push("people under way keep the version they have".to_owned());
    } else {
        lines.push(format!("{} people moved, {} ended", of.moved, of.ended));
    }
    if of.at_once > 0 {
        lines.push(format!("{} of them become due one after another, {} a minute", of.at_once, of.rate));
    }
    if left > 0 {
        lines.push(format!(
            "{left} are in a call: `callwright serve` or `callwright worker` moves them when it has settled"
        ));
    }
    lines.join("\n")
}

/// A hash as people read it.
fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
