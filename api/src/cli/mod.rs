//! The commands of `callwright`, one file each.

mod definitions;
mod demo;
mod output;
mod simulate;

use clap::{Parser, Subcommand};

/// An outbound dialer with declarative call flows.
#[derive(Debug, Parser)]
#[command(name = "callwright", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
    Simulate(simulate::SimulateArgs),
}

pub async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Demo(args) => demo::run(args).await,
        Command::Simulate(args) => simulate::run(args).await,
    }
}
