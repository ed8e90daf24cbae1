//! Whole trials: the product's engine in virtual time against the simulated carrier, which keeps its own books. The numbers
//! that must be 0 are also shown not to be 0 when the safeguard behind them is switched off.

#![expect(clippy::unwrap_used, reason = "a helper of a test that cannot go on fails the test")]

mod benchmarks;
mod commands;
mod faults;
mod given;
mod publishing;
mod recorded;
mod safeguards;
