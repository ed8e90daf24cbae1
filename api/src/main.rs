//! The binary `callwright`.

use callwright_api::cli::{self, Cli};
use clap::Parser as _;

fn main() -> std::process::ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    match runtime.block_on(cli::run(cli)) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"));
            std::process::ExitCode::FAILURE
        }
    }
}
