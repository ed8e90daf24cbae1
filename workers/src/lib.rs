//! Callwright's workers: what talks to the outside, the dial loop, and the runtime of its jobs.

pub mod bell;
pub mod dialer;
pub mod heartbeat;
pub mod herald;
pub mod jobs;
pub mod log_keeper;
pub mod provider;
pub mod punctual;
pub mod queue;
pub mod rest;
pub mod schedule;
pub mod trace;
pub mod trial;
pub mod watch;
