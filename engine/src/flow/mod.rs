//! The call interpreter: `(flow, session, input) → (prompts, session)`. Pure; the same code follows real and simulated calls.

pub mod callee;
pub mod interpreter;
pub mod session;
