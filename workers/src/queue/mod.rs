//! The worker side of the jobs table: apalis runs handlers, and everything that must not fail is ours.
//!
//! apalis gives Monitor, tower layers, tracing and a graceful stop; it does *not* retry, acknowledge, keep leases or store
//! state for us. Claims, leases, outcomes and reaping live in tasks of our own (`engine`), apart from the loop that apalis
//! runs all handlers in, because a slow handler there must not cost anybody a lease. Only `backend`, `ack` and `workers`
//! name apalis; the rest would serve a loop of our own as well.
//!
//! The promise is at-least-once with fences: a stalled worker's write is refused, its side effect cannot be recalled.
//! Placing calls does not come through here: its claim is on attempts.

mod ack;
mod backend;
mod claimer;
mod completer;
mod config;
mod engine;
mod heartbeat;
mod held;
mod hints;
mod job;
mod lease;
mod reaper;
mod watchdog;
mod workers;

pub use config::QueueConfig;
pub use engine::{Counters, Engine};
pub use hints::Hints;
pub use job::{Handled, Job, JobConfig, JobError, OnLostLease, Run};
pub use workers::Workers;
