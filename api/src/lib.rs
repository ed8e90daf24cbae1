//! The binary and its parts: commands and outward faces.

pub mod cli;
