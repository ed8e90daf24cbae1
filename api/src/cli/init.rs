//! `callwright init`: a folder with a first flow, its words, a cadence and their tests, ready for `check` and `test`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::output;
use super::starters::{self, CADENCE, FLOW, Starter};

/// Makes a working folder with a first flow, script, cadence and tests.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  callwright init my-outreach && callwright check my-outreach && callwright test my-outreach"
)]
pub struct InitArgs {
    /// Where; this folder when left out. Files that exist are never overwritten.
    #[arg(default_value = ".", value_name = "DIR")]
    folder: PathBuf,
}

pub fn run(args: InitArgs) -> anyhow::Result<ExitCode> {
    let files: Vec<Starter> = FLOW.iter().chain(&CADENCE).copied().collect();
    starters::write(&args.folder, &files)?;
    let folder = args.folder.display();
    output::note(&format!("Next: callwright check {folder}; callwright test {folder}"));
    Ok(ExitCode::SUCCESS)
}
