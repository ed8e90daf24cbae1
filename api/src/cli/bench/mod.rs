//! `callwright bench`: the engine beside the limit of hand-written SQL, measured in the same run on the same database.

mod calls;
mod steps;

use anyhow::Context as _;
use callwright_engine::definitions::library::Library;
use callwright_engine::store::{Db, Durability, wipe};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::output::{self, Format};

/// Measures the engine and the hand-written limit in turn; figures are medians, ratios are what to quote.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright bench\n  callwright bench steps calls --runs 5 --format json\n  callwright bench calls --on postgres://bench@127.0.0.1/bench"
)]
pub struct BenchArgs {
    /// What to measure; everything by default.
    #[arg(value_enum)]
    scenarios: Vec<Scenario>,
    /// Database to measure on, repeatable; a new SQLite file in the current folder by default. PostgreSQL: an empty database.
    #[arg(long = "on", value_name = "URL")]
    databases: Vec<String>,
    /// Rows per run.
    #[arg(long, default_value_t = 10_000)]
    leads: u64,
    /// Runs per figure; the median is shown.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// Cadence steps per second: three timed steps per lead, gates evaluated, decisions kept, one event per step.
    Steps,
    /// Complete calls per second: plan, claim with durable intent, place at the in-process carrier, callbacks, outcome, advance.
    Calls,
    /// Complete calls per second in a simulation: the same in memory.
    Simulate,
}

impl Scenario {
    const fn name(self) -> &'static str {
        match self {
            Self::Steps => "steps",
            Self::Calls => "calls",
            Self::Simulate => "simulate",
        }
    }
}

/// Rows per transaction, for the engine and the limit alike.
const BATCH: u32 = 500;

/// Work done and the seconds it took, by the engine and by the limit.
#[derive(Debug, Clone, Copy)]
struct Sample {
    figure: f64,
    limit: f64,
}

pub async fn run(args: BenchArgs) -> anyhow::Result<()> {
    let scenarios = match args.scenarios.as_slice() {
        [] => Scenario::value_variants(),
        some => some,
    };
    let databases = if args.databases.is_empty() { vec![String::new()] } else { args.databases.clone() };
    for scenario in scenarios {
        for url in &databases {
            if *scenario == Scenario::Simulate && url != &databases[0] {
                continue;
            }
            measure(*scenario, url, &args).await?;
        }
    }
    Ok(())
}

async fn measure(scenario: Scenario, url: &str, args: &BenchArgs) -> anyhow::Result<()> {
    let mut samples = Vec::new();
    for round in 0..args.runs {
        let place = Place::open(scenario, url).await?;
        let library = Library::embedded();
        samples.push(match scenario {
            Scenario::Steps => steps::sample(&place.db, args.leads, u64::from(round)).await?,
            Scenario::Calls | Scenario::Simulate => {
                calls::sample(&place.db, library, args.leads, u64::from(round)).await?
            }
        });
        place.close().await?;
    }
    let figure = median(samples.iter().map(|sample| sample.figure));
    let limit = median(samples.iter().map(|sample| sample.limit));
    let ratio = median(samples.iter().map(|sample| sample.figure / sample.limit));
    let database = match (scenario, url.split(':').next().unwrap_or_default()) {
        (Scenario::Simulate, _) => "memory",
        (_, "postgres" | "postgresql") => "postgres",
        _ => "sqlite",
    };
    let (name, n) = (scenario.name(), args.leads);
    match args.format {
        Format::Json => output::print(
            &json!({
                "scenario": name, "database": database, "figure": figure.round(), "unit": format!("{}/s", unit(scenario)),
                "limit": limit.round(), "ratio": (ratio * 1_000.0).round() / 1_000.0, "n": n,
            })
            .to_string(),
        ),
        Format::Human => output::print(&format!(
            "{name:<9} {database:<9} {figure:>9.0} {}/s   limit {limit:>9.0}/s   ratio {ratio:.3}   (median of {}, {n} leads)",
            unit(scenario),
            args.runs
        )),
    }
    Ok(())
}

const fn unit(scenario: Scenario) -> &'static str {
    match scenario {
        Scenario::Steps => "steps",
        Scenario::Calls | Scenario::Simulate => "calls",
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A database for one run.
struct Place {
    db: Db,
    file: Option<std::path::PathBuf>,
}

impl Place {
    async fn open(scenario: Scenario, url: &str) -> anyhow::Result<Self> {
        if scenario == Scenario::Simulate {
            let db = Db::connect("sqlite::memory:", Durability::Scratch).await?;
            db.migrate().await?;
            return Ok(Self { db, file: None });
        }
        if url.is_empty() {
            // In the current folder: temporary folders are often in memory, where fsync costs nothing.
            let file = std::env::current_dir()?.join(format!("callwright-bench-{}.db", std::process::id()));
            remove(&file)?;
            let db = Db::open(&format!("sqlite:{}", file.display())).await?;
            return Ok(Self { db, file: Some(file) });
        }
        let db = Db::open(url).await?;
        anyhow::ensure!(
            wipe::synthetic(&db).await?,
            "the database at --on holds real leads: name an empty one"
        );
        Ok(Self { db, file: None })
    }

    async fn close(self) -> anyhow::Result<()> {
        self.db.close().await;
        if let Some(file) = &self.file {
            remove(file)?;
        }
        Ok(())
    }
}

fn remove(file: &std::path::Path) -> anyhow::Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let path = format!("{}{suffix}", file.display());
        match std::fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).context(path),
        }
    }
    Ok(())
}
