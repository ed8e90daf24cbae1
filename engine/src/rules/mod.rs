//! Calling rules as data: what the law of a place allows, when, and on whose word.
//!
//! One file per jurisdiction under `engine/rules/`, embedded and read once. A place without a file has no rule, and
//! without a rule nobody is called: callers treat [`NoRule`] as a refusal. Gates that use the answer live in `decide`.

mod files;
mod holidays;
mod jurisdiction;
mod load;
mod memo;
mod schema;

pub use crate::time::holiday::HolidayCalendar;
pub use jurisdiction::{Jurisdiction, JurisdictionError};
pub use load::{Citation, LegalRule, NoRule, Rules, RulesError};
pub use schema::{
    CapScope, ConsentForm, ConsentNeed, Disclosure, DisclosureKind, Effective, Exemption, Grade, LegalCap,
    Party, RecordingNeed, Rule, RuleVector, VoiceClass, VoiceScope,
};
