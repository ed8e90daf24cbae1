//! Events: everything that happened, appended in the same commit as the state it changed (I6).

use serde_json::Value;

use crate::clock::Instant;
use crate::id::{AttemptId, CampaignId, EnrollmentId, EventId, LeadId};

/// One event to append.
#[derive(Debug, Clone)]
pub struct Event {
    pub id: EventId,
    /// `CALL_ANSWERED` for the CRM's vocabulary, dotted past tense (`enrollment.started`) for the engine's own.
    pub kind: String,
    pub lead_id: Option<LeadId>,
    pub enrollment_id: Option<EnrollmentId>,
    pub attempt_id: Option<AttemptId>,
    pub campaign_id: Option<CampaignId>,
    /// When it happened, not when we heard of it.
    pub at: Instant,
    /// Version under which it happened.
    pub version: Option<String>,
    pub data: Value,
    /// The sender's own id: the same one twice is the same event.
    pub dedupe: Option<String>,
}

/// Event types of the CRM's vocabulary.
pub mod kinds {
    pub const CALL_PLACED: &str = "CALL_PLACED";
    pub const CALL_ANSWERED: &str = "CALL_ANSWERED";
    pub const CALL_NO_ANSWER: &str = "CALL_NO_ANSWER";
    pub const TRIAL_SIGNUP_OFFERED: &str = "TRIAL_SIGNUP_OFFERED";
    pub const QUALIFICATION_RESULT: &str = "QUALIFICATION_RESULT";
    pub const UPGRADE_OFFERED: &str = "UPGRADE_OFFERED";
    pub const OFFER_ACCEPTED: &str = "OFFER_ACCEPTED";
    pub const OPTOUT_REQUESTED: &str = "OPTOUT_REQUESTED";
    pub const WRONG_NUMBER: &str = "WRONG_NUMBER";
    pub const CALLBACK_REQUESTED: &str = "CALLBACK_REQUESTED";
    /// The person wrote to us: an answer by SMS, e-mail or chat.
    pub const REPLY_RECEIVED: &str = "REPLY_RECEIVED";
    /// The same by another system's name, with whatever fields that system adds.
    pub const MESSAGE_RECEIVED: &str = "MESSAGE_RECEIVED";
    /// A coupon was used in an order: couponId, code, offerId, productId, orderId, amount, value.
    pub const COUPON_REDEEMED: &str = "COUPON_REDEEMED";
}
