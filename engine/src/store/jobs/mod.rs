//! The jobs table: due work with leases, fences, durable back-off and a dead-letter view (ENG-5, I8, I9).
//!
//! A job carries an id and is never the truth: lost, late or doubled it changes nothing. Who runs jobs is not decided here
//! (`callwright-workers`, `queue`); future work stays in the tables of its own noun, this one holds what is due or backing off.
//!
//! ```text
//! pending ──claim──▶ running ──done──▶ done
//!    ▲                  │ ├──give up, last attempt──▶ dead ─────────┐
//!    │◀─retry, snooze,──┘ └──lease ran out K times──▶ quarantined ──┤
//!    │  hand back, lease ran out                                     │
//!    │◀─────────────────────────retry by hand────────────────────────┤
//!    └──cancel──▶ cancelled ◀───────────discard──────────────────────┘
//! ```
//!
//! A running job that returns while another with its de-duplication key is pending is superseded (`cancelled`): that one
//! will do the work, and two pending rows with one key must not exist.
//!
//! Two clocks: what is *due* follows `now` (the database's clock, or the shared virtual one); *leases* follow the database's
//! real clock always, so that a virtual clock running fast does not take jobs away from living workers.

pub mod admin;
mod claim;
mod clock;
mod enqueue;
mod finish;
mod model;
mod reap;
pub mod schedules;

#[cfg(test)]
mod tests;

pub use claim::{Claim, claim, release_orphans, renew};
pub use clock::{Clock, read_clock};
pub use enqueue::enqueue;
pub use finish::{Written, finish_many};
pub use model::{BackOff, Claimed, Finish, JobState, NewJob, Outcome};
pub use reap::{ReapPolicy, Reaped, reap};
