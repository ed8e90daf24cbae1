//! `callwright bench`: the product measured against its goals, each figure beside its limit taken in the same run on the same
//! database. One file per scenario; none of them leaves work out: gates, events, decisions and fsync are on.

mod api;
mod backlog;
mod beside;
mod calls;
mod capacity;
mod check;
mod child;
mod crowd;
mod enroll;
mod figure;
mod gates;
mod latency;
mod load;
mod memory;
mod place;
mod simulate;
mod start;
mod steps;
mod suppression;
mod triggers;
mod workers;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use self::figure::{Figure, HEADING};
use self::place::Target;
use super::output::{self, Format};
use super::running::stop_signal;

/// Measures the product beside the limit of hand-written SQL and beside its goals. Figures are medians; ratios are what to quote.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright bench --quick\n  callwright bench steps calls --runs 5 --format json\n  callwright bench calls api workers --on postgres://bench@127.0.0.1/bench\n  callwright bench backlog --waiting 10000000\n  callwright bench suppression --numbers 5000000\n  callwright bench simulate --replay bank-telemarketing.csv\n\nThe database is a new file in the current folder unless --on names one, which must hold no real leads and is emptied.\nWithout --quick everything takes about half an hour and 2 GB of disk; a million waiting take a minute to write.\nExit code 1 when a scenario cannot be measured; a missed goal is no error."
)]
pub struct BenchArgs {
    /// What to measure; everything by default.
    #[arg(value_enum)]
    scenarios: Vec<Scenario>,
    /// Database to measure on, repeatable: `postgres://…` of an empty database, or `sqlite:FILE`.
    #[arg(long = "on", visible_alias = "database", value_name = "URL")]
    databases: Vec<String>,
    /// Leads per run. [default: 10000; 1000000 for `enroll`, `triggers`, `beside` and the population of `simulate`]
    #[arg(long, value_parser = clap::value_parser!(u64).range(10..=10_000_000))]
    leads: Option<u64>,
    /// Enrollments that wait for later in `backlog`, `memory` and `start`. [default: 1000000]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    waiting: Option<u64>,
    /// Suppressed numbers in `suppression`. [default: 5000000]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1_000..=50_000_000))]
    numbers: Option<u64>,
    /// Runs per figure; the median is shown. [default: 5; 1 with --quick]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: Option<u32>,
    /// Requests per second of `api`, and of `beside` up to its hundred.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// Seconds that `api` and `beside` send them for. [default: 10; 1 with --quick]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: Option<u32>,
    /// Also replay this recorded campaign (contact, attempts, duration_s, subscribed) in `simulate`.
    #[arg(long, value_name = "FILE.csv")]
    replay: Option<PathBuf>,
    /// Small sizes and single runs: shows that everything works, in about a minute; no figure to quote.
    #[arg(long)]
    quick: bool,
    /// How the result is written: one line or one JSON object per figure.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Be one of the workers of `workers`, on this database.
    #[arg(long, hide = true, value_name = "URL")]
    as_worker: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// Cadence steps per second: three timed steps per lead, gates evaluated, decisions kept, one event per step.
    Steps,
    /// Complete calls per second: plan, claim with durable intent, place at the in-process carrier, callbacks, outcome, advance.
    Calls,
    /// Enrollments started per second, beside INSERT … SELECT.
    Enroll,
    /// People per second whom a price drop is spread over, beside INSERT … SELECT; memory meanwhile.
    Triggers,
    /// What a server's API and its other calls notice of a price drop that is being spread, beside the same on the idle server.
    Beside,
    /// `steps` with a million others waiting, and what a round costs that finds nothing to do.
    Backlog,
    /// From due to asked on an idle system, through the real dial loop; timers of one second.
    Latency,
    /// Memory of a worker process with a million enrollments waiting.
    Memory,
    /// Complete calls per second in memory; a recorded campaign (--replay); a population over thirty virtual days.
    Simulate,
    /// In memory, per lead: all gates; a text of a script rendered; a call's package.
    Gates,
    /// Latency of API reads and durable writes under load while calls go on, beside a handler that does nothing.
    Api,
    /// `check` of a thousand definition files, and of one file among them.
    Check,
    /// From the start of `serve` on a database with a million leads to its first answer.
    Start,
    /// Complete calls per second of one, two and four worker processes on one PostgreSQL.
    Workers,
    /// Virtual time: workers that die share one calls-per-second limit; the backlog of an outage drains.
    Capacity,
    /// Five million suppressed numbers: their import as a registry's list, its memory, and what gates then ask per lead.
    Suppression,
}

