//! Companies that place calls, behind `engine::provider::Provider`. Here: the simulated carrier, in process and over HTTP.
//! What a call means is not here: facts go to the engine, which alone folds them into outcomes.

pub mod callback;
pub mod carrier_http;
pub mod http;
pub mod limited;
pub mod measured;
pub mod signature;
pub mod simulated;
pub mod wire;
