//! Definition tests (DEF-6): test files played against compiled definitions, in virtual time, with the interpreter, the cadence
//! advance and the gates that real calls go through. Pure: nothing is stored, nobody is called.
//!
//! `given` says who is called and what is known, `talk` plays a conversation, `walk` a cadence, `expect` compares,
//! `coverage` counts what the cases have gone through.

pub mod coverage;
mod expect;
mod given;
mod moment;
pub mod mutate;
pub mod shading;
mod suite;
mod talk;
mod walk;
mod walker;

pub use suite::{CaseResult, Failure, FileResult, Report, run};

#[cfg(test)]
mod tests;
