//! `callwright backup`: a copy of a live database with a manifest beside it.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::output::{self, Format};
use super::{Global, session};
use crate::backup::{self, Manifest, Progress};

/// Backs up a database that is in use: one consistent state, checked, with a manifest beside it. Nothing is overwritten.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright backup /var/backups/callwright --keep 14\n  callwright backup before-upgrade.db\n  DATABASE_URL=postgres://dialer@db/dialer callwright backup /var/backups/callwright --keep 14 --format json\n\nPostgreSQL is dumped with its own pg_dump, which must be installed. A backup holds personal data; files are made with\nmode 0600. Keep it with the journal of stops (--journal), and on another machine. To restore: callwright restore --help"
)]
pub struct BackupArgs {
    /// File to write, or a folder in which it is named by its instant.
    to: PathBuf,
    /// Keep this many backups in the folder and remove older ones.
    #[arg(long, value_name = "NUMBER")]
    keep: Option<usize>,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub async fn run(args: BackupArgs, global: &Global) -> anyhow::Result<ExitCode> {
    // pg_dump needs a session of its own, which a transaction pooler cannot give.
    let url = global.migration_url.as_deref().unwrap_or(&global.database_url);
    let db = session::as_it_is(url).await?;
    let bar = bar()?;
    let made = backup::make(url, &db, &args.to, args.keep, &|progress| show(&bar, progress)).await;
    bar.finish_and_clear();
    let made = made?;
    db.close().await;
    let manifest = &made.manifest;
    match args.format {
        Format::Json => output::print_json(&json!({
            "backup": made.path,
            "manifest": Manifest::path_for(&made.path),
            "bytes": manifest.bytes,
            "sha256": manifest.sha256,
            "schema": manifest.schema,
            "takenAt": manifest.taken_at,
            "counts": manifest.counts,
            "removed": made.removed,
        }))?,
        Format::Human => {
            let count = |name: &str| manifest.counts.get(name).copied().unwrap_or(0);
            output::print(&format!(
                "{}: {} MB, {} leads, {} enrollments, {} suppressions",
                made.path.display(),
                manifest.bytes.div_ceil(1_000_000),
                count("leads"),
                count("enrollments"),
                count("suppressions"),
            ));
            for path in &made.removed {
                output::print(&format!("removed {}", path.display()));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A bar on a terminal, nothing elsewhere.
pub(super) fn bar() -> anyhow::Result<ProgressBar> {
    if !std::io::stderr().is_terminal() {
        return Ok(ProgressBar::hidden());
    }
    let style = ProgressStyle::with_template("{spinner} {msg}  {wide_bar} {bytes}/{total_bytes}")?;
    Ok(ProgressBar::new(0).with_style(style))
}

pub(super) fn show(bar: &ProgressBar, progress: Progress<'_>) {
    bar.set_message(progress.doing.to_owned());
    bar.set_length(progress.of.max(progress.done));
    bar.set_position(progress.done);
}
