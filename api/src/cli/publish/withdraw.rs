//! `callwright withdraw`: nobody gets a version any more.

use std::process::ExitCode;

use callwright_engine::domain::publication::{MapTo, Mode};
use callwright_engine::engine::publish::{DEFAULT_RATE, Withdrawal};
use clap::{Args, ValueEnum};

use super::super::output::{self, Format};
use super::super::{Global, session};
use super::{pair, step_map};

/// Withdraws a version: new enrollments get the newest one that is left, or are refused when there is none.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright withdraw 3f2a91c0\n  callwright withdraw 3f2a91c0 --running follow\n  callwright withdraw 3f2a91c0 --running end\n\nFiles that hold a withdrawn version do not bring it back; `callwright plan` and `apply` do."
)]
pub struct WithdrawArgs {
    /// (The beginning of) the version's hash.
    #[arg(value_name = "VERSION")]
    hash: String,
    /// What becomes of the people under way in it.
    #[arg(long, value_enum, default_value_t = Running::Pin)]
    running: Running,
    /// With `--running migrate`: OLD=NEW, or OLD=end for out; may be repeated.
    #[arg(long = "map", value_name = "OLD=NEW", value_parser = pair)]
    steps: Vec<(String, MapTo)>,
    /// People a minute who may become due at once by the move.
    #[arg(long, value_name = "NUMBER", default_value_t = DEFAULT_RATE)]
    rate: u32,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Running {
    /// They stay in it to their end.
    Pin,
    /// They go on in the version that takes its place.
    Follow,
    /// The same, with --map.
    Migrate,
    /// They end.
    End,
}

pub async fn run(args: WithdrawArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let engine = session::open(global).await?;
    let running = match args.running {
        Running::Pin => Mode::Pin,
        Running::Follow => Mode::Follow,
        Running::Migrate => Mode::Migrate,
        Running::End => Mode::End,
    };
    let (steps, rate) = (step_map(&args.steps), args.rate);
    let publication = engine.withdraw(&Withdrawal { version: args.hash, running, steps, rate }).await?;
    let (publication, left) = super::move_people(&engine, &publication).await?;
    match args.format {
        Format::Human => output::print(&super::told(&publication, left)),
        Format::Json => output::print_json(&publication)?,
    }
    Ok(ExitCode::SUCCESS)
}
