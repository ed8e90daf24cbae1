//! `callwright erase`: removes a person.

use std::process::ExitCode;

use anyhow::Context;
use callwright_engine::engine::Erased;
use callwright_engine::store::lead;
use clap::Args;

use super::output::{self, Format};
use super::{Global, session, stop};

/// Erases a person: their calls and enrollments end, and names, addresses, numbers, attributes, what was said and what was
/// decided in words are removed for good. Ids, times and figures stay. Their numbers are not called again, whoever brings them,
/// until a manager's `callwright opt-in`: a keyed hash of each is kept for that.
///
/// Records of calls to numbers of the United States keep the number, and the consent ledger its evidence, for five years
/// (16 CFR 310.5); they go by themselves then. `callwright export person` shows what is kept.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright erase lead_123 --reason \"asked by letter of 2026-11-20\" --dry-run\n  callwright erase lead_123 --reason \"asked by letter of 2026-11-20\" --by dana@example.com\n\nErasing cannot be undone; backups made before still have the person, and `callwright reconcile` after a restore erases again.\nThe reason is kept: name nobody in it. api/docs/personal-data.md tells what goes, what stays, and what the hash is good for."
)]
pub struct EraseArgs {
    /// A lead, by our id or yours.
    lead: String,
    /// Why; kept for whoever asks later. It should name nobody.
    #[arg(long)]
    reason: String,
    /// Who erases. [default: the user of this machine]
    #[arg(long)]
    by: Option<String>,
    /// Only say what would be removed.
    #[arg(long)]
    dry_run: bool,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub async fn run(args: EraseArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let engine = session::open(global).await?;
    let mut tx = engine.db.begin_read().await?;
    let id = lead::resolve(&mut tx, &args.lead).await?;
    tx.rollback().await?;
    let id = id.with_context(|| format!("lead `{}` does not exist", args.lead))?;
    let by = args.by.unwrap_or_else(stop::whoever);
    let erased = engine.erase(id, &by, &args.reason, args.dry_run).await?;
    match args.format {
        Format::Json => output::print_json(&erased)?,
        Format::Human => show(&erased, args.dry_run),
    }
    Ok(ExitCode::SUCCESS)
}

fn show(erased: &Erased, dry_run: bool) {
    let Erased { lead_id, erased_at, by, numbers, removed, .. } = erased;
    if erased.repeated {
        output::print(&format!("lead {lead_id} was erased on {} by {by}", erased_at.date_naive()));
        return;
    }
    let would = if dry_run { "would be erased" } else { "is erased" };
    output::print(&format!("lead {lead_id} {would}; {numbers} numbers are not called any more"));
    let rows: Vec<String> = removed.iter().map(|(table, rows)| format!("{rows} {table}")).collect();
    output::print(&format!("rows that lose what they tell of the person: {}", rows.join(", ")));
    if erased.calls_under_way > 0 {
        let calls = erased.calls_under_way;
        output::print(&format!(
            "{calls} calls are under way and told to end; their words are removed within minutes of it"
        ));
    }
    if let Some(until) = erased.kept_until {
        let until = until.date_naive();
        output::print(&format!(
            "records of calls and consents are kept until {until} (16 CFR 310.5), without the name"
        ));
    }
}
