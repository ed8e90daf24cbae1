//! What survives a crash: real processes of the shipped command, killed with SIGKILL while calls are under way
//! (ENG-1, ENG-2, I1, I4). Crashes at chosen writes inside one process are not here.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod books;
mod kill_loop;
mod process;
mod world;
