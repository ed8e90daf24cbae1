//! Callwright's pure core: what a call, a cadence and a rule are, and every decision about them.
//!
//! Dependencies point one way: `decide`, `flow` → `definitions`, `domain`; `domain` → nothing. There is no database here, no
//! network, no clock and no randomness: the instant is always an argument. That nothing of the kind can slip in is held by this
//! being a crate of its own, which knows neither the store nor the shell.

pub mod answer;
pub mod clock;
pub mod decide;
pub mod definitions;
pub mod domain;
pub mod flow;
pub mod id;
pub mod money;
pub mod package;
pub mod phone;
pub mod rules;
pub mod scatter;
pub mod testing;
pub mod time;
