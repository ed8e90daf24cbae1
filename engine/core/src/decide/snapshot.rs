//! Everything the gates may look at, loaded by the shell in a fixed number of queries per batch.
//! Gates see nothing else: a stored snapshot replays to the stored decision.

use std::sync::Arc;

use crate::clock::Instant;
use crate::decide::abandonment::Abandonment;
use crate::definitions::model::cadence::{CadenceHours, Limits};
use crate::domain::campaign::Campaign;
use crate::domain::cap::Cap;
use crate::domain::consent::{Form, Purpose};
use crate::domain::emergency::EmergencyStop;
use crate::domain::lead::LeadStatus;
use crate::domain::registry::RegistryList;
use crate::domain::suppression::Source;
use crate::id::{CampaignId, ConsentId, EnrollmentId, LeadId};
use crate::phone::number::PhoneNumber;
use crate::rules::Jurisdiction;
use crate::time::preferred::PreferredTime;
use crate::time::zone::Zone;

/// The view of one lead at the moment of decision.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub lead: LeadFacts,
    pub phone: PhoneFacts,
    pub suppressions: Vec<SuppressionFact>,
    pub consents: Vec<ConsentFact>,
    /// `None` when the campaign is gone: the campaign gate stops.
    pub campaign: Option<Arc<CampaignFacts>>,
    /// Intents that count in caps, newest first, of the lead or its number, of the last 31 days.
    pub intents: Vec<Intent>,
    /// The same of everybody in the lead's account, the lead included; none for a lead without an account.
    pub account: Option<Vec<Intent>>,
    /// Calls placed by this enrollment so far (for the cadence's total).
    pub placed: u32,
    /// A live or unknown attempt of another enrollment holds the number.
    pub number_busy: bool,
    /// What the call rests on.
    pub purchase: PurchaseFact,
    /// What the call promises. A cadence that follows on another one promises nothing of its own.
    pub offer: OfferFact,
    pub enrollment_id: Option<EnrollmentId>,
    pub cadence_hours: Option<Arc<CadenceHours>>,
    pub cadence_limits: Limits,
    /// The cadence's caps for whoever and whenever; the campaign has its own.
    pub cadence_caps: Arc<[Cap]>,
    /// The callee asked for this moment: campaign schedule, cadence hours, the usual preferred time and the minimum gap give
    /// way; law, suppression, consent and counted caps do not.
    pub promised: bool,
    /// Emergency stops in force, whomever they concern.
    pub emergency_stops: Arc<[EmergencyStop]>,
    /// Lists of the registries in use, whoever is on them; who is on one has a suppression.
    pub registries: Arc<[RegistryList]>,
    /// Since when the number is that of an erased person.
    pub erased_at: Option<Instant>,
}

impl Snapshot {
    /// What had happened by `at`: later calls, entries and consents left out. For explanations of another instant than the
    /// one the snapshot was taken at; what a lead or a campaign was set to since is not known.
    #[must_use]
    pub fn as_of(mut self, at: Instant) -> Self {
        self.intents.retain(|intent| intent.at <= at);
        if let Some(intents) = &mut self.account {
            intents.retain(|intent| intent.at <= at);
        }
        self.suppressions.retain(|entry| entry.created_at <= at);
        self.erased_at = self.erased_at.filter(|erased_at| *erased_at <= at);
        self.consents.retain(|entry| entry.granted_at <= at);
        // A line that is busy now was not then, or will not be.
        self.number_busy = false;
        self
    }
}

#[derive(Debug, Clone)]
pub struct LeadFacts {
    pub id: LeadId,
    pub status: LeadStatus,
    pub do_not_call: bool,
    pub preferred: Option<Arc<PreferredTime>>,
}

/// The number that would be called.
#[derive(Debug, Clone)]
pub enum PhoneFacts {
    /// The lead has no number at all.
    None,
    /// It has one, which cannot be called: the kebab-case reason.
    Invalid(String),
    Callable {
        number: PhoneNumber,
        /// Every zone the called person may be in; empty fails closed.
        zones: Arc<[Zone]>,
        /// Every jurisdiction whose law may apply; empty fails closed.
        jurisdictions: Arc<[Jurisdiction]>,
    },
}

#[derive(Debug, Clone)]
pub struct SuppressionFact {
    pub source: Source,
    /// Only for this campaign; `None` means everywhere.
    pub campaign_id: Option<CampaignId>,
    pub reason: String,
    pub created_at: Instant,
    pub expires_at: Option<Instant>,
}

impl SuppressionFact {
    /// Of whoever is on a registry's list.
    pub fn listed(list: &RegistryList) -> Self {
        Self {
            source: list.registry.source,
            campaign_id: None,
            reason: format!("on the list {}", list.name()),
            created_at: list.data_at.unwrap_or_default(),
            expires_at: None,
        }
    }
}

/// A consent that holds for the number that would be called.
#[derive(Debug, Clone)]
pub struct ConsentFact {
    /// `None`: taken back without ever having been on file.
    pub id: Option<ConsentId>,
    pub purpose: Purpose,
    pub form: Form,
    pub granted_at: Instant,
    pub revoked_at: Option<Instant>,
}

/// Does a call rest on a purchase, and does that still count?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PurchaseFact {
    #[default]
    NotNeeded,
    Counts,
    /// Given back in full, not verified any more, or not on file.
    Gone,
}

/// Does a call promise an offer of a trigger, and does that still hold?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OfferFact {
    #[default]
    NotPromised,
    HoldsUntil(Instant),
    /// Its trigger was cancelled before this lead was called.
    Withdrawn,
}

/// A dial intent that counts in caps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intent {
    pub at: Instant,
    pub campaign_id: CampaignId,
    /// It was to this lead, at whatever number.
    pub to_lead: bool,
    /// It was to this number, whichever lead has it.
    pub to_number: bool,
}

/// The campaign with its use so far today (its own zone's day).
#[derive(Debug, Clone)]
pub struct CampaignFacts {
    pub campaign: Campaign,
    pub intents_today: u32,
    /// Of its present thirty days.
    pub abandonment: Abandonment,
}
