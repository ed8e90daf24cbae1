//! `callwright simulate`: a cadence over a population in virtual time, or a recorded campaign replayed.

mod cadence;
mod replay;

use std::path::PathBuf;

use callwright_engine::clock::Instant;
use callwright_engine::definitions::library::Library;
use callwright_engine::store::{Db, Durability};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::output::Format;

/// Runs a cadence for many leads over virtual weeks in seconds, with the engine's own code; only clock and carrier differ.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright simulate new-lead --leads 5000 --days 30\n  callwright simulate price-drop --leads 200 --variables '{\"product\":{\"name\":\"Lamp\"},\"offer\":{\"percent\":10}}'\n  callwright simulate new-lead --population leads.csv --timeline lead_123\n  callwright simulate --replay campaign.csv --format json"
)]
pub struct SimulateArgs {
    /// The cadence to run.
    #[arg(required_unless_present = "replay", conflicts_with = "replay")]
    cadence: Option<String>,
    /// Replay a recorded campaign: a CSV with the columns contact, attempts, duration_s, subscribed.
    #[arg(long, value_name = "FILE.csv")]
    replay: Option<PathBuf>,
    /// Synthetic people to make up.
    #[arg(long, default_value_t = 1_000, conflicts_with_all = ["population", "replay"])]
    leads: u64,
    /// Leads from a CSV instead (the columns of `callwright import`).
    #[arg(long, value_name = "FILE.csv", conflicts_with = "replay")]
    population: Option<PathBuf>,
    /// Virtual days to run at most.
    #[arg(long, default_value_t = 120)]
    days: u32,
    /// Virtual instant to start at.
    #[arg(long, default_value = "2026-03-02T06:00:00Z")]
    start: Instant,
    /// The same seed makes the same people, callees and outcomes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What the trigger hands in, as JSON.
    #[arg(long, default_value = "{}", value_parser = super::json_object, conflicts_with = "replay")]
    variables: serde_json::Value,
    /// How callees behave: a JSON file of weights (answer, noAnswer, busy, voicemail, failed, accept, decline, optOut, …).
    #[arg(long, value_name = "FILE.json", conflicts_with = "replay")]
    profile: Option<PathBuf>,
    /// Folder that holds flows/ and cadences/; otherwise the shipped definitions.
    #[arg(long, value_name = "DIR")]
    definitions: Option<PathBuf>,
    /// Print this lead's timeline (its external id).
    #[arg(long, value_name = "LEAD", conflicts_with = "replay")]
    timeline: Option<String>,
    /// Keep the database here (a new file).
    #[arg(long, value_name = "FILE")]
    keep: Option<PathBuf>,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub async fn run(args: SimulateArgs) -> anyhow::Result<()> {
    let library = super::definitions::load(args.definitions.as_deref())?;
    match &args.replay {
        Some(file) => replay::run(&args, file, library).await,
        None => cadence::run(&args, library).await,
    }
}

/// In memory unless it is to be kept. Losing a simulation to a power cut costs a repetition, so nothing waits for the disk.
async fn open(keep: Option<&std::path::Path>) -> anyhow::Result<Db> {
    let url = match keep {
        Some(path) => {
            anyhow::ensure!(!path.exists(), "{} exists: name a new file with --keep", path.display());
            format!("sqlite:{}", path.display())
        }
        None => "sqlite::memory:".to_owned(),
    };
    let db = Db::connect(&url, Durability::Scratch).await?;
    db.migrate().await?;
    Ok(db)
}

fn progress(format: Format, total: u64) -> ProgressBar {
    if format == Format::Json {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} calls  {msg}");
    ProgressBar::new(total).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Definitions with errors are not simulated.
fn cadence_exists(library: &Library, key: &str) -> anyhow::Result<()> {
    if library.bundle(key).is_some() {
        return Ok(());
    }
    let known: Vec<&str> = library.cadences().map(|cadence| cadence.key.as_str()).collect();
    anyhow::bail!("there is no cadence `{key}`; known are {}", known.join(", "))
}
