//! Fault scenarios on the shipped command: real processes on a real database and a carrier with books of its own, and what
//! goes wrong around them. The command `kill-loop` runs them in earnest, the suite `durability` a little of each.
//!
//! One episode of a scenario is a [`stage::Stage`]: an installation ([`world`]), its processes ([`cast`]), callers of its API
//! ([`traffic`]), and at the end the comparison of three sets of books ([`books`], [`history`]): the dialer's database, the
//! carrier's ledger, and what callers of the API were promised.

pub mod books;
pub mod cast;
pub mod figures;
pub mod history;
pub mod needs;
pub mod process;
pub mod proxy;
pub mod scenario;
pub mod server;
pub mod speed;
pub mod stage;
pub mod traffic;
pub mod world;
