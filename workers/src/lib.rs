//! Callwright's workers: what talks to the outside, the dial loop, and the runtime of its jobs.

pub mod dialer;
pub mod heartbeat;
pub mod jobs;
pub mod provider;
pub mod queue;
pub mod schedule;
pub mod trace;
pub mod trial;
pub mod watch;
