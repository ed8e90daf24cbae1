//! Suppressions: entries that forbid calling a number (GATE-2).

use super::text_enum::text_enum;
use crate::clock::Instant;
use crate::id::{CampaignId, SuppressionId};
use crate::phone::number::PhoneNumber;

text_enum! {
    /// Where an entry comes from.
    pub enum Source {
        /// The person said stop.
        OptOut = "opt_out",
        Internal = "internal",
        NationalRegistry = "national_registry",
        Campaign = "campaign",
        Litigator = "litigator",
    }
}

/// One entry.
#[derive(Debug, Clone)]
pub struct Suppression {
    pub id: SuppressionId,
    pub number: PhoneNumber,
    pub source: Source,
    /// Only for this campaign; `None` means everywhere.
    pub campaign_id: Option<CampaignId>,
    pub reason: String,
    /// Key, user or part of the product; empty: not known.
    pub added_by: String,
    pub created_at: Instant,
    pub expires_at: Option<Instant>,
}
