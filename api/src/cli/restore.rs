//! `callwright restore`: puts a backup in place. It does not dial before `callwright reconcile`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::backup::{bar, show};
use super::output::{self, Format};
use crate::backup;

/// Restores a backup and marks the database: nobody is called until `callwright reconcile` has replayed the stops and found
/// the calls that came after it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright restore /var/backups/callwright --into sqlite:callwright.db --replace\n  callwright restore /var/backups/callwright/callwright-20260701T020000Z.pgdump --into postgres://dialer@db/dialer\n\nStop `callwright serve` and every worker first. What stood in the target before is put aside, not deleted. Afterwards:\n  callwright reconcile --help"
)]
pub struct RestoreArgs {
    /// The backup, its manifest, or a folder of which the newest is taken.
    from: PathBuf,
    /// Database to restore into: `sqlite:PATH` or `postgres://USER@HOST/NAME`.
    #[arg(long, value_name = "URL", hide_env_values = true)]
    into: String,
    /// The target may hold a database already; it is put aside.
    #[arg(long)]
    replace: bool,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub async fn run(args: RestoreArgs) -> anyhow::Result<ExitCode> {
    let bar = bar()?;
    let restored =
        backup::restore(&args.from, &args.into, args.replace, &|progress| show(&bar, progress)).await;
    bar.finish_and_clear();
    let restored = restored?;
    let manifest = &restored.manifest;
    match args.format {
        Format::Json => output::print_json(&json!({
            "backup": restored.backup,
            "takenAt": manifest.taken_at,
            "schema": manifest.schema,
            "migrations": restored.migrated,
            "aside": restored.aside,
            "recovering": true,
        }))?,
        Format::Human => {
            output::print(&format!(
                "restored {}, the state of {}",
                restored.backup.display(),
                manifest.taken_at.format("%Y-%m-%d %H:%M:%S UTC")
            ));
            if restored.migrated > 0 {
                output::print(&format!("applied {} migrations", restored.migrated));
            }
            if let Some(aside) = &restored.aside {
                output::print(&format!("what was there before is kept as {aside}"));
            }
            output::print(
                "Nobody is called until what came after the backup is known. Run this next, with the carrier's options of\n\
                 `callwright serve` and its journal:\n  callwright reconcile --database-url … --journal … --carrier …",
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}
