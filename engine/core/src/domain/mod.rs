//! The nouns of the dialer and their legal transitions. No I/O, no SQL, no clock: instants are arguments.

pub mod text_enum;

pub mod attempt;
pub mod call;
pub mod campaign;
pub mod cap;
pub mod consent;
pub mod coupon;
pub mod emergency;
pub mod enrollment;
pub mod erasure;
pub mod event;
pub mod lead;
pub mod new_lead;
pub mod new_offer;
pub mod new_product;
pub mod new_purchase;
pub mod offer;
pub mod outcome;
pub mod priority;
pub mod product;
pub mod publication;
pub mod purchase;
pub mod reach;
pub mod registry;
pub mod revocation;
pub mod suppression;
pub mod trigger;
pub mod user;
pub mod vocabulary;

/// A text that is not one of an enum's values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not a {what}: use one of {allowed}")]
pub struct UnknownText {
    pub what: &'static str,
    pub found: String,
    pub allowed: String,
}
