//! `callwright check`: every problem of the definitions at once.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use callwright_engine::definitions::diagnostic::Diagnostic;
use callwright_engine::definitions::library::Library;
use callwright_engine::definitions::render;
use clap::{Args, ValueEnum};

use super::output;

/// Checks flows, scripts and cadences, and reports all problems at once.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright check\n  callwright check my-outreach\n  callwright check flows cadences --format github\n\nExit code 1 when there is an error."
)]
pub struct CheckArgs {
    /// A folder with `flows/` and `cadences/`, or those folders themselves; this folder when left out.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// How problems are written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Warnings fail the check too.
    #[arg(long)]
    strict: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
    /// Annotations on pull requests.
    Github,
}

pub fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let (flows, cadences) = folders(&args.paths)?;
    let (library, problems) = Library::load(&flows, &cadences);
    match args.format {
        Format::Human => human(&library, &problems),
        Format::Json => output::print_json(&render::json(&problems, library.sources()))?,
        Format::Github => output::print_raw(&render::github(&problems, library.sources())),
    }
    let fails = problems.iter().any(|problem| args.strict || problem.is_error());
    Ok(if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The two folders that the paths mean.
pub(super) fn folders(paths: &[PathBuf]) -> anyhow::Result<(PathBuf, PathBuf)> {
    let here = PathBuf::from(".");
    let (mut flows, mut cadences) = (None, None);
    for path in if paths.is_empty() { std::slice::from_ref(&here) } else { paths } {
        let holds = |name: &str| path.join(name).is_dir();
        let is = |name: &str| path.file_name().is_some_and(|last| last == name);
        match () {
            () if is("flows") => flows = Some(path.clone()),
            () if is("cadences") => cadences = Some(path.clone()),
            () if holds("flows") || holds("cadences") => {
                flows = Some(path.join("flows"));
                cadences = Some(path.join("cadences"));
            }
            () => anyhow::bail!(
                "{} holds neither `flows/` nor `cadences/`; `callwright init` makes them",
                path.display()
            ),
        }
    }
    // One of the two alone is checked against its neighbour.
    let beside = |known: &Option<PathBuf>, name: &str| {
        known.as_deref().and_then(Path::parent).map(|parent| parent.join(name))
    };
    let flows_found = flows.clone().or_else(|| beside(&cadences, "flows"));
    let cadences_found = cadences.or_else(|| beside(&flows, "cadences"));
    flows_found.zip(cadences_found).ok_or_else(|| anyhow::anyhow!("name the folders `flows` and `cadences`"))
}

fn human(library: &Library, problems: &[Diagnostic]) {
    if problems.is_empty() {
        let count =
            |number: usize, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
        let flows = count(library.flows().count(), "flow");
        let scripts = count(library.scripts().count(), "script");
        let cadences = count(library.cadences().count(), "cadence");
        output::print(&format!("{flows}, {scripts} and {cadences}: no problems"));
    } else {
        output::print_raw(&render::terminal(problems, library.sources(), output::colour()));
    }
}
