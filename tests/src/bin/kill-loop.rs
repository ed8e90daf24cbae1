//! `kill-loop`: fault scenarios on the shipped command, with figures. Exit code 1 when anything was violated.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use callwright_tests::Backend;
use callwright_tests::faults::figures::{Figures, table};
use callwright_tests::faults::scenario::Scenario;
use callwright_tests::faults::stage::Settings;
use callwright_tests::faults::world;
use clap::{Parser, ValueEnum};

/// Runs fault scenarios on real processes: kills, restarts, full disks, cut networks. Each is compared with the carrier's own
/// books, the event log, and what callers of the API were promised.
#[derive(Debug, Parser)]
#[command(
    name = "kill-loop",
    max_term_width = 110,
    after_help = "Examples:\n  kill-loop kill --database sqlite --times 500\n  kill-loop sigterm rolling --database postgres\n  kill-loop --brief                 every scenario, a little of each\n  kill-loop --list\n\nThe command under test is `callwright` (or `callwright-under-test`) beside this program, or --binary PATH. What the machine\ncannot do is skipped with a note; CALLWRIGHT_REQUIRE_POSTGRES, _STRACE or _ROOT set to 1 makes that an error."
)]
struct Arguments {
    /// Scenarios by name; all of them, when left out.
    scenarios: Vec<Scenario>,
    #[arg(long, value_enum, default_value_t = Databases::Both)]
    /// The database to run on.
    database: Databases,
    /// Faults per scenario and database; each scenario's own number, when left out.
    #[arg(long)]
    times: Option<u32>,
    /// The same seed makes the same callees, callers and moments; the processes' own timing stays their own.
    #[arg(long, default_value_t = 20_260_701)]
    seed: u64,
    /// A few faults each, within seconds.
    #[arg(long)]
    brief: bool,
    /// The command under test.
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    /// How the figures are printed.
    format: Format,
    /// Says what there is, and runs nothing.
    #[arg(long)]
    list: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Databases {
    Sqlite,
    Postgres,
    Both,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
}

impl Databases {
    fn each(self) -> &'static [Backend] {
        match self {
            Self::Sqlite => &[Backend::Sqlite],
            Self::Postgres => &[Backend::Postgres],
            Self::Both => &[Backend::Sqlite, Backend::Postgres],
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    if arguments.list {
        for scenario in Scenario::ALL {
            print(&format!("{:18}{} (×{})", scenario.name(), scenario.about(), scenario.times()));
        }
        return Ok(ExitCode::SUCCESS);
    }
    // Told to stop, everything that was started ends with the values that hold it.
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let runs = tokio::select! {
        runs = run_all(&arguments) => runs?,
        _ = tokio::signal::ctrl_c() => anyhow::bail!("stopped by hand"),
        _ = terminate.recv() => anyhow::bail!("told to stop"),
    };
    match arguments.format {
        Format::Human => print(table(&runs).trim_end()),
        Format::Json => print(&serde_json::to_string_pretty(&runs)?),
    }
    let clean = runs.iter().all(Figures::is_clean);
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn run_all(arguments: &Arguments) -> anyhow::Result<Vec<Figures>> {
    let binary = world::binary(arguments.binary.clone())?;
    let named = !arguments.scenarios.is_empty();
    let scenarios = if named { arguments.scenarios.clone() } else { Scenario::ALL.to_vec() };
    let mut runs = Vec::new();
    for scenario in scenarios {
        for backend in arguments.database.each() {
            if !scenario.runs_on(*backend) {
                continue;
            }
            if let Some(missing) = missing(scenario, *backend)? {
                note(&format!("skipped: {} on {}: {missing}", scenario.name(), backend.name()));
                continue;
            }
            let usual = if arguments.brief { scenario.brief_times() } else { scenario.times() };
            let settings = Settings {
                binary: binary.clone(),
                backend: *backend,
                times: arguments.times.unwrap_or(usual),
                seed: arguments.seed,
                brief: arguments.brief,
                progress: true,
            };
            let run = scenario.run(&settings).await;
            runs.push(run.with_context(|| format!("{} on {}", scenario.name(), backend.name()))?);
        }
    }
    Ok(runs)
}

fn missing(scenario: Scenario, backend: Backend) -> anyhow::Result<Option<&'static str>> {
    for need in scenario.needs(backend) {
        if let Some(missing) = need.check()? {
            return Ok(Some(missing));
        }
    }
    Ok(None)
}

#[expect(clippy::print_stdout, reason = "the figures are what this program is for")]
fn print(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "what is left out is said aloud")]
fn note(text: &str) {
    eprintln!("{text}");
}
