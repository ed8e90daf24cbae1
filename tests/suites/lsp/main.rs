//! The language server as editors meet it: the shipped command over its standard input and output, driven by Neovim without a
//! screen, and by bare messages where an editor would be too polite (DEF-2, DEF-3).

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod client;
mod latency;
mod neovim;
mod positions;
mod problems;
mod protocol;
mod workspace;
