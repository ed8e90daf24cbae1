//! Callwright's outward faces: the HTTP API and the command line. Thin on purpose: rules live in the engine.

pub mod backup;
pub mod cli;
pub mod enrolling;
pub mod export;
pub mod http;
pub mod import;
pub mod lsp;
