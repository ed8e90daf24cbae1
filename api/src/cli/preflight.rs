//! `callwright preflight`: how many of these leads could be called, when, and why the others not. Writes nothing.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use callwright_engine::engine::preflight::{Counted, Preflight, PreflightQuery};
use callwright_engine::store::campaign;
use callwright_engine::store::lead::{self, LeadFilter};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::definitions::DefinitionsArgs;
use super::output::{self, Format};
use super::{Global, session};
use crate::http::moment::Moment;
use crate::import::{Format as RowFormat, RowError};
use crate::{enrolling, preflight};

/// Judges leads by every gate, as if they were enrolled and called, without writing anything.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright preflight new-lead\n  callwright preflight new-lead --campaign spring --leads bought-list.csv\n  callwright preflight promo --segment agencies --at 2026-12-01T15:00:00Z --format json\n\nA file's leads need not be on file; those that match a lead on file are judged by what is on file. The histogram counts,\nfor each of the next 24 hours, leads whose gates are all open at some time in it."
)]
pub struct PreflightArgs {
    /// Its name in its file.
    cadence: String,
    /// Key or id; otherwise the campaign named like the cadence, or the only active one.
    #[arg(long)]
    campaign: Option<String>,
    /// A file of leads as `import` takes it, `.csv` or `.jsonl`; all leads on file, when left out.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["status", "segment", "tag"])]
    leads: Option<PathBuf>,
    /// Leads on file with this status.
    #[arg(long)]
    status: Option<String>,
    /// Leads on file of this segment.
    #[arg(long)]
    segment: Option<String>,
    /// Leads on file with this tag.
    #[arg(long)]
    tag: Option<String>,
    /// The instant of the first call; now, when left out.
    #[arg(long, value_name = "TIME", value_parser = Moment::parse)]
    at: Option<Moment>,
    /// What a trigger would hand in, as JSON.
    #[arg(long, default_value = "{}", value_parser = super::json_object)]
    variables: Value,
    #[command(flatten)]
    definitions: DefinitionsArgs,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub async fn run(args: PreflightArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let engine = session::engine(session::database(global).await?, args.definitions.load()?);
    let filter = LeadFilter {
        status: args.status.as_deref().map(str::parse).transpose()?,
        segment: args.segment.as_deref().map(str::parse).transpose()?,
        tag: args.tag.clone(),
        ..LeadFilter::default()
    };
    let mut tx = engine.db.begin_read().await?;
    let campaign_id = match &args.campaign {
        Some(named) => campaign::resolve(&mut tx, named)
            .await?
            .ok_or_else(|| anyhow::anyhow!("campaign `{named}` does not exist"))?,
        None => enrolling::campaign_for(&mut tx, &args.cadence).await?.map_err(anyhow::Error::msg)?,
    };
    let expected = if args.leads.is_some() { 0 } else { lead::count(&mut tx, &filter).await? };
    tx.rollback().await?;
    let query = PreflightQuery {
        cadence: args.cadence.clone(),
        campaign_id,
        at: args.at.map(|at| at.0),
        variables: args.variables.clone(),
    };
    let mut look = engine.preflight(query).await?;
    let mut mistakes: Vec<RowError> = Vec::new();
    let bar = if let Some(path) = &args.leads {
        let file = File::open(path).with_context(|| format!("{} cannot be opened", path.display()))?;
        let bar = bar(file.metadata()?.len(), "{bar:40} {percent}%  {msg}  {eta} left")?;
        let counted = bar.wrap_read(file);
        let format = RowFormat::of_name(&path.to_string_lossy());
        let told = bar.clone();
        mistakes = preflight::file(&mut look, format, counted, move |seen| {
            told.set_message(format!("{seen} leads"));
        })
        .await
        .with_context(|| format!("{} was not read to its end", path.display()))?;
        bar
    } else {
        let bar = bar(expected, "{bar:40} {pos} of {len} leads  {eta} left")?;
        let told = bar.clone();
        preflight::filtered(&engine, &mut look, &filter, move |seen| told.set_position(seen)).await?;
        bar
    };
    bar.finish_and_clear();
    let found = look.finish();
    match args.format {
        Format::Json => output::print(&serde_json::to_string(&found)?),
        Format::Human => {
            for error in &mistakes {
                let field = error.field.as_deref().map(|field| format!(" {field}:")).unwrap_or_default();
                output::print(&format!("line {}:{field} {}", error.line, error.message));
            }
            output::print(&text(&found));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn bar(length: u64, template: &str) -> anyhow::Result<ProgressBar> {
    if !io::stderr().is_terminal() {
        return Ok(ProgressBar::hidden());
    }
    Ok(ProgressBar::new(length).with_style(ProgressStyle::with_template(template)?))
}

fn text(found: &Preflight) -> String {
    let mut lines = vec![format!(
        "{} leads for `{}` by campaign `{}`, asked for {}:",
        found.leads,
        found.cadence,
        found.campaign,
        found.at.format("%Y-%m-%d %H:%M UTC")
    )];
    let unknown =
        if found.unknown > 0 { format!("; {} are not on file yet", found.unknown) } else { String::new() };
    lines.push(format!(
        "  {} may be called now, {} later, {} not at all, {} would not be enrolled, {} rows unreadable{unknown}",
        found.proceed, found.defer, found.stop, found.refused, found.unreadable
    ));
    if !found.reasons.is_empty() {
        lines.push("Why not now:".to_owned());
        lines.extend(found.reasons.iter().flat_map(reason));
    }
    lines.push("Leads that may be called in each of the next 24 hours (UTC):".to_owned());
    let most = found.hours.iter().map(|hour| hour.open).max().unwrap_or(0).max(1);
    for hour in &found.hours {
        let width = (hour.open * 40).div_ceil(most) as usize;
        lines.push(format!("  {}  {:>9}  {}", hour.from.format("%d %H:%M"), hour.open, "#".repeat(width)));
    }
    let limits: Vec<String> = [
        found.calls_per_hour.map(|calls| format!("{calls} calls an hour")),
        found.calls_per_day.map(|calls| format!("{calls} a day")),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !limits.is_empty() {
        lines.push(format!("The campaign's pacing allows {}.", limits.join(", ")));
    }
    lines.push(format!("Zone data {}, calling rules {}.", found.tzdata, found.rules));
    lines.join("\n")
}

fn reason(counted: &Counted) -> Vec<String> {
    let gate = counted.gate.map(|gate| format!("{gate}: ")).unwrap_or_default();
    let mut lines = vec![format!("  {:>9}  {:6}  {gate}{}", counted.leads, counted.verdict, counted.code)];
    if let Some(sample) = counted.samples.first() {
        let who = sample.external_id.clone().or_else(|| sample.lead_id.map(|id| id.to_string()));
        let by = match (&sample.rule, &sample.citation) {
            (Some(rule), Some(citation)) => format!(" by {rule} ({citation})"),
            _ => String::new(),
        };
        let who = who.unwrap_or_else(|| "a lead of the list".to_owned());
        lines.push(format!("             such as {who}: {}{by}", sample.detail));
    }
    lines
}
