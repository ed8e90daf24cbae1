//! Callwright's engine: every state and every SQL statement of the dialer, around the rules of its pure core.
//!
//! Dependencies point one way: `engine` (the shell) → `store`, `callwright_core`; `store` → the core's nouns.
//! No HTTP lives here, and no clock: the instant is always an argument.

pub mod engine;
pub mod journal;
pub mod metrics;
pub mod provider;
pub mod simulate;
pub mod store;

pub use callwright_core::{
    clock, decide, definitions, domain, flow, id, money, package, phone, rules, scatter, testing, time,
};
