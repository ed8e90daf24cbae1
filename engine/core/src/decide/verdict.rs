//! The answer of the gates: proceed with a permit, defer, or stop; always with every gate's report.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::clock::Instant;
use crate::domain::consent::Form;
use crate::domain::text_enum::text_enum;
use crate::id::{ConsentId, EnrollmentId, LeadId};
use crate::phone::number::PhoneNumber;

text_enum! {
    /// The gates, in the order in which they are explained. The order never changes a verdict.
    pub enum Gate {
        LeadStatus = "lead-status",
        Phone = "phone",
        Suppression = "suppression",
        Consent = "consent",
        Campaign = "campaign",
        LegalHours = "legal-hours",
        CadenceHours = "cadence-hours",
        PreferredTime = "preferred-time",
        FrequencyCap = "frequency-cap",
        NumberBusy = "number-busy",
        EmergencyStop = "emergency-stop",
        RegistryAge = "registry-age",
        Purchase = "purchase",
        AbandonGuard = "abandon-guard",
    }
}

text_enum! {
    /// Why a gate answered as it did. Closed: reports, metrics and messages depend on these words.
    pub enum Reason {
        Passed = "passed",
        // lead
        DoNotCall = "do-not-call",
        OptedOut = "opted-out",
        // phone
        NoPhone = "no-phone",
        PhoneInvalid = "phone-invalid",
        // suppression
        Suppressed = "suppressed",
        Erased = "erased",
        // consent
        ConsentMissing = "consent-missing",
        ConsentRevoked = "consent-revoked",
        AiVoiceConsentMissing = "ai-voice-consent-missing",
        // campaign
        CampaignNotActive = "campaign-not-active",
        CampaignPaused = "campaign-paused",
        CampaignNotStarted = "campaign-not-started",
        CampaignOver = "campaign-over",
        OutsideCampaignSchedule = "outside-campaign-schedule",
        CampaignDailyLimit = "campaign-daily-limit",
        // hours
        OutsideLegalHours = "outside-legal-hours",
        ZoneUnknown = "zone-unknown",
        NoCommonWindow = "no-common-window",
        RuleMissing = "rule-missing",
        OutsideCadenceHours = "outside-cadence-hours",
        OutsidePreferredTime = "outside-preferred-time",
        // caps
        CapPerDay = "cap-per-day",
        CapPerWeek = "cap-per-week",
        CapTotal = "cap-total",
        CapGap = "cap-gap",
        LegalCap = "legal-cap",
        CapReached = "cap-reached",
        // concurrency
        NumberBusy = "number-busy",
        // emergency
        EmergencyStopped = "emergency-stop",
        // registries
        RegistryStale = "registry-stale",
        // purchase
        PurchaseGone = "purchase-gone",
        OfferOver = "offer-over",
        OfferWithdrawn = "offer-withdrawn",
        // abandoned calls
        AbandonShare = "abandon-share",
    }
}

/// What one gate says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// Content until then, if it knows; `None`: until the data changes.
    Pass { until: Option<Instant> },
    /// Not now. The gate is content, or moves later, at `until`.
    Defer { until: Instant },
    /// Not any more, until a person or the CRM changes something.
    Stop,
}

/// One gate's report with the facts it used. `facts` never holds a full phone number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateReport {
    pub gate: Gate,
    pub reason: Reason,
    #[serde(flatten)]
    pub answer: Answer,
    /// What the answer rests on, in words: rule ids, citations, counts, zones.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub facts: String,
}

impl GateReport {
    pub fn pass(gate: Gate) -> Self {
        Self { gate, reason: Reason::Passed, answer: Answer::Pass { until: None }, facts: String::new() }
    }

    pub fn defer(gate: Gate, reason: Reason, until: Instant) -> Self {
        Self { gate, reason, answer: Answer::Defer { until }, facts: String::new() }
    }

    pub fn stop(gate: Gate, reason: Reason) -> Self {
        Self { gate, reason, answer: Answer::Stop, facts: String::new() }
    }

    #[must_use]
    pub fn valid_until(mut self, instant: Instant) -> Self {
        self.answer = Answer::Pass { until: Some(instant) };
        self
    }

    #[must_use]
    pub fn because(mut self, facts: impl Into<String>) -> Self {
        self.facts = facts.into();
        self
    }
}

/// The verdict of all gates together. Stop outweighs Defer; Defer outweighs Proceed.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    Proceed(Permit),
    /// The first instant at which all gates pass, as far as can be known now.
    Defer {
        until: Instant,
        gate: Gate,
        reason: Reason,
    },
    Stop {
        gate: Gate,
        reason: Reason,
    },
}

/// A verdict with its evidence: every gate, also those that passed.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    pub verdict: Verdict,
    pub reports: Vec<GateReport>,
    pub at: Instant,
}

impl Decision {
    /// `(verdict word, reason)`: what has to change before a new decision is worth a row.
    pub fn signature(&self) -> (&'static str, Reason) {
        match &self.verdict {
            Verdict::Proceed(_) => ("proceed", Reason::Passed),
            Verdict::Defer { reason, .. } => ("defer", *reason),
            Verdict::Stop { reason, .. } => ("stop", *reason),
        }
    }
}

/// Permission to dial one number once, now. Only `gate::decide` makes one (its fields are private to `decide`),
/// and it expires: placing a call without a fresh permit does not compile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    pub(super) lead_id: LeadId,
    pub(super) enrollment_id: Option<EnrollmentId>,
    pub(super) number: PhoneNumber,
    pub(super) issued_at: Instant,
    pub(super) expires_at: Instant,
    /// As long as every gate stays content, with a margin; `None`: until the data changes.
    pub(super) content_until: Option<Instant>,
    pub(super) record: bool,
    /// The consent that this call rests on; `None`: none is asked for, and none is on file.
    pub(super) relied_on: Option<ReliedOn>,
}

/// The consent that a call rests on: the ledger's entry, or the campaign's attested basis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReliedOn {
    /// `None`: the campaign's basis.
    pub consent_id: Option<ConsentId>,
    pub form: Form,
    /// When it was given, or the basis attested.
    pub at: Instant,
}

impl Permit {
    /// A permit lives this long at most: the provider must have been asked by then (I2).
    pub const LIFETIME: TimeDelta = TimeDelta::seconds(1);

    /// The life of a permit by a clock that runs `speed` times as fast as real time: it is the disk and the network that
    /// need the second, and those follow the wall.
    pub fn lifetime(speed: f64) -> TimeDelta {
        TimeDelta::milliseconds((speed.max(1.0) * Self::LIFETIME.num_milliseconds() as f64) as i64)
    }

    /// The same permit for a clock of that speed; never beyond what the gates allow.
    #[must_use]
    pub fn at_speed(self, speed: f64) -> Self {
        let end = self.issued_at + Self::lifetime(speed);
        Self { expires_at: self.content_until.map_or(end, |until| until.min(end)), ..self }
    }

    pub fn lead_id(&self) -> LeadId {
        self.lead_id
    }

    pub fn enrollment_id(&self) -> Option<EnrollmentId> {
        self.enrollment_id
    }

    pub fn number(&self) -> &PhoneNumber {
        &self.number
    }

    pub fn issued_at(&self) -> Instant {
        self.issued_at
    }

    /// Last instant at which the provider may be asked.
    pub fn expires_at(&self) -> Instant {
        self.expires_at
    }

    pub fn relied_on(&self) -> Option<ReliedOn> {
        self.relied_on
    }

    /// May the call be recorded before consent is asked in the call? (A recording consent is on file.)
    pub fn may_record(&self) -> bool {
        self.record
    }
}
