//! A cadence over a population: one version, or two of them over the same people.

use std::path::Path;

use anyhow::Context as _;
use callwright_engine::definitions::library::Library;

use super::population::Source;
use super::version::Version;
use super::{SimulateArgs, json, report, rows, text};
use crate::cli::output::{self, Format};
use crate::cli::{Global, definitions};

/// What `--against` says for the changes named on the command line.
const WHAT_IF: &str = "what-if";

pub async fn run(args: &SimulateArgs, global: &Global, library: Library) -> anyhow::Result<()> {
    let cadence = args.cadence.as_deref().context("name a cadence")?;
    super::cadence_exists(&library, cadence)?;
    let [first, second] = versions(args, library, cadence)?;
    let source = Source::read(args, global).await?;
    let mut versions = Vec::new();
    for (label, library) in [first, second].into_iter().flatten() {
        let is_first = versions.is_empty();
        versions.push(Version::run(args, &source, library, label, is_first).await?);
    }
    let (base, other) = (&versions[0], versions.get(1));
    let value = json::of(args, &source, base, other);
    match args.format {
        Format::Json => output::print(&value.to_string()),
        Format::Human => output::print(&text::of(base, other)),
    }
    write(args.json.as_deref(), || Ok(serde_json::to_string_pretty(&value)? + "\n"))?;
    write(args.csv.as_deref(), || rows::of(base, other))?;
    write(args.report.as_deref(), || report::page(args, &source, base, other))
}

type Labelled = Option<(String, Library)>;

/// The libraries to run, with their labels.
fn versions(args: &SimulateArgs, library: Library, cadence: &str) -> anyhow::Result<[Labelled; 2]> {
    let changes = args.what_if.changes();
    let own = match args.definitions.folder() {
        None => "as shipped".to_owned(),
        Some(folder) if folder == Path::new(".") => "this folder".to_owned(),
        Some(folder) => folder.display().to_string(),
    };
    let changed = |library: &Library| -> anyhow::Result<Library> {
        if changes.is_empty() { Ok(library.clone()) } else { Ok(changes.applied(library, cadence)?) }
    };
    let with_changes = |label: String| match changes.describe() {
        words if words.is_empty() => label,
        words => format!("{label}, {words}"),
    };
    match args.against.as_deref() {
        None => Ok([Some((with_changes(own), changed(&library)?)), None]),
        Some(WHAT_IF) => {
            anyhow::ensure!(
                !changes.is_empty(),
                "--against what-if needs a change: --hours, --weekdays, --per-day, --per-week, --total or --gap"
            );
            let other = (changes.describe(), changed(&library)?);
            Ok([Some((own, library)), Some(other)])
        }
        Some(folder) => {
            let other = definitions::load(Some(Path::new(folder)))?;
            super::cadence_exists(&other, cadence).with_context(|| folder.to_owned())?;
            let other = (with_changes(folder.to_owned()), changed(&other)?);
            Ok([Some((with_changes(own), changed(&library)?)), Some(other)])
        }
    }
}

fn write(path: Option<&Path>, text: impl FnOnce() -> anyhow::Result<String>) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    std::fs::write(path, text()?).with_context(|| path.display().to_string())?;
    output::note(&format!("written to {}", path.display()));
    Ok(())
}
