//! `callwright apply`: publishes what a plan planned.

use std::process::ExitCode;

use clap::Args;

use super::super::definitions::DefinitionsArgs;
use super::super::output::{self, Format};
use super::super::{Global, session};

/// Publishes what `callwright plan` planned: new enrollments get it at once, people under way by the plan's mode.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  callwright apply --token p1+new-lead+…\n\nRefused when things have changed since the plan: plan again. May be run again after a crash; `callwright history CADENCE`\nshows how far it has come."
)]
pub struct ApplyArgs {
    /// The last line of `callwright plan`.
    #[arg(long)]
    token: String,
    #[command(flatten)]
    definitions: DefinitionsArgs,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub async fn run(args: ApplyArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let engine = match super::engine(&args.definitions, global).await {
        Ok(engine) => engine,
        // The way back to an earlier version must not depend on files that may be the very trouble.
        Err(problem) => {
            output::note(&format!("note: the files are left out: {problem}"));
            session::open(global).await?
        }
    };
    let publication = engine.apply_publication(&args.token).await?;
    let (publication, left) = super::move_people(&engine, &publication).await?;
    match args.format {
        Format::Human => output::print(&super::told(&publication, left)),
        Format::Json => output::print_json(&publication)?,
    }
    Ok(ExitCode::SUCCESS)
}
