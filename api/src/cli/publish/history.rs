//! `callwright history`: the versions of a cadence and who is on them.

use std::process::ExitCode;

use callwright_engine::engine::publish::CadenceHistory;
use chrono::{DateTime, Utc};
use clap::Args;

use super::super::output::{self, Format};
use super::super::{Global, session};
use super::short;

/// Lists the versions of a cadence, who is under way in them, and what was published when.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  callwright history new-lead\n\nBack to an earlier one: callwright plan new-lead --to HASH --mode follow, then callwright apply"
)]
pub struct HistoryArgs {
    /// The cadence's name in its file.
    cadence: String,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub async fn run(args: HistoryArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let engine = session::open(global).await?;
    let history = engine.history(&args.cadence).await?;
    match args.format {
        Format::Human => output::print(&text(&history)),
        Format::Json => output::print_json(&history)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn text(history: &CadenceHistory) -> String {
    let mut rows = vec![["version", "first published", "people", ""].map(str::to_owned).to_vec()];
    for version in &history.versions {
        let note = match (version.is_head, version.withdrawn_at) {
            (true, _) => "new enrollments get it".to_owned(),
            (false, Some(at)) => format!("withdrawn {}", day(at)),
            (false, None) => String::new(),
        };
        let (hash, people) = (short(&version.version).to_owned(), version.running.to_string());
        rows.push(vec![hash, day(version.first_published_at), people, note]);
    }
    let mut events =
        vec![["when", "how", "to", "mode", "moved", "ended", "state"].map(str::to_owned).to_vec()];
    for each in &history.publications {
        events.push(vec![
            day(each.published_at),
            each.kind.to_string(),
            each.version.as_deref().map_or("none", short).to_owned(),
            each.mode.to_string(),
            each.moved.to_string(),
            each.ended.to_string(),
            each.state.to_string(),
        ]);
    }
    format!("{}\n\n{}", output::table(&rows), output::table(&events))
}

fn day(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}
