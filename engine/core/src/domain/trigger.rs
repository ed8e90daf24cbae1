//! Triggers: something happened to a product or a campaign, and the people it concerns are to be called.
//!
//! ```text
//! running ──everybody looked at──▶ done
//!    └──cancel──▶ withdrawing ──nobody waits for it any more──▶ cancelled
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::text_enum::text_enum;
use crate::clock::Instant;
use crate::id::{CampaignId, LeadId, OfferId, ProductId, TriggerId, TriggerRuleId};
use crate::money::{Money, Percent};

text_enum! {
    /// What happened.
    pub enum TriggerKind {
        PriceDrop = "price_drop",
        Restock = "restock",
        Promo = "promo",
    }
}

impl TriggerKind {
    /// The cadence that people walk, unless another is named.
    pub const fn cadence(self) -> &'static str {
        match self {
            Self::PriceDrop => "price-drop",
            Self::Restock => "restock",
            Self::Promo => "promo",
        }
    }

    /// What its coupons begin with: `PRICE_DROP` in `PRICE_DROP-15-7K3Q-9XZM-TC4`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::PriceDrop => "PRICE_DROP",
            Self::Restock => "RESTOCK",
            Self::Promo => "PROMO",
        }
    }
}

text_enum! {
    /// Where the people of a trigger stand.
    pub enum TriggerState {
        /// People are being looked at, in the background.
        Running = "running",
        /// Cancelled; whoever still waits for the call is being taken out.
        Withdrawing = "withdrawing",
        Done = "done",
        Cancelled = "cancelled",
    }
}

impl TriggerState {
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Cancelled)
    }
}

text_enum! {
    /// Who raised it.
    pub enum TriggerSource {
        Api = "api",
        Command = "command",
        /// A change in the catalogue, by a rule.
        Catalogue = "catalogue",
    }
}

/// A trigger as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    pub id: TriggerId,
    pub kind: TriggerKind,
    /// What happened: the same twice is one trigger.
    pub event_key: String,
    pub source: TriggerSource,
    pub campaign_id: CampaignId,
    /// Of a promotion: `None`, and the campaign's products count.
    pub product_id: Option<ProductId>,
    /// Without one nothing is given away.
    pub offer_id: Option<OfferId>,
    pub cadence: String,
    /// Only this lead; `None`: everybody whom it concerns.
    pub lead_id: Option<LeadId>,
    pub terms: Terms,
    pub state: TriggerState,
    /// People it may concern, counted when it was raised.
    pub candidates: u64,
    /// Last lead looked at; `None` before the first.
    pub cursor: Option<LeadId>,
    pub eligible: u64,
    /// Counts by reason.
    pub skipped: BTreeMap<String, u64>,
    pub raised_at: Instant,
    pub updated_at: Instant,
    pub finished_at: Option<Instant>,
}

/// What is promised, and who is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Terms {
    /// Price before; `None` where no price changed.
    pub original: Option<Money>,
    /// Price now.
    pub new: Option<Money>,
    /// Basis points taken off.
    pub discount_bp: Option<u16>,
    /// The promise ends here, and with it the trigger: the same event afterwards is a new one.
    pub valid_until: Instant,
    /// Buyers who would get back less than this are not called.
    #[serde(default)]
    pub min_saving: Option<Money>,
    /// Leads with one of these tags are not called.
    #[serde(default)]
    pub exclude_tags: Vec<String>,
}

impl Terms {
    pub fn discount(&self) -> Option<Percent> {
        self.discount_bp.and_then(Percent::of_basis_points)
    }
}

/// A change of the catalogue that raises a trigger by itself; nobody is called by surprise, so each is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerRule {
    pub id: TriggerRuleId,
    pub kind: TriggerKind,
    pub campaign_id: CampaignId,
    /// `None`: every product of the campaign.
    pub product_id: Option<ProductId>,
    /// Smaller drops raise nothing; basis points of the old price.
    pub min_drop_bp: u16,
    /// Of what a restock offers returning customers.
    pub discount_bp: Option<u16>,
    pub is_active: bool,
    pub created_at: Instant,
}
