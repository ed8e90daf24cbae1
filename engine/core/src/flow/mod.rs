//! The call interpreter: `(flow, session, input) → (prompts, session)`. Pure; the same code follows real and simulated calls.
//!
//! `interpreter` walks the steps, `exits` leaves them, `answers` and `understand` make sense of what the callee does, `render`
//! finds the words; `revocation` knows which words are a stop. `callee` plays the other side in simulation and tests.

mod answers;
pub mod callee;
mod exits;
pub mod interpreter;
pub mod program;
mod render;
pub mod revocation;
pub mod session;
pub mod turn;
mod understand;

#[cfg(test)]
mod tests;
