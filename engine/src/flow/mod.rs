//! The call interpreter: `(flow, session, input) → (prompts, session)`. Pure; the same code follows real and simulated calls.

pub mod callee;
mod exits;
pub mod interpreter;
mod program;
pub mod session;
pub mod understand;

