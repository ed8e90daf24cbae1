//! The simulated carrier: seeded callees, injected faults and books of its own, so that the whole product runs, and is
//! audited, without an account anywhere (OUT-7).
//!
//! `in_process` is driven by a clock in the caller's hand; `server` is the same carrier as its own HTTP service. Both share
//! `behaviour` (what a callee does), `faults` (what goes wrong), `ledger` and `audit` (what really happened).

pub mod audit;
pub mod behaviour;
pub mod book;
mod broken;
pub mod called_zones;
pub mod callee;
pub mod clock;
mod draw;
pub mod faults;
pub mod in_process;
pub mod journal;
pub mod ledger;
mod live_call;
mod outbox;
mod pending;
mod played;
pub mod profile;
pub mod pump;
pub mod queue;
pub mod rows;
pub mod scripted;
pub mod server;
