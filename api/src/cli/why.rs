//! `callwright why`: why was, or wasn't, this lead called, and when is the next attempt?

use std::process::ExitCode;

use callwright_engine::store::lead;
use clap::Args;

use super::output::{self, Format};
use super::{Global, session};
use crate::http::moment::Moment;

/// Explains a lead: every gate's answer, attempts, kept decisions and the next attempt.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright why lead_123\n  callwright why lead_123 --at 2026-07-04T15:00:00Z --format json"
)]
pub struct WhyArgs {
    /// Our id or yours.
    lead: String,
    /// Judge by this instant instead of now.
    #[arg(long, value_name = "TIME", value_parser = Moment::parse)]
    at: Option<Moment>,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub async fn run(args: WhyArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let engine = session::open(global).await?;
    let mut tx = engine.db.begin_read().await?;
    let id = lead::resolve(&mut tx, &args.lead).await?;
    tx.rollback().await?;
    let id = id.ok_or_else(|| anyhow::anyhow!("lead `{}` does not exist", args.lead))?;
    let why = engine.why(id, args.at.map(|at| at.0)).await?;
    match args.format {
        Format::Human => output::print_raw(&why.text()),
        Format::Json => output::print_json(&why)?,
    }
    Ok(ExitCode::SUCCESS)
}
