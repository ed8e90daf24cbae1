//! Callwright's workers: what talks to the outside, and the runtime of its jobs.

pub mod provider;
