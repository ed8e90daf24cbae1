//! Callwright's workers: everything that runs in the background and everything that talks to the outside on its own account.
//! The rules and the state are the engine's; what the product looks like from outside is the API crate's.

pub mod queue;
pub mod schedule;
