//! The shape of a rule file. Unknown keys are errors; meaning is given to it in [`super::load`].

use chrono::{NaiveDate, NaiveDateTime};
use serde::{Deserialize, Serialize};

use super::jurisdiction::Jurisdiction;
pub use crate::domain::campaign::VoiceClass;
use crate::time::hours::Hours;

/// Which calls a rule binds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VoiceScope {
    #[default]
    Any,
    Live,
    Artificial,
}

impl VoiceScope {
    /// Whether calls of `voice` are bound.
    pub fn covers(self, voice: VoiceClass) -> bool {
        match self {
            VoiceScope::Any => true,
            VoiceScope::Live => voice == VoiceClass::Live,
            VoiceScope::Artificial => voice == VoiceClass::Artificial,
        }
    }
}

/// Whom a rule protects. Every lead is treated as a consumer, so this only informs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Party {
    #[default]
    Consumer,
    Business,
    Any,
}

/// How well a rule is known: A statute, regulator or source text; B law firm or vendor summary; C unverified.
/// C rules are kept for the record and never applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Grade {
    A,
    B,
    C,
}

/// Days on which a rule is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effective {
    pub from: NaiveDate,
    /// First day on which it is no longer in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<NaiveDate>,
}

impl Effective {
    /// Whether the rule is in force on `date`.
    pub fn contains(&self, date: NaiveDate) -> bool {
        self.from <= date && self.until.is_none_or(|until| date < until)
    }
}

/// What a cap counts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CapScope {
    /// All calls to the number.
    Number,
    /// Calls to the number about one subject, whichever number they come from.
    SameSubject,
}

/// At most `calls` within any `hours` hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegalCap {
    pub calls: u32,
    pub hours: u32,
    pub scope: CapScope,
}

/// Forms of consent, weakest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConsentForm {
    #[default]
    None,
    Express,
    ExpressWritten,
    /// Explicit consent registered under India's preference regulations.
    IndiaExplicit,
}

/// Consent that must be on record before a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsentNeed {
    pub form: ConsentForm,
}

/// Whose agreement a recording needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordingNeed {
    OneParty,
    AllParties,
}

/// What must be said in the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DisclosureKind {
    Identity,
    Purpose,
    CallbackNumber,
    AutomatedOptOut,
    ArtificialVoice,
    /// Not words but conduct: the call ends this soon after a refusal.
    EndOnRefusal,
}

/// Something a rule wants said, and by when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disclosure {
    pub what: DisclosureKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_seconds: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What lifts a rule in law. The engine never relies on it; it is shown so that people understand a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exemption {
    Consent,
    BusinessRelationship,
    Request,
}

/// A checked example: whether the rule's hours allow a call at a local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleVector {
    #[serde(with = "minute_text")]
    pub local: NaiveDateTime,
    pub allowed: bool,
}

/// One rule of one jurisdiction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub id: String,
    #[serde(default)]
    pub voice: VoiceScope,
    #[serde(default)]
    pub party: Party,
    pub effective: Effective,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    #[serde(default)]
    pub caps: Vec<LegalCap>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<ConsentNeed>,
    #[serde(default)]
    pub disclosures: Vec<Disclosure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<RecordingNeed>,
    #[serde(default)]
    pub exemptions: Vec<Exemption>,
    pub citation: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    pub grade: Grade,
    pub verified_on: NaiveDate,
    #[serde(default)]
    pub vectors: Vec<RuleVector>,
}

/// One file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleFile {
    pub jurisdiction: Jurisdiction,
    pub title: String,
    /// Whether the country alone is not enough to know the law.
    #[serde(default)]
    pub needs_subdivision: bool,
    /// Parts of the country that exist; any of them without a file of its own follows the country.
    #[serde(default)]
    pub subdivisions: Vec<String>,
    pub rules: Vec<Rule>,
}

/// `2026-01-14T08:00`, without seconds.
mod minute_text {
    use chrono::NaiveDateTime;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    const FORMAT: &str = "%Y-%m-%dT%H:%M";

    pub fn serialize<S: Serializer>(local: &NaiveDateTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&local.format(FORMAT))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveDateTime, D::Error> {
        let text = String::deserialize(deserializer)?;
        NaiveDateTime::parse_from_str(&text, FORMAT).map_err(D::Error::custom)
    }
}
