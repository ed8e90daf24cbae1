//! `callwright test`: plays the tests of the definitions.

mod mutations;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use callwright_engine::definitions::diagnostic::Diagnostic;
use callwright_engine::definitions::library::Library;
use callwright_engine::definitions::render;
use callwright_engine::testing;
use clap::{Args, ValueEnum};

use super::{check, definitions, output};

/// Plays the tests beside the definitions (`*.test.yaml`): conversations and cadences, in virtual time, without calling anybody.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright test\n  callwright test my-outreach --min-coverage 100\n  callwright test flows/price-drop.test.yaml --case refund --verbose\n  callwright test --watch\n  callwright test --mutate --min-score 95\n  callwright test --format github\n\nThe format of a test: callwright schema test\nExit code 1 when a case fails, a definition has errors, or coverage is below the minimum."
)]
pub struct TestArgs {
    /// A folder with `flows/` and `cadences/`, or test files; this folder when left out.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Only cases whose names contain this.
    #[arg(long = "case", value_name = "TEXT")]
    case: Option<String>,
    /// Fail when the cases go through fewer steps, or fewer outcomes, than this many per cent.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    min_coverage: Option<u8>,
    /// Name every case, and every line that no case goes through.
    #[arg(long, short)]
    verbose: bool,
    /// Take out every line of the flows and cadences, one at a time, and name those whose loss neither `check` nor a test
    /// notices.
    #[arg(long, conflicts_with_all = ["watch", "case"])]
    mutate: bool,
    /// With --mutate: fail when fewer lines than this many per cent are noticed.
    #[arg(long, value_name = "PERCENT", requires = "mutate", value_parser = clap::value_parser!(u8).range(0..=100))]
    min_score: Option<u8>,
    /// Run again whenever a file changes, until interrupted.
    #[arg(long)]
    watch: bool,
    /// How results are written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
    /// Annotations on pull requests.
    Github,
}

pub async fn run(args: &TestArgs) -> anyhow::Result<ExitCode> {
    if args.mutate {
        return mutations::run(args);
    }
    if !args.watch {
        return once(args);
    }
    let mut seen = None;
    loop {
        let now = fingerprint(args)?;
        if seen.as_ref() != Some(&now) {
            once(args)?;
            output::note("waiting for changes; stop with Ctrl-C");
            seen = Some(now);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

fn fingerprint(args: &TestArgs) -> anyhow::Result<Vec<definitions::Fingerprint>> {
    let (folders, _) = folders_and_files(args);
    let (flows, cadences) = check::folders(&folders)?;
    Ok(definitions::fingerprint_of([flows, cadences]))
}

/// Folders as given; a test file stands for the folder it is in.
fn folders_and_files(args: &TestArgs) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let (files, mut folders): (Vec<PathBuf>, Vec<PathBuf>) =
        args.paths.iter().cloned().partition(|path| path.is_file());
    for file in &files {
        let root = file
            .ancestors()
            .skip(1)
            .find(|folder| folder.file_name().is_some_and(|name| name == "flows" || name == "cadences"));
        folders.extend(root.map(PathBuf::from));
    }
    folders.dedup();
    (folders, files)
}

fn once(args: &TestArgs) -> anyhow::Result<ExitCode> {
    let started = std::time::Instant::now();
    let (folders, files) = folders_and_files(args);
    let (flows, cadences) = check::folders(&folders)?;
    let (library, problems) = Library::load(&flows, &cadences);
    let errors: Vec<_> = problems.into_iter().filter(Diagnostic::is_error).collect();
    let only: Vec<String> =
        files.iter().filter_map(|file| Some(file.file_name()?.to_string_lossy().into_owned())).collect();
    let is_wanted =
        |path: &str| only.is_empty() || only.iter().any(|name| path.ends_with(&format!("/{name}")));
    let report = testing::run(&library, |file, case| {
        is_wanted(&file.path) && args.case.as_deref().is_none_or(|part| case.contains(part))
    });
    anyhow::ensure!(
        !report.files.is_empty() || !errors.is_empty(),
        "no test case was found; write one into flows/NAME.test.yaml (callwright init shows how)"
    );
    let figures = report.coverage.figures(&library);
    let is_partial = args.case.is_some() || !only.is_empty();
    let outcome = report::Outcome::new(&report, &figures, if is_partial { None } else { args.min_coverage });
    match args.format {
        Format::Human => {
            if !errors.is_empty() {
                output::print_raw(&render::terminal(&errors, library.sources(), output::colour()));
            }
            let seconds = started.elapsed().as_secs_f64();
            output::print_raw(&report::human(&report, &figures, &outcome, args.verbose, is_partial, seconds));
        }
        Format::Json => {
            let mut json = report::json(&report, &figures, &outcome);
            json["problems"] = render::json(&errors, library.sources());
            output::print_json(&json)?;
        }
        Format::Github => {
            output::print_raw(&render::github(&errors, library.sources()));
            output::print_raw(&report::github(&report, &figures, &outcome));
        }
    }
    Ok(if errors.is_empty() && outcome.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
