//! The shape of rule and holiday files. Unknown keys are errors; meaning is given to it in [`super::load`]. Their JSON Schemas
//! are generated from these types, whose documentation is what editors show.

use std::collections::BTreeMap;

use chrono::{NaiveDate, NaiveDateTime};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::jurisdiction::Jurisdiction;
pub use crate::domain::campaign::VoiceClass;
use crate::time::hours::Hours;

/// Which calls a rule binds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Party {
    #[default]
    Consumer,
    Business,
    Any,
}

/// How well a rule is known: A statute, regulator or source text; B law firm or vendor summary; C unverified.
/// C rules are kept for the record and never applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Grade {
    A,
    B,
    C,
}

/// Days on which a rule is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Effective {
    /// First day in force, such as `2025-01-01`.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CapScope {
    /// All calls to the number.
    Number,
    /// Calls to the number about one subject, whichever number they come from.
    SameSubject,
}

/// At most `calls` within any `hours` hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LegalCap {
    /// Calls that are allowed.
    pub calls: u32,
    /// Length of the span in hours; it rolls.
    #[schemars(range(min = 1, max = 87_600))]
    pub hours: u32,
    /// What is counted together: `number`, or `same-subject`.
    pub scope: CapScope,
}

/// Forms of consent, weakest first.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentNeed {
    /// The weakest form that will do.
    pub form: ConsentForm,
}

/// Whose agreement a recording needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RecordingNeed {
    OneParty,
    AllParties,
}

/// What must be said in the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Disclosure {
    /// What is to be said.
    pub what: DisclosureKind,
    /// How soon; 0 is "with the first words". At any time when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_seconds: Option<u32>,
    /// What the law says more exactly, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What lifts a rule in law. The engine never relies on it; it is shown so that people understand a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Exemption {
    Consent,
    BusinessRelationship,
    Request,
}

/// A checked example: whether the rule's hours allow a call at a local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleVector {
    /// A time on the called person's clock, such as `2026-01-14T08:00`.
    #[serde(with = "minute_text")]
    #[schemars(with = "String")]
    pub local: NaiveDateTime,
    /// Whether the rule's hours allow a call then.
    pub allowed: bool,
}

/// One rule of one jurisdiction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name, as decisions and explanations cite it; unique over all files.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_-]*$"))]
    pub id: String,
    /// Which calls it binds. `any` unless said otherwise.
    #[serde(default)]
    pub voice: VoiceScope,
    /// Whom the law protects. `consumer` unless said otherwise; every lead counts as one.
    #[serde(default)]
    pub party: Party,
    /// Days on which it is in force.
    pub effective: Effective,
    /// Hours in which it allows calls, on the called person's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// How often a number may be called.
    #[serde(default)]
    pub caps: Vec<LegalCap>,
    /// Consent that must be on record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<ConsentNeed>,
    /// What must be said, and by when.
    #[serde(default)]
    pub disclosures: Vec<Disclosure>,
    /// Whose agreement a recording needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<RecordingNeed>,
    /// What lifts it in law; never relied on.
    #[serde(default)]
    pub exemptions: Vec<Exemption>,
    /// Where it is written: statute, order, or who reports it.
    #[schemars(length(min = 1))]
    pub citation: String,
    /// What people should know about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// `A`: statute, regulator or source text. `B`: law firm or vendor summary. `C`: unverified, never applied.
    pub grade: Grade,
    /// Whether it binds calls. `true` unless said otherwise; a rule of grade C must say `false`.
    #[serde(default = "yes")]
    pub applied: bool,
    /// The day on which somebody last compared it with its source.
    pub verified_on: NaiveDate,
    /// Examples just inside and just outside of its hours.
    #[serde(default)]
    pub vectors: Vec<RuleVector>,
}

const fn yes() -> bool {
    true
}

impl Rule {
    /// Whether it ever binds a call.
    pub fn binds(&self) -> bool {
        self.applied && self.grade < Grade::C
    }
}

/// Calling rules of one jurisdiction.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Calling rules")]
pub struct RuleFile {
    /// The country or state whose law it is: `IN`, `US-FL`.
    pub jurisdiction: Jurisdiction,
    /// Its name for people.
    pub title: String,
    /// The profile under which these rules hold, and may be less strict than the shipped ones. Without one they hold always
    /// and only add to the law.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_-]*$"))]
    pub profile: Option<String>,
    /// Whether the country alone is not enough to know the law.
    #[serde(default)]
    pub needs_subdivision: bool,
    /// Parts of the country that exist; any of them without a file of its own follows the country.
    #[serde(default)]
    pub subdivisions: Vec<String>,
    /// The rules.
    pub rules: Vec<Rule>,
}

/// Holidays by jurisdiction: dates on which rules and campaigns do not call, or only at other hours.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Holidays")]
pub struct HolidayFile {
    /// Days for which the lists are complete. Beyond them, rules that mind holidays allow no call.
    #[serde(default)]
    pub covers: Option<Effective>,
    /// Dates by jurisdiction and name of the holiday; a state's add to its country's.
    #[schemars(with = "BTreeMap<String, BTreeMap<String, Vec<NaiveDate>>>")]
    pub calendars: BTreeMap<Jurisdiction, BTreeMap<String, Vec<NaiveDate>>>,
}

/// `2026-01-14T08:00`, without seconds.
mod minute_text {
    use chrono::NaiveDateTime;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(local: &NaiveDateTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&local.format(super::MINUTE))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveDateTime, D::Error> {
        let text = String::deserialize(deserializer)?;
        NaiveDateTime::parse_from_str(&text, super::MINUTE).map_err(D::Error::custom)
    }
}

/// How a local time is written.
pub const MINUTE: &str = "%Y-%m-%dT%H:%M";
