//! Simulation: the engine's own code in virtual time against a carrier that keeps its own books.
//! Nothing here decides anything; it moves the clock, hands facts over and counts.

pub mod driver;
pub mod histogram;
pub mod population;
pub mod replay;
pub mod story;
pub mod what_if;
