//! `callwright simulate`: a cadence over a population in virtual time, or a recorded campaign replayed.

mod cadence;
mod compare;
mod json;
mod population;
mod replay;
mod report;
mod rows;
mod text;
mod version;

use std::path::PathBuf;

use callwright_engine::clock::Instant;
use callwright_engine::definitions::library::Library;
use callwright_engine::simulate::what_if::WhatIf;
use callwright_engine::store::{Db, Durability};
use chrono::{SubsecRound as _, TimeZone as _, Utc};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::Global;
use super::definitions::{DefinitionsArgs, load};
use super::output::Format;

/// Runs a cadence for many leads over virtual weeks in seconds, with the engine's own code; only clock and carrier differ.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright simulate new-lead --leads 5000 --days 30\n  callwright simulate new-lead --report report.html --csv leads.csv\n  callwright simulate price-drop --leads 200 --variables '{\"product\":{\"name\":\"Lamp\"},\"offer\":{\"percent\":10}}'\n  callwright simulate new-lead --population leads.csv --timeline lead_123\n  callwright simulate new-lead --from-database --campaign spring --limit 500\n  callwright simulate new-lead --hours 10:00-16:00 --per-day 1 --against what-if --report what-if.html\n  callwright simulate new-lead --against ../next-version\n  callwright simulate --replay campaign.csv --format json"
)]
pub struct SimulateArgs {
    /// The cadence to run.
    #[arg(required_unless_present = "replay", conflicts_with = "replay")]
    cadence: Option<String>,
    /// Replay a recorded campaign: a CSV with the columns contact, attempts, duration_s, subscribed.
    #[arg(long, value_name = "FILE.csv")]
    replay: Option<PathBuf>,
    /// Synthetic people to make up.
    #[arg(long, default_value_t = 1_000, conflicts_with_all = ["population", "replay", "from_database"])]
    leads: u64,
    /// Leads from a CSV instead (the columns of `callwright import`).
    #[arg(long, value_name = "FILE.csv", conflicts_with_all = ["replay", "from_database"])]
    population: Option<PathBuf>,
    /// Leads of the database instead, with their consents and suppressions. It is only read from; earlier calls do not count.
    #[arg(long, conflicts_with = "replay")]
    from_database: bool,
    /// Only leads that were ever enrolled for this campaign, under its schedule and limits.
    #[arg(long, value_name = "KEY", requires = "from_database")]
    campaign: Option<String>,
    /// Leads of the database at most.
    #[arg(long, default_value_t = 10_000, requires = "from_database")]
    limit: u32,
    /// Virtual days to run at most.
    #[arg(long, default_value_t = 120)]
    days: u32,
    /// Virtual instant to start at. [default: 2026-03-02T06:00:00Z; the present with --from-database]
    #[arg(long)]
    start: Option<Instant>,
    /// The same seed makes the same people, callees and outcomes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What the trigger hands in, as JSON.
    #[arg(long, default_value = "{}", value_parser = super::json_object, conflicts_with = "replay")]
    variables: serde_json::Value,
    /// How callees behave: a JSON file of weights (answer, noAnswer, busy, voicemail, failed, accept, decline, optOut, …).
    #[arg(long, value_name = "FILE.json", conflicts_with = "replay")]
    profile: Option<PathBuf>,
    #[command(flatten)]
    definitions: DefinitionsArgs,
    #[command(flatten)]
    what_if: WhatIfArgs,
    /// Compare with another version over the same people: a folder of definitions, or `what-if` for the changes named here.
    #[arg(long, value_name = "DIR|what-if", conflicts_with = "replay")]
    against: Option<String>,
    /// Print this lead's timeline (its external id).
    #[arg(long, value_name = "LEAD", conflicts_with = "replay")]
    timeline: Option<String>,
    /// Write everything counted as JSON.
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    json: Option<PathBuf>,
    /// Write per lead what was called when, and why not.
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    csv: Option<PathBuf>,
    /// Write one HTML page with pictures that opens anywhere, also offline.
    #[arg(long, value_name = "FILE.html", conflicts_with = "replay")]
    report: Option<PathBuf>,
    /// Keep the database here (a new file).
    #[arg(long, value_name = "FILE")]
    keep: Option<PathBuf>,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Hours and limits of the cadence other than its file says.
#[derive(Debug, Args)]
#[command(next_help_heading = "What if (other than the cadence's file says)")]
struct WhatIfArgs {
    /// Contact hours, such as `10:00-16:00`; may be repeated.
    #[arg(long, value_name = "FROM-UNTIL", conflicts_with = "replay")]
    hours: Vec<String>,
    /// Contact days, such as `mon-fri`.
    #[arg(long, value_name = "DAYS", conflicts_with = "replay")]
    weekdays: Option<String>,
    /// Calls to a lead per day at most.
    #[arg(long, value_name = "NUMBER", conflicts_with = "replay")]
    per_day: Option<u32>,
    /// Calls to a lead in seven days at most.
    #[arg(long, value_name = "NUMBER", conflicts_with = "replay")]
    per_week: Option<u32>,
    /// Calls to a lead altogether at most.
    #[arg(long, value_name = "NUMBER", conflicts_with = "replay")]
    total: Option<u32>,
    /// Least time between two calls to a lead, such as `4 hours`.
    #[arg(long, value_name = "LENGTH", conflicts_with = "replay")]
    gap: Option<String>,
}

impl WhatIfArgs {
    fn changes(&self) -> WhatIf {
        WhatIf {
            hours: self.hours.clone(),
            weekdays: self.weekdays.clone(),
            per_day: self.per_day,
            per_week: self.per_week,
            total: self.total,
            gap: self.gap.clone(),
        }
    }
}

impl SimulateArgs {
    /// A fixed Monday, so that the same command tells the same story; real leads live in the present.
    fn start(&self) -> Instant {
        self.start.unwrap_or_else(|| {
            let fixed = Utc.with_ymd_and_hms(2026, 3, 2, 6, 0, 0).single();
            fixed.filter(|_| !self.from_database).unwrap_or_else(Utc::now)
        })
    }
}

pub async fn run(mut args: SimulateArgs, global: &Global) -> anyhow::Result<()> {
    // The present is read once; whole seconds survive every database.
    args.start = Some(args.start().trunc_subsecs(0));
    if let Some(file) = &args.replay {
        // The cadence made for it is a shipped one; who has another names the folder.
        return replay::run(&args, file, load(args.definitions.definitions.as_deref())?).await;
    }
    cadence::run(&args, global, load(args.definitions.folder().as_deref())?).await
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
