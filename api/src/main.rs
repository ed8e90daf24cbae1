//! The binary `callwright`.

use std::process::ExitCode;

/// Rows are made on one thread and dropped on another, by the million; the system's allocator minds.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    callwright_api::cli::main()
}
