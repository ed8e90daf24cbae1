//! `callwright opt-in`: takes a person's opt-out back.

use std::process::ExitCode;

use anyhow::Context;
use callwright_engine::store::lead;
use clap::Args;

use super::output::{self, Format};
use super::{Global, session};

/// Takes an opt-out back: a manager's act, with the evidence that the person wants calls again. It is kept as an event. Lists
/// of registries and entries of other sources stay, and so does the opt-out of somebody else with the same number.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright opt-in lead_123 --by dana@example.com --evidence \"signed form of 2026-11-20, scan 4711\""
)]
pub struct OptInArgs {
    /// A lead, by our id or yours.
    lead: String,
    /// Manager who holds the evidence: e-mail address of a user with that role.
    #[arg(long, value_name = "EMAIL")]
    by: String,
    /// What shows that the person wants calls again, and where it is kept.
    #[arg(long)]
    evidence: String,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub async fn run(args: OptInArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let engine = session::open(global).await?;
    let by = session::manager(&engine, &args.by).await?;
    let mut tx = engine.db.begin_read().await?;
    let id = lead::resolve(&mut tx, &args.lead).await?;
    tx.rollback().await?;
    let id = id.with_context(|| format!("lead `{}` does not exist", args.lead))?;
    let done = engine.opt_in(id, &by, &args.evidence).await?;
    if args.format == Format::Json {
        output::print_json(&done)?;
        return Ok(ExitCode::SUCCESS);
    }
    output::print(&format!("lead {id} may be called again: {} opt-outs of numbers lifted", done.lifted));
    if done.erased > 0 {
        output::print(&format!("{} numbers were those of an erased person", done.erased));
    }
    if done.kept > 0 {
        output::print(&format!("{} stay: somebody else with the number has opted out too", done.kept));
    }
    if done.others > 0 {
        output::print(&format!("{} entries of other sources stay (`callwright why {id}`)", done.others));
    }
    Ok(ExitCode::SUCCESS)
}
