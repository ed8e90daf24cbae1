//! The binary `callwright`.

use std::process::ExitCode;

fn main() -> ExitCode {
    callwright_api::cli::main()
}
