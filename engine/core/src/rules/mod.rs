//! Calling rules as data: what the law of a place allows, when, and on whose word.
//!
//! One file per jurisdiction under `engine/rules/`, embedded and read once; operators lay files of their own over them. A place
//! without a file has no rule, and without a rule nobody is called: callers treat [`NoRule`] as a refusal. Gates that use the
//! answer live in `decide`; what is said about broken files in `definitions::rule_files`.

mod files;
mod holidays;
mod jurisdiction;
mod layers;
mod load;
mod looser;
mod memo;
mod profile;
mod schema;

pub use crate::time::holiday::HolidayCalendar;
pub use jurisdiction::{Jurisdiction, JurisdictionError};
pub use layers::{OperatorRules, RulesError};
pub use load::{Citation, LegalRule, NoRule, Rules};
pub use looser::{Looser, looser};
pub use profile::{Profile, ProfileError};
pub use schema::{
    CapScope, ConsentForm, ConsentNeed, Disclosure, DisclosureKind, Effective, Exemption, Grade, HolidayFile,
    LegalCap, MINUTE, Party, RecordingNeed, Rule, RuleFile, RuleVector, VoiceClass, VoiceScope,
};
