//! Storms: the production engine, its SQL and its job handlers under one seeded scheduler, with faults at every boundary. A seed
//! is a whole story; the same seed is the same story. What it does, and the commands for long runs: `README.md` beside this file.

mod bugs;
mod clerk;
mod dice;
mod gate;
mod judge;
mod line;
mod people;
mod runs;
mod seen;
mod storm;
mod verdict;
mod world;
