//! Callwright's engine: every rule, every state and every SQL statement of the dialer.
//!
//! Dependencies point one way: `engine` (the shell) → `decide`, `flow`, `store`, `provider`;
//! `decide`, `flow` → `definitions`, `domain`; `store` → `domain`; `domain` → nothing.
//! No HTTP lives here, and no clock: the instant is always an argument.

pub mod clock;
pub mod decide;
pub mod definitions;
pub mod domain;
pub mod engine;
pub mod flow;
pub mod id;
pub mod journal;
pub mod metrics;
pub mod money;
pub mod package;
pub mod phone;
pub mod provider;
pub mod rules;
pub mod simulate;
pub mod store;
pub mod testing;
pub mod time;
