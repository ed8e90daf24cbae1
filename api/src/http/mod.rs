//! The HTTP face: thin handlers over the engine. Every route stands in [`mod@router`]; rules live in the engine.

pub mod amount;
pub mod auth;
pub mod callbacks;
pub mod error;
pub mod extract;
pub mod families;
pub mod health;
pub mod idempotency;
pub mod known_keys;
pub mod moment;
pub mod observe;
pub mod openapi;
pub mod right_of_way;
pub mod router;
pub mod schemas;
pub mod state;

pub use router::{operations, router};
pub use state::{Access, App};
