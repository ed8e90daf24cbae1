//! `callwright migrate`: brings a database up to date.

use std::process::ExitCode;

use clap::Args;

use super::{Global, output, session};

/// Creates the tables or brings them up to date. Other commands do so too; this one does nothing else.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  callwright migrate --database-url postgres://dialer@localhost/dialer")]
pub struct MigrateArgs {}

pub async fn run(_: MigrateArgs, global: &Global) -> anyhow::Result<ExitCode> {
    session::database(global).await?.close().await;
    output::print("the database is up to date");
    Ok(ExitCode::SUCCESS)
}
