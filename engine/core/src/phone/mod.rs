//! Telephone numbers: E.164 form, validity, region and candidate zones.
//!
//! Suppression, consent and caps belong to `domain` and `decide`; here a number is only a number and a place.

pub mod fingerprint;
pub mod number;
pub mod reason;
pub mod zones;

pub use number::{LineType, PhoneNumber};
pub use reason::{PhoneError, PhoneReason};
pub use zones::{Candidates, Evidence, LeadPlace, NoZone, candidates, candidates_from_names};
