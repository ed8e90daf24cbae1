//! `callwright migrate`: brings a database up to date, or says what that would take.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::output::Format;
use super::{Global, output, session};

/// Creates the tables or brings them up to date. Other commands do so too, unless they are told --no-migrate; this one does
/// nothing else.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright migrate --database-url postgres://dialer@localhost/dialer\n  callwright migrate --dry-run --format json\n\nAny number of these may run at once. A database that a newer Callwright has migrated is refused."
)]
pub struct MigrateArgs {
    /// List what would be applied, and apply nothing.
    #[arg(long)]
    dry_run: bool,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub async fn run(args: MigrateArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let url = global.migration_url.as_deref().unwrap_or(&global.database_url);
    let db = if args.dry_run { session::as_it_is(url).await } else { session::unmigrated(url).await }?;
    let schema = db.schema().await?;
    if !args.dry_run {
        db.migrate().await?;
    }
    db.close().await;
    let steps: Vec<String> =
        schema.pending.iter().map(|step| format!("{:04} {}", step.version, step.name)).collect();
    match args.format {
        Format::Json => output::print_json(&json!({
            "schema": if args.dry_run { schema.applied } else { schema.head },
            "head": schema.head,
            if args.dry_run { "pending" } else { "applied" }: steps,
        }))?,
        Format::Human if args.dry_run && !steps.is_empty() => {
            output::print(&format!("would be applied:\n  {}", steps.join("\n  ")));
        }
        Format::Human => {
            for step in &steps {
                output::print(&format!("applied {step}"));
            }
            output::print(&format!("the database is up to date (schema {})", schema.head));
        }
    }
    Ok(ExitCode::SUCCESS)
}
