//! `callwright diff`: what differs between two versions, step by step and text by text.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use callwright_engine::definitions::diff::{Change, diff};
use callwright_engine::definitions::library::Bundle;
use callwright_engine::engine::Engine;
use clap::Args;
use serde_json::json;

use super::super::definitions::DefinitionsArgs;
use super::super::output::{self, Format};
use super::super::{Global, session};

/// Shows what differs between the files and what is published, or between two versions.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright diff\n  callwright diff new-lead --definitions my-outreach\n  callwright diff new-lead --from 3f2a91c0 --to published --format json\n\nComments, layout, the order of keys and the names of files make no difference."
)]
pub struct DiffArgs {
    /// One cadence with its flows and scripts; all of the files' cadences, when left out.
    cadence: Option<String>,
    /// The older side: a version's hash, `published` (what new enrollments get) or `files`.
    #[arg(long, value_name = "VERSION", default_value = PUBLISHED)]
    from: String,
    /// The newer side, in the same words.
    #[arg(long, value_name = "VERSION", default_value = FILES)]
    to: String,
    #[command(flatten)]
    definitions: DefinitionsArgs,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

const PUBLISHED: &str = "published";
const FILES: &str = "files";

pub async fn run(args: DiffArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let engine = match (args.from.as_str(), args.to.as_str(), &args.cadence) {
        (FILES, ..) | (_, FILES, _) | (.., None) => super::engine(&args.definitions, global).await?,
        _ => session::open(global).await?,
    };
    let cadences: Vec<String> = match &args.cadence {
        Some(cadence) => vec![cadence.clone()],
        None => engine.library.current().bundles().map(|bundle| bundle.cadence.key.clone()).collect(),
    };
    let mut found: BTreeMap<String, Option<Vec<Change>>> = BTreeMap::new();
    for cadence in cadences {
        let to = side(&engine, &cadence, &args.to).await?;
        let to = to.ok_or_else(|| anyhow::anyhow!("cadence `{cadence}` has no published version"))?;
        let from = side(&engine, &cadence, &args.from).await?;
        found.insert(cadence, from.map(|from| diff(&from, &to)));
    }
    match args.format {
        Format::Human => human(&found),
        Format::Json => output::print_json(&json!(found))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// One side; `None`: nothing is published yet.
async fn side(engine: &Engine, cadence: &str, named: &str) -> anyhow::Result<Option<Arc<Bundle>>> {
    match named {
        FILES => match engine.library.current().bundle(cadence) {
            Some(bundle) => Ok(Some(bundle)),
            None => anyhow::bail!("the files have no cadence `{cadence}`"),
        },
        PUBLISHED => Ok(engine.head_bundle(cadence).await?),
        hash => Ok(Some(engine.published_bundle(cadence, hash).await?)),
    }
}

fn human(found: &BTreeMap<String, Option<Vec<Change>>>) {
    for (cadence, changes) in found {
        match changes {
            None => output::print(&format!("{cadence}: not published yet")),
            Some(changes) if changes.is_empty() => output::print(&format!("{cadence}: no difference")),
            Some(changes) => {
                output::print(&format!("{cadence}:"));
                for change in changes {
                    output::print(&format!("  {change}"));
                }
            }
        }
    }
}