impl Scenario {
    /// Does the figure depend on the database?
    const fn has_database(self) -> bool {
        !matches!(self, Self::Simulate | Self::Gates | Self::Check | Self::Capacity)
    }
}

/// Sizes of a run.
#[derive(Debug, Clone)]
struct Sizes {
    leads: u64,
    /// Leads of `enroll`, buyers of `triggers` and `beside`.
    enrolled: u64,
    waiting: u64,
    /// Numbers of the registry in `suppression`.
    numbers: u64,
    /// Leads of the population in `simulate`.
    simulated: u64,
    runs: u32,
    rate: u32,
    seconds: u32,
    replay: Option<PathBuf>,
    quick: bool,
}

impl Sizes {
    fn of(args: &BenchArgs) -> Self {
        let size = |given: Option<u64>, full: u64, quick: u64| {
            given.unwrap_or(if args.quick { quick } else { full })
        };
        Self {
            leads: size(args.leads, 10_000, 200),
            enrolled: size(args.leads, 1_000_000, 2_000),
            waiting: size(args.waiting, 1_000_000, 2_000),
            numbers: size(args.numbers, 5_000_000, 20_000),
            simulated: size(args.leads, 1_000_000, 30),
            runs: args.runs.unwrap_or(if args.quick { 1 } else { 5 }),
            rate: if args.quick { args.rate.min(100) } else { args.rate },
            seconds: args.seconds.unwrap_or(if args.quick { 1 } else { 10 }),
            replay: args.replay.clone(),
            quick: args.quick,
        }
    }
}

/// Rows per transaction, for the engine and the limit alike.
const BATCH: u32 = 500;

pub async fn run(args: BenchArgs) -> anyhow::Result<ExitCode> {
    if let Some(url) = &args.as_worker {
        return workers::work(url).await.map(|()| ExitCode::SUCCESS);
    }
    let targets: Vec<Target> = match args.databases.as_slice() {
        [] => vec![Target::NewFile],
        urls => urls.iter().cloned().map(Target::Url).collect(),
    };
    let told_to_stop = stop_signal();
    let done = tokio::select! {
        done = measure_all(&args, &targets) => done.map(|()| ExitCode::SUCCESS),
        () = told_to_stop.cancelled() => {
            output::note("stopped; nothing is left behind");
            Ok(ExitCode::FAILURE)
        }
    };
    if !matches!(done, Ok(code) if code == ExitCode::SUCCESS) {
        for target in &targets {
            target.clear().await?;
        }
    }
    done
}

async fn measure_all(args: &BenchArgs, targets: &[Target]) -> anyhow::Result<()> {
    let scenarios = match args.scenarios.as_slice() {
        [] => Scenario::value_variants(),
        some => some,
    };
    let sizes = Sizes::of(args);
    if args.format == Format::Human {
        output::print(HEADING);
    }
    for scenario in scenarios {
        let count = if scenario.has_database() { targets.len() } else { 1 };
        for target in &targets[..count] {
            for figure in measure(*scenario, target, &sizes).await? {
                match args.format {
                    Format::Human => output::print(&figure.to_line()),
                    Format::Json => output::print(&figure.to_json().to_string()),
                }
            }
        }
    }
    Ok(())
}

async fn measure(scenario: Scenario, target: &Target, sizes: &Sizes) -> anyhow::Result<Vec<Figure>> {
    match scenario {
        Scenario::Steps => steps::measure(target, sizes).await,
        Scenario::Calls => calls::measure(target, sizes).await,
        Scenario::Enroll => enroll::measure(target, sizes).await,
        Scenario::Triggers => triggers::measure(target, sizes).await,
        Scenario::Beside => beside::measure(target, sizes).await,
        Scenario::Backlog => backlog::measure(target, sizes).await,
        Scenario::Latency => latency::measure(target, sizes).await,
        Scenario::Memory => memory::measure(target, sizes).await,
        Scenario::Simulate => simulate::measure(sizes).await,
        Scenario::Gates => gates::measure(sizes).await,
        Scenario::Api => api::measure(target, sizes).await,
        Scenario::Check => check::measure(sizes).await,
        Scenario::Start => start::measure(target, sizes).await,
        Scenario::Workers => workers::measure(target, sizes).await,
        Scenario::Capacity => capacity::measure(sizes).await,
        Scenario::Suppression => suppression::measure(target, sizes).await,
    }
}
