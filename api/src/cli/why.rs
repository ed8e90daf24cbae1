//! `callwright why`: why was, or wasn't, this lead called, and when is the next attempt? For a bare number: may it be called?

mod number;

use std::process::ExitCode;

use callwright_engine::definitions::library::Library;
use callwright_engine::domain::campaign::VoiceClass;
use callwright_engine::store::lead;
use clap::Args;

use super::output::{self, Format};
use super::rules::RulesArgs;
use super::{Global, session};
use crate::http::moment::Moment;

/// Explains a lead: every gate's answer, attempts, kept decisions and the next attempt. For a bare number it says what the
/// numbering plan, the suppression list and the law say; gates that need a lead are left out and named.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright why lead_123\n  callwright why lead_123 --at 2026-07-04T15:00:00Z --format json\n  callwright why +18502345678 --at 2026-01-14T13:30:00Z --voice live\n  callwright why +13052345678 --attempt 2026-01-14T15:00:00Z --attempt 2026-01-14T17:00:00Z --attempt 2026-01-14T19:00:00Z --format json\n  callwright why +14012345678 --rules our-rules --rules-profile federal-only"
)]
pub struct WhyArgs {
    /// A lead, by our id or yours; or a number in the form +18502345678.
    #[arg(value_name = "LEAD|NUMBER")]
    subject: String,
    /// Judge by this instant instead of now.
    #[arg(long, value_name = "TIME", value_parser = Moment::parse)]
    at: Option<Moment>,
    /// For a number: whose voice would be heard; by default both have to be allowed.
    #[arg(long, value_name = "CLASS", value_parser = number::voice)]
    voice: Option<VoiceClass>,
    /// For a number: an earlier call to it, repeatable; counted in the caps of the law.
    #[arg(long = "attempt", value_name = "TIME", value_parser = Moment::parse)]
    attempts: Vec<Moment>,
    #[command(flatten)]
    rules: RulesArgs,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub async fn run(args: WhyArgs, global: &Global) -> anyhow::Result<ExitCode> {
    if number::is_one(&args.subject) {
        return number::run(&args, global).await;
    }
    let is_about_numbers = args.voice.is_some() || !args.attempts.is_empty();
    anyhow::ensure!(
        !is_about_numbers,
        "--voice and --attempt are for bare numbers such as +18502345678; a lead's campaign and attempts are on file"
    );
    let rules = args.rules.load()?;
    let engine = session::engine_under(session::database(global).await?, Library::embedded(), rules);
    let mut tx = engine.db.begin_read().await?;
    let id = lead::resolve(&mut tx, &args.subject).await?;
    tx.rollback().await?;
    let id = id.ok_or_else(|| anyhow::anyhow!("lead `{}` does not exist", args.subject))?;
    let why = engine.why(id, args.at.map(|at| at.0)).await?;
    match args.format {
        Format::Human => output::print_raw(&why.text()),
        // One line, as for a bare number.
        Format::Json => output::print(&serde_json::to_string(&why)?),
    }
    Ok(ExitCode::SUCCESS)
}
