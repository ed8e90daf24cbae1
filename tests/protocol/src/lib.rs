//! A seeded simulation of the whole call protocol: workers, provider, people and database in one process on virtual time, driven
//! through the product's own decisions, with checks that stand outside. What it covers and how it is run: `README.md` beside it.

mod bug;
mod carrier;
mod checks;
mod claim;
mod fault;
mod looking;
mod people;
mod place;
mod placing;
mod plan;
mod record;
mod rng;
mod rows;
mod runs;
mod setup;
mod trace;
mod worker;
mod world;

pub use bug::Bug;
pub use checks::Violation;
pub use fault::{Fault, Fired};
pub use runs::{Outcome, Totals, play, play_many, shrink, told};
