//! Companies that place calls, behind `engine::provider::Provider`. Here: the simulated carrier, in process and over HTTP, and voice
//! platforms that are sent the complete package: any behind a signed webhook, and OmniDimension.
//! What a call means is not here: facts go to the engine, which alone folds them into outcomes.

pub mod asking;
pub mod callback;
pub mod carrier_http;
pub mod http;
pub mod limited;
pub mod measured;
pub mod omnidim;
pub mod package_webhook;
pub mod report;
pub mod signature;
pub mod simulated;
pub mod wire;
