//! The binary `callwright` under another name: suites that start real processes get one that was built with them.

use std::process::ExitCode;

fn main() -> ExitCode {
    callwright_api::cli::main()
}
